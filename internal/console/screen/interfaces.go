package screen

import (
	"fmt"
	"slices"
	"strings"

	"vigie/internal/api"
)

// Interfaces describes the interfaces, the name servers and the local name.
func Interfaces(s *api.Status) []string {
	var lines []string
	item := func(name, text string) {
		for i, l := range Wrap(text, Columns-13) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, fmt.Sprintf("  %-10s%s", name, l))
		}
	}
	for _, n := range s.Interfaces {
		link := "no link: check the cable"
		switch {
		case n.Disabled:
			link = "switched off"
		case n.Carrier && n.SpeedMbps > 0:
			link = fmt.Sprintf("link of %d Mbit/s", n.SpeedMbps)
		case n.Carrier:
			link = "link is up"
		}
		title := n.Name
		if n.Label != "" {
			title += " (" + n.Label + ")"
		}
		lines = append(lines, Printable(fmt.Sprintf("%s  %s  %s", title, n.Mac, link)))
		if addresses := slices.DeleteFunc(append(slices.Clone(n.Addresses), n.LinkLocal), func(s string) bool { return s == "" }); len(addresses) > 0 {
			item("Address", strings.Join(addresses, ", "))
		}
		if gateways := slices.DeleteFunc([]string{n.Gateway, n.Gateway6}, func(s string) bool { return s == "" }); len(gateways) > 0 {
			item("Gateway", strings.Join(gateways, ", "))
		}
		switch {
		case n.Dhcp.Status == api.DhcpStatusBound:
			item("DHCP", "an address from "+orElse(n.Dhcp.Server, "a server"))
		case n.Dhcp.Reason != "":
			item("DHCP", n.Dhcp.Reason)
		}
		if n.Bond != "" {
			item("Member of", n.Bond)
		}
		if n.Problem != "" {
			item("Problem", n.Problem)
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
