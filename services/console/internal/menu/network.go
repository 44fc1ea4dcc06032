package menu

import (
	"context"
	"fmt"
	"strings"

	"vigie/internal/api"
	"vigie/services/console/internal/screen"
)

// network shows the NICs.
func (m *Menu) network(ctx context.Context) error {
	s := m.Machine.State(ctx)
	if s.System == nil {
		return m.done(ctx, nil, "The system service does not answer. Wait a moment and try again.")
	}
	lines := nics(s.System)
	if err := m.Terminal.Write("\n" + strings.Join(lines, "\n") + "\n"); err != nil {
		return err
	}
	return m.pause(ctx)
}

// nics describes the NICs, the name servers and the local name.
func nics(s *api.Status) []string {
	var lines []string
	item := func(name, text string) {
		for i, l := range screen.Wrap(text, screen.Columns-13) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, fmt.Sprintf("  %-10s%s", name, l))
		}
	}
	for _, n := range s.Interfaces {
		link := "no link: check the cable"
		if n.Carrier {
			link = "link is up"
			if n.SpeedMbps > 0 {
				link = fmt.Sprintf("link of %d Mbit/s", n.SpeedMbps)
			}
		}
		lines = append(lines, screen.Printable(fmt.Sprintf("%s  %s  %s", n.Name, n.Mac, link)))
		if len(n.Addresses) > 0 {
			item("Address", strings.Join(n.Addresses, ", "))
		}
		if n.Gateway != "" {
			item("Gateway", n.Gateway)
		}
		switch {
		case n.Dhcp.Status == api.DhcpStatusBound:
			item("DHCP", "an address from "+orElse(n.Dhcp.Server, "a server"))
		case n.Dhcp.Reason != "":
			item("DHCP", n.Dhcp.Reason)
		}
	}
	if len(s.Interfaces) == 0 {
		lines = append(lines, "This machine has no network interface that Vigie knows how to use.")
	}
	if len(s.DNSServers) > 0 {
		lines = append(lines, "Name servers")
		item("", strings.Join(s.DNSServers, ", "))
	}
	if s.LocalName != "" {
		lines = append(lines, "Local name (multicast DNS)")
		item("", s.LocalName)
	}
	return lines
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
