package sysconfig

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"vigie/internal/hostname"
)

// refuse words a FieldError.
func refuse(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Validate returns nil or a *FieldError whose field is a path as in network.interfaces[1].ipv4.addresses[0].
func (n Network) Validate() error {
	for _, check := range []func() error{n.counts, n.nics, n.bonds, n.common, n.vlans, n.addressing, n.resolving} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (n Network) counts() error {
	switch {
	case len(n.Interfaces) > MaxNICs:
		return refuse("network.interfaces", "There are %d network cards; at most %d can be used. Forget those that are no longer there.", len(n.Interfaces), MaxNICs)
	case len(n.Bonds) > MaxBonds:
		return refuse("network.bonds", "There are %d bonds; at most %d can be made.", len(n.Bonds), MaxBonds)
	case len(n.VLANs) > MaxVLANs:
		return refuse("network.vlans", "There are %d VLANs; at most %d can be made.", len(n.VLANs), MaxVLANs)
	}
	return nil
}

func (n Network) nics() error {
	ids, names := map[string]bool{}, map[string]bool{}
	for i, c := range n.Interfaces {
		field := fmt.Sprintf("network.interfaces[%d]", i)
		if !validMAC(c.ID) {
			return refuse(field+".id", "%q is no MAC address of a network card. Write it as 52:54:00:12:34:56.", clip(c.ID))
		}
		if ids[c.ID] {
			return refuse(field+".id", "The network card %s is in the list twice.", c.ID)
		}
		if c.Name != "" && c.Ordinal() == 0 {
			return refuse(field+".name", "%q is no name of a network card: they are called lan1, lan2 and so on.", clip(c.Name))
		}
		if names[c.Name] {
			return refuse(field+".name", "Two network cards are called %s.", c.Name)
		}
		ids[c.ID], names[c.Name] = true, c.Name != ""
	}
	return nil
}

// validMAC accepts the address of one card as this document writes it.
func validMAC(s string) bool {
	m, err := net.ParseMAC(s)
	return err == nil && len(m) == 6 && m.String() == s && m[0]&1 == 0 && s != "00:00:00:00:00:00"
}

// made checks the names of bonds and VLANs, which are interfaces of the kernel.
func (n Network) made(field, name string, taken map[string]bool) error {
	if name == "" || len(name) > maxNameLength || name[0] < 'a' || name[0] > 'z' || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return refuse(field, "%q is no name for it: a small letter first, then small letters, digits, dots and hyphens, at most %d in all. Write for example bond0 or cameras.10.", clip(name), maxNameLength)
	}
	for _, reserved := range []string{"lo", "all", "default", "bonding_masters"} {
		if name == reserved {
			return refuse(field, "The name %q means something else to the machine; choose another one.", name)
		}
	}
	for _, of := range []string{"lan", "eth"} {
		if digits, ok := strings.CutPrefix(name, of); ok && strings.Trim(digits, "0123456789") == "" {
			return refuse(field, "%q is the name of a network card; choose another one.", name)
		}
	}
	if taken[name] {
		return refuse(field, "The name %q is used twice.", name)
	}
	taken[name] = true
	return nil
}

func (n Network) vlans() error {
	taken, tags := map[string]bool{}, map[string]string{}
	for _, b := range n.Bonds {
		taken[b.Name] = true
	}
	for i, v := range n.VLANs {
		field := fmt.Sprintf("network.vlans[%d]", i)
		if err := n.made(field+".name", v.Name, taken); err != nil {
			return err
		}
		if v.Tag < 1 || v.Tag > 4094 {
			return refuse(field+".tag", "The tag %d does not exist: it must be from 1 to 4094.", v.Tag)
		}
		parent, ok := n.Port(v.Parent)
		switch {
		case !ok || parent.Kind == KindVLAN:
			return refuse(field+".parent", "%q is neither a network card nor a bond, so no VLAN can be on it.", clip(v.Parent))
		case parent.Bond != "":
			return refuse(field+".parent", "%s is a member of %s: put the VLAN on the bond.", parent.Title(), parent.Bond)
		case !parent.Enabled:
			return refuse(field+".parent", "%s is switched off: switch it on, or put the VLAN on another one.", parent.Title())
		}
		key := fmt.Sprint(v.Parent, " ", v.Tag)
		if other, ok := tags[key]; ok {
			return refuse(field+".tag", "The VLANs %s and %s have the same tag on %s.", other, v.Name, parent.Title())
		}
		tags[key] = v.Name
		if most := mtuOf(parent.MTU); v.MTU > most {
			return refuse(field+".mtu", "The MTU %d is larger than that of %s, which is %d: raise that one first.", v.MTU, parent.Title(), most)
		}
	}
	return nil
}

func mtuOf(set int) int {
	if set == 0 {
		return defaultMTU
	}
	return set
}

func (n Network) resolving() error {
	if len(n.DNSServers) > MaxDNSServers {
		return refuse("network.dnsServers", "There are %d DNS servers; at most %d are asked.", len(n.DNSServers), MaxDNSServers)
	}
	for i, s := range n.DNSServers {
		field := fmt.Sprintf("network.dnsServers[%d]", i)
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" || a.Is4In6() || !host(a) && !a.IsLoopback() {
			return refuse(field, "%q is no address of a DNS server. Write for example 192.168.1.1.", clip(s))
		}
		if slices.Contains(n.DNSServers[:i], s) {
			return refuse(field, "%s is in the list twice.", s)
		}
	}
	if len(n.Search) > MaxSearch {
		return refuse("network.search", "There are %d domains; at most %d are searched.", len(n.Search), MaxSearch)
	}
	for i, s := range n.Search {
		field := fmt.Sprintf("network.search[%d]", i)
		if !hostname.Valid(s) {
			return refuse(field, "%q is no domain. Write for example example.com.", clip(s))
		}
		if slices.ContainsFunc(n.Search[:i], func(o string) bool { return strings.EqualFold(o, s) }) {
			return refuse(field, "%s is in the list twice.", s)
		}
	}
	return nil
}

// validLabel accepts a short text that can be printed.
func validLabel(s string) bool {
	return printable(s) && utf8.RuneCountInString(s) <= maxLabel && strings.TrimSpace(s) == s
}
