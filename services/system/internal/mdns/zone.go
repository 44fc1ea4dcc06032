package mdns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	domain   = "local."
	httpsIn  = "_https._tcp." + domain
	services = "_services._dns-sd._udp." + domain // lists the kinds of services (RFC 6763, section 9)
)

// label is the n-th name to try after the wanted one (section 9): "vigie", "vigie-2", ... It is at most 63 bytes.
func label(wanted string, n int) string {
	wanted, _, _ = strings.Cut(strings.ToLower(wanted), ".")
	suffix := ""
	if n > 1 {
		suffix = "-" + strconv.Itoa(n)
	}
	return wanted[:min(len(wanted), 63-len(suffix))] + suffix
}

// zone is what the machine answers for on one interface.
type zone struct {
	host, instance string
	records        []record // those of the host first
}

// newZone makes the zone of a label for addresses of one interface, with the web admin on a port.
func newZone(label string, addresses []netip.Addr, port uint16) zone {
	host := label + "." + domain
	instance := "Vigie " + label
	z := zone{host: host, instance: instance[:min(len(instance), 63)] + "." + httpsIn}
	for _, a := range addresses {
		kind := dnsmessage.TypeAAAA
		if a.Is4() {
			kind = dnsmessage.TypeA
		}
		z.records = append(z.records, record{name: host, kind: kind, ttl: hostTTL, unique: true, data: a.AsSlice()})
	}
	z.records = append(z.records,
		record{name: z.instance, kind: dnsmessage.TypeSRV, ttl: hostTTL, unique: true, data: srv(port, host)},
		record{name: z.instance, kind: dnsmessage.TypeTXT, ttl: otherTTL, unique: true, data: txt("path=/")},
		record{name: httpsIn, kind: dnsmessage.TypePTR, ttl: otherTTL, data: wire(z.instance)},
		record{name: services, kind: dnsmessage.TypePTR, ttl: otherTTL, data: wire(httpsIn)},
	)
	return z
}

// ours says whether a name is this machine's alone.
func (z zone) ours(name string) bool {
	return strings.EqualFold(name, z.host) || strings.EqualFold(name, z.instance)
}

// claimed says whether a message has records of our names, as one that claims or defends them.
func (z zone) claimed(m message) bool {
	ours := func(r record) bool { return z.ours(r.name) }
	return m.response && slices.ContainsFunc(m.answers, ours) || slices.ContainsFunc(m.authorities, ours)
}

// unique are the records that are ours alone, of one name, or of all ("").
func (z zone) unique(name string) []record {
	return slices.DeleteFunc(slices.Clone(z.records), func(r record) bool {
		return !r.unique || name != "" && !strings.EqualFold(r.name, name)
	})
}

// answers are the records that answer a question. For a name of ours that has none of the type it says so.
func (z zone) answers(name string, kind dnsmessage.Type) []record {
	var out []record
	var kinds []dnsmessage.Type
	for _, r := range z.records {
		if r.answers(name, kind) {
			out = append(out, r)
		}
		if strings.EqualFold(r.name, name) && !slices.Contains(kinds, r.kind) {
			kinds = append(kinds, r.kind)
		}
	}
	if len(out) == 0 && z.ours(name) {
		return []record{{name: z.named(name), kind: typeNSEC, ttl: hostTTL, unique: true, data: nsec(z.named(name), kinds)}}
	}
	return out
}

// named is a name of ours as we write it.
func (z zone) named(name string) string {
	if strings.EqualFold(name, z.host) {
		return z.host
	}
	return z.instance
}

// more are the records that who got these answers will ask for next (RFC 6763, section 12).
func (z zone) more(answers []record) []record {
	var out []record
	add := func(name string, kinds ...dnsmessage.Type) {
		for _, r := range z.records {
			if slices.Contains(kinds, r.kind) && r.name == name && !has(answers, r) && !has(out, r) {
				out = append(out, r)
			}
		}
	}
	for _, a := range answers {
		switch {
		case a.kind == dnsmessage.TypePTR && a.name == httpsIn:
			add(z.instance, dnsmessage.TypeSRV, dnsmessage.TypeTXT)
			add(z.host, dnsmessage.TypeA, dnsmessage.TypeAAAA)
		case a.kind == dnsmessage.TypeSRV, a.kind == dnsmessage.TypeA, a.kind == dnsmessage.TypeAAAA:
			add(z.host, dnsmessage.TypeA, dnsmessage.TypeAAAA)
		}
	}
	return out
}

func has(list []record, r record) bool { return slices.ContainsFunc(list, r.is) }
