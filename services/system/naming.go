package system

import (
	"log/slog"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"vigie/internal/sysconfig"
)

// defaultHostname is the name of a machine that nobody named.
const defaultHostname = "vigie"

// naming gives the machine its host name: the configured one, else the boot option's, else the default.
type naming struct {
	observe bool
	boot    string
	publish func(string)
	log     *slog.Logger

	given atomic.Pointer[string] // what was configured or given at boot; nil or "": nothing
}

// chosen is the name that somebody gave the machine; "" when nobody did.
func (n *naming) chosen() string {
	if s := n.given.Load(); s != nil {
		return *s
	}
	return ""
}

func (n *naming) apply(c sysconfig.Config) {
	if n.observe {
		if name, err := os.Hostname(); err == nil {
			n.publish(name)
		}
		return
	}
	given := c.Hostname
	if given == "" {
		given = n.boot
	}
	n.given.Store(&given)
	name := defaultHostname
	if given != "" {
		name = given
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		n.log.Error("host name", "err", err)
	}
	n.publish(name)
}
