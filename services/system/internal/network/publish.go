package network

import (
	"net/netip"
	"os"
	"slices"

	"vigie/internal/api"
	"vigie/services/system/internal/resolvconf"
)

// publish shows the interfaces, and passes on what their leases bring.
func (m *Manager) publish() {
	var list []api.Interface
	var dns []netip.Addr
	var search, ntp []string
	for _, s := range m.config.DNSServers {
		if a, err := netip.ParseAddr(s); err == nil {
			dns = append(dns, a)
		}
	}
	search = slices.Clone(m.config.Search)
	dnsSet, searchSet := len(dns) > 0, len(search) > 0
	for _, n := range m.ordered() {
		list = append(list, m.describe(n))
		if n.state.Lease == nil || !n.carrier {
			continue
		}
		for _, a := range n.state.Lease.DNS {
			if !dnsSet && !slices.Contains(dns, a) {
				dns = append(dns, a)
			}
		}
		for _, a := range n.state.Lease.NTP {
			if !slices.Contains(ntp, a.String()) {
				ntp = append(ntp, a.String())
			}
		}
		for _, s := range n.state.Lease.Search {
			if !searchSet && !slices.Contains(search, s) {
				search = append(search, s)
			}
		}
	}
	m.board.SetInterfaces(list)
	if m.observe {
		m.observeDNS()
		return
	}
	if text := string(resolvconf.Format(dns, search)); text != m.resolv {
		err := resolvconf.Write(m.cfg.Resolv, dns, search)
		switch {
		case err == nil:
			m.resolv = text
		case !m.unwritten:
			m.cfg.Log.Error("resolv.conf", "err", err) // and tried again at the next look
		}
		m.unwritten = err != nil
	}
	names := make([]string, len(dns))
	for i, a := range dns {
		names[i] = a.String()
	}
	m.board.SetDNSServers(names)
	if !slices.Equal(ntp, m.ntp) {
		m.ntp = ntp
		m.cfg.Offered(slices.Clone(ntp))
	}
}

func (m *Manager) observeDNS() {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return
	}
	defer f.Close()
	m.board.SetDNSServers(resolvconf.Servers(f))
}
