package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

// Plan is what a change of the configuration means for people.
type Plan struct {
	Steps []api.PlanStep // empty: nothing changes
	Loses bool           // the address by which the admin came
	URLs  []string       // of the web admin afterwards, as far as known; those of the admin's own network first
}

// Web is where the web admin is afterwards.
type Web struct {
	Open func(id string) bool // on which interfaces
	Port int
}

// planner collects the steps from one configuration to another.
type planner struct {
	before, after sysconfig.Network
	live          []api.Interface
	steps         []api.PlanStep
}

// NewPlan compares two configurations, each with names for all NICs, on a machine that is as live says. reached is the
// machine's own address by which the admin came; not valid when it is not known.
func NewPlan(before, after sysconfig.Network, live []api.Interface, reached netip.Addr, web Web) Plan {
	p := &planner{before: before, after: after, live: live}
	p.bonds()
	p.vlans()
	for _, now := range after.Ports() {
		was, ok := before.Port(now.ID)
		if !ok {
			was = sysconfig.Port{Kind: now.Kind, ID: now.ID, Name: now.Name, Enabled: true}
		}
		p.port(was, now, ok || now.Kind == sysconfig.KindNIC)
	}
	p.resolving()
	reachable := p.afterwards(web.Open)
	plan := Plan{Steps: p.steps, URLs: urls(reachable, p.network(reached), web.Port)}
	if reached.IsValid() && p.has(reached) && !slices.Contains(reachable, reached.Unmap()) {
		plan.Loses = true
		shut := slices.Contains(p.afterwards(func(string) bool { return true }), reached.Unmap())
		plan.Steps = append([]api.PlanStep{{Kind: api.PlanStepKindDanger, Text: lockOut(reached.Unmap(), shut, plan.URLs)}}, plan.Steps...)
	}
	return plan
}

// lockOut warns who came by an address that goes away, or by which the web admin is shut.
func lockOut(reached netip.Addr, shut bool, urls []string) string {
	text := fmt.Sprintf("You will lose this address: you have come by %s, which goes away.", reached)
	if shut {
		text = fmt.Sprintf("You will be locked out: you have come by %s, where the web admin will not be open.", reached)
	}
	switch {
	case len(urls) > 0:
		return text + " Afterwards open " + urls[0] + " and confirm there."
	case shut:
		return text + " Confirm from a network where it will be."
	}
	return text + " Where the machine is afterwards only its network knows: look at its console, or at the DHCP server."
}

func (p *planner) add(kind api.PlanStepKind, format string, args ...any) {
	p.steps = append(p.steps, api.PlanStep{Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (p *planner) info(format string, args ...any) { p.add(api.PlanStepKindInfo, format, args...) }
func (p *planner) warn(format string, args ...any) {
	p.add(api.PlanStepKindWarning, format, args...)
}

// titles names interfaces for people.
func titles(n sysconfig.Network, ids []string) string {
	var out []string
	for _, id := range ids {
		if port, ok := n.Port(id); ok {
			id = port.Title()
		}
		out = append(out, id)
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

func (p *planner) bonds() {
	for _, was := range p.before.Bonds {
		if !slices.ContainsFunc(p.after.Bonds, func(b sysconfig.Bond) bool { return b.Name == was.Name }) {
			p.warn("The bond %s is taken apart; %s work on their own again.", was.Name, titles(p.before, was.Members))
		}
	}
	for _, now := range p.after.Bonds {
		at := slices.IndexFunc(p.before.Bonds, func(b sysconfig.Bond) bool { return b.Name == now.Name })
		if at < 0 {
			p.warn("The bond %s is made of %s, in mode %s. Their own addresses go away.", now.Name, titles(p.after, now.Members), now.Mode)
			continue
		}
		was := p.before.Bonds[at]
		joins, leaves := without(now.Members, was.Members), without(was.Members, now.Members)
		if len(joins) > 0 {
			p.warn("%s joins %s and loses its own addresses.", titles(p.after, joins), now.Name)
		}
		if len(leaves) > 0 {
			p.warn("%s leaves %s and works on its own again.", titles(p.after, leaves), now.Name)
		}
		switch {
		case was.Mode != now.Mode:
			p.warn("%s is made anew in mode %s: what goes by it pauses for some seconds.", now.Name, now.Mode)
		case was.LACPRate != now.LACPRate || (was.ARPIntervalMs > 0) != (now.ARPIntervalMs > 0):
			p.warn("%s is made anew with other options: what goes by it pauses for some seconds.", now.Name)
		case was.Primary != now.Primary || was.HashPolicy != now.HashPolicy || was.MIIMonitorMs != now.MIIMonitorMs ||
			was.ARPIntervalMs != now.ARPIntervalMs || !slices.Equal(was.ARPTargets, now.ARPTargets):
			p.info("The options of %s change while it works.", now.Name)
		}
	}
}

func (p *planner) vlans() {
	for _, was := range p.before.VLANs {
		if !slices.ContainsFunc(p.after.VLANs, func(v sysconfig.VLAN) bool { return v.Name == was.Name }) {
			p.warn("The VLAN %s is removed.", was.Name)
		}
	}
	for _, now := range p.after.VLANs {
		at := slices.IndexFunc(p.before.VLANs, func(v sysconfig.VLAN) bool { return v.Name == now.Name })
		switch {
		case at < 0:
			p.info("The VLAN %s with tag %d is made on %s.", now.Name, now.Tag, titles(p.after, []string{now.Parent}))
		case p.before.VLANs[at].Tag != now.Tag || p.before.VLANs[at].Parent != now.Parent:
			p.warn("The VLAN %s is made anew with tag %d on %s.", now.Name, now.Tag, titles(p.after, []string{now.Parent}))
		}
	}
}

// port tells what changes for one interface; known: it was there before.
func (p *planner) port(was, now sysconfig.Port, known bool) {
	title := now.Title()
	if was.Label != now.Label && known {
		p.info("%s is called %s.", now.Name, quoted(now.Label))
	}
	if !slices.Equal(was.Zones, now.Zones) && now.Bond == "" {
		p.info("%s belongs to %s.", title, zones(now.Zones))
	}
	switch {
	case was.Enabled && !now.Enabled:
		p.warn("%s is switched off: nothing is reached by it any more.", title)
	case !was.Enabled && now.Enabled:
		p.info("%s is switched on.", title)
	}
	if !now.Enabled || now.Bond != "" {
		return
	}
	if was.MTU != now.MTU {
		size := fmt.Sprintf("%d", now.MTU)
		if now.MTU == 0 {
			size = "the usual one"
		}
		p.warn("The MTU of %s becomes %s; what goes by it may pause for a moment.", title, size)
	}
	fresh := !known || was.Bond != "" || !was.Enabled
	p.family(title, "IPv4", sysconfig.MethodDHCP, sysconfig.IPv6(was.IPv4), sysconfig.IPv6(now.IPv4), fresh)
	p.family(title, "IPv6", sysconfig.MethodAuto, was.IPv6, now.IPv6, fresh && now.IPv6.Method != "" && now.IPv6.Method != sysconfig.MethodAuto)
}

// family tells what changes in one family's addressing.
func (p *planner) family(title, family, self string, was, now sysconfig.IPv6, fresh bool) {
	method := func(a sysconfig.IPv6) string {
		if a.Method == "" {
			return self
		}
		return a.Method
	}
	if method(was) != method(now) || fresh {
		switch method(now) {
		case sysconfig.MethodDHCP:
			p.warn("%s asks a DHCP server for its address; which one it gets is known only then.", title)
		case sysconfig.MethodAuto:
			p.info("%s takes the IPv6 addresses that routers announce.", title)
		case sysconfig.MethodOff:
			p.warn("%s has no %s any more.", title, family)
		case sysconfig.MethodStatic:
			if method(was) != sysconfig.MethodOff && !fresh {
				p.info("%s gets no %s address from the network any more.", title, family)
			}
		}
	}
	if fresh {
		was.Addresses, was.Gateway = nil, ""
	}
	if gets := without(now.Addresses, was.Addresses); len(gets) > 0 {
		p.info("%s gets %s.", title, strings.Join(gets, ", "))
	}
	if loses := without(was.Addresses, now.Addresses); len(loses) > 0 {
		p.warn("%s loses %s.", title, strings.Join(loses, ", "))
	}
	switch {
	case was.Gateway != now.Gateway && now.Gateway != "":
		p.info("The %s gateway of %s becomes %s.", family, title, now.Gateway)
	case was.Gateway != now.Gateway:
		p.warn("%s has no %s gateway any more.", title, family)
	}
	if was.Metric != now.Metric {
		p.info("The %s routes of %s get the metric %s.", family, title, metricName(now.Metric))
	}
}

func metricName(metric int) string {
	if metric == 0 {
		return "that its place in the list gives"
	}
	return fmt.Sprint(metric)
}

func (p *planner) resolving() {
	list := func(what string, was, now []string) {
		switch {
		case slices.Equal(was, now):
		case len(now) == 0:
			p.info("The %s are those that DHCP gives.", what)
		default:
			p.info("The %s are %s.", what, strings.Join(now, ", "))
		}
	}
	list("DNS servers", p.before.DNSServers, p.after.DNSServers)
	list("searched domains", p.before.Search, p.after.Search)
}

// has says that the machine has an address now.
func (p *planner) has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.live, func(i api.Interface) bool {
		return slices.ContainsFunc(i.Addresses, func(s string) bool { return parsed(s).Addr() == a }) || i.LinkLocal == a.String()
	})
}

// network is the one that an address of the machine lies in.
func (p *planner) network(a netip.Addr) netip.Prefix {
	for _, i := range p.live {
		for _, s := range i.Addresses {
			if q := parsed(s); a.IsValid() && q.Addr() == a.Unmap() {
				return q.Masked()
			}
		}
	}
	return netip.Prefix{}
}

// afterwards are the addresses that the machine has then on the interfaces that count, as far as can be known.
func (p *planner) afterwards(counts func(id string) bool) []netip.Addr {
	var out []netip.Addr
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, port := range p.after.Ports() {
		if !port.Enabled || port.Bond != "" || !counts(port.ID) {
			continue
		}
		for _, s := range slices.Concat(port.IPv4.Addresses, port.IPv6.Addresses) {
			add(parsed(s).Addr())
		}
	}
	for _, i := range p.live {
		was, ok := p.before.Port(i.ID)
		now, stays := p.after.Port(i.ID)
		if !ok || !stays || !now.Enabled || now.Bond != "" || was.Bond != "" || !counts(i.ID) {
			continue
		}
		static := slices.Concat(was.IPv4.Addresses, was.IPv6.Addresses)
		for _, s := range i.Addresses {
			a := parsed(s).Addr()
			byItself := now.IPv4.Method == "" || now.IPv4.Method == sysconfig.MethodDHCP
			if a.Is6() {
				byItself = now.IPv6.Method == "" || now.IPv6.Method == sysconfig.MethodAuto
			}
			if byItself && !slices.Contains(static, s) {
				add(a)
			}
		}
		if a, err := netip.ParseAddr(i.LinkLocal); err == nil && now.IPv6.Method != sysconfig.MethodOff {
			add(a)
		}
	}
	return out
}

// urls are those of the web admin by addresses, of the admin's own network first. No browser takes a link-local address.
func urls(addresses []netip.Addr, near netip.Prefix, port int) []string {
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int {
		rank := func(a netip.Addr) int {
			switch {
			case near.IsValid() && near.Contains(a):
				return 0
			case a.Is4():
				return 1
			}
			return 2
		}
		return rank(a) - rank(b)
	})
	out := []string{}
	for _, a := range addresses {
		host := netip.AddrPortFrom(a, uint16(port)).String()
		if !a.IsLinkLocalUnicast() {
			out = append(out, "https://"+strings.TrimSuffix(host, ":443")+"/")
		}
	}
	return out
}

func parsed(s string) netip.Prefix {
	p, _ := netip.ParsePrefix(s) // not valid: no address is like it
	return p
}

// without are the entries of a that are not in b.
func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

func quoted(label string) string {
	if label == "" {
		return "nothing else any more"
	}
	return "“" + label + "”"
}

func zones(list []string) string {
	if len(list) == 1 {
		return "the zone " + list[0] + " alone"
	}
	return "both zones, office and cameras"
}
