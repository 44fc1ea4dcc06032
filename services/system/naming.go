package system

import (
	"log/slog"
	"os"

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
}

func (n *naming) apply(c sysconfig.Config) {
	if n.observe {
		if name, err := os.Hostname(); err == nil {
			n.publish(name)
		}
		return
	}
	name := defaultHostname
	switch {
	case c.Hostname != "":
		name = c.Hostname
	case n.boot != "":
		name = n.boot
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		n.log.Error("host name", "err", err)
	}
	n.publish(name)
}
