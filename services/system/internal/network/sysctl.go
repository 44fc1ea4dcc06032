package network

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vigie/internal/sysconfig"
)

// setting changes one of the kernel's settings unless it is so already; true: it was changed.
func setting(value string, path ...string) (bool, error) {
	file := filepath.Join(append([]string{"/proc/sys/net"}, path...)...)
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a kernel without it, or the interface has gone
		return false, nil
	case err != nil || strings.TrimSpace(string(b)) == value:
		return false, err
	}
	return true, os.WriteFile(file, []byte(value), 0o644)
}

// promote keeps an interface's other addresses when the first of a network is removed.
func promote() { _, _ = setting("1", "ipv4/conf/all/promote_secondaries") }

// auto says that the interface takes the IPv6 addresses that routers announce.
func (n *nic) auto() bool {
	return n.port.IPv6.Method == "" || n.port.IPv6.Method == sysconfig.MethodAuto
}

// setIPv6 switches IPv6, and stateless configuration (RFC 4862) in it.
func (m *Manager) setIPv6(n *nic, off, auto bool) {
	for _, s := range []struct {
		name string
		on   bool
	}{{"accept_ra", auto}, {"autoconf", auto}, {"disable_ipv6", off}} {
		value := "0"
		if s.on {
			value = "1"
		}
		if _, err := setting(value, "ipv6/conf", n.device, s.name); err != nil {
			m.complain(n, "set "+s.name, err)
		}
	}
}
