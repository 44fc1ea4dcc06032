package firewall

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// How many new connections are let in to what is open. A browser that opens a wall of live pictures, and a program that reads
// a hundred cameras from the relay, make their connections in one burst.
const (
	callerPerSecond = 20
	callerBurst     = 400
	zonePerSecond   = 500 // all callers of a zone together
	zoneBurst       = 2000

	echoPerSecond  = 50
	echoBurst      = 100
	groupPerSecond = 100 // questions which groups are listened to
	groupBurst     = 200
)

// Why packets are dropped; with a zone, the name of a counter.
const (
	Spoofed = "spoofed" // the sender is not of the interface's network
	Astray  = "astray"  // for an address of another interface, or of nobody here
	Denied  = "denied"  // for what is not open
	Limited = "limited" // for what is open, too many
	Passing = "passing" // to be passed on to another network
	Leaving = "leaving" // our own, with the address of another interface
)

// Reasons are all of them, in the order in which packets meet them.
func Reasons() []string { return []string{Spoofed, Astray, Denied, Limited, Passing, Leaving} }

func counter(z Zone, reason string) string { return string(z) + "_" + reason }

// The sets.
const (
	setNeighbours = "neighbours"
	setCallers4   = "callers4"
	setCallers6   = "callers6"
	setChecked    = "checked4"
)

func setOf(z Zone) string { return string(z) + "_nics" }

// The kernel's hooks.
type hook struct {
	number   uint32
	priority int32
	drop     bool // what no rule accepts
}

// Before connection tracking, so that what goes no further costs no memory.
const priorityRaw = -300

// chain is a list of rules; one without a hook is reached from others.
type chain struct {
	name  string
	hook  *hook
	rules [][]expr.Any
}

// Ruleset is what the kernel is given: comparable by its digest.
type Ruleset struct {
	chains     []chain
	members    map[Zone][]string // interfaces
	neighbours [][2]string
}

// Rules makes rules of a configuration, which must be one that Check takes.
func Rules(c Config) Ruleset {
	r := Ruleset{members: map[Zone][]string{Office: c.in(Office), Cameras: c.in(Cameras)}, neighbours: c.neighbours()}
	for _, reason := range Reasons() {
		r.chains = append(r.chains, dropped(reason))
	}
	r.chains = append(r.chains, healthy())
	for _, z := range Zones() {
		r.chains = append(r.chains, calls(z), services(c, z))
	}
	r.chains = append(r.chains, arrived(), arriving(), incoming(), passing(), leaving())
	return r
}

// dropped counts and drops, for one reason.
func dropped(reason string) chain {
	key := expr.MetaKeyIIFNAME
	if reason == Leaving {
		key = expr.MetaKeyOIFNAME
	}
	return chain{name: reason, rules: [][]expr.Any{
		rule(within(key, setOf(Office)), count(counter(Office, reason)), drop()),
		rule(within(key, setOf(Cameras)), count(counter(Cameras, reason)), drop()),
		rule(count(counter(Both, reason)), drop()),
	}}
}

func arriving() chain {
	return chain{name: "arriving", hook: &hook{number: unix.NF_INET_PRE_ROUTING, priority: priorityRaw}, rules: [][]expr.Any{
		rule(from("lo"), accept()),
		rule(way4(), checked(), accept()), // two questions to the routing tables less for all but a packet in seconds
		rule(returns(), to("arrived")),
		rule(neighbour(), to("arrived")),
		rule(nobody6(), transport(unix.IPPROTO_ICMPV6), to("arrived")), // looks whether its address is taken
		to(Spoofed),
	}}
}

func arrived() chain {
	return chain{name: "arrived", rules: [][]expr.Any{
		rule(astray(), to(Astray)),
		rule(way4(), check()),
		accept(),
	}}
}

// answers are what this machine's own questions bring, errors among them.
const answers = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED

func incoming() chain {
	return chain{name: "incoming", hook: &hook{number: unix.NF_INET_LOCAL_IN, drop: true}, rules: [][]expr.Any{
		rule(connection(answers), notTransport(unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6), accept()),
		rule(from("lo"), accept()),
		rule(connection(expr.CtStateBitINVALID), to(Denied)),
		jump("healthy"), // before the rest of the answers: after one echo, connection tracking takes all for one conversation
		rule(connection(answers), accept()),
		rule(within(expr.MetaKeyIIFNAME, setOf(Office)), to(inZone(Office))),
		rule(within(expr.MetaKeyIIFNAME, setOf(Cameras)), to(inZone(Cameras))),
		to(inZone(Both)),
	}}
}

func inZone(z Zone) string { return "in_" + string(z) }

// The types of ICMP (RFC 792), of ICMPv6 (RFC 4443, 4861, 2710) and of IGMP (RFC 3376).
const (
	echo4     = 8
	echo6     = 128
	listener  = 130 // who listens to which group?
	advertise = 134 // of routers, then neighbours' solicitations and advertisements; 137 would be a redirect
	neighbors = 136
	igmpQuery = 0x11
)

// healthy is what a network needs to work, in every zone.
func healthy() chain {
	icmp4, icmp6 := rule(ipv4(), transport(unix.IPPROTO_ICMP)), rule(ipv6(), transport(unix.IPPROTO_ICMPV6))
	return chain{name: "healthy", rules: [][]expr.Any{
		rule(icmp6, onLink(), messages(advertise, neighbors), accept()), // not limited: without them nobody is reached
		rule(icmp6, messages(listener), atMost(groupPerSecond, groupBurst), accept()),
		rule(ipv4(), transport(unix.IPPROTO_IGMP), messages(igmpQuery), atMost(groupPerSecond, groupBurst), accept()),
		rule(icmp4, messages(echo4), above(echoPerSecond, echoBurst), to(Limited)),
		rule(icmp4, messages(echo4), accept()),
		rule(icmp6, messages(echo6), above(echoPerSecond, echoBurst), to(Limited)),
		rule(icmp6, messages(echo6), accept()),
		// A lease's renewal may be answered from another of the server's addresses than was asked.
		rule(ipv4(), transport(unix.IPPROTO_UDP), sourcePort(67), ports(68, 68), accept()),
	}}
}

// mdnsPort has answers for everybody on the network; what the multicast of cameras is let in by must not open it.
const mdnsPort = 5353

// services are the open ports of a zone.
func services(c Config, z Zone) chain {
	ch := chain{name: inZone(z)}
	for _, o := range c.open(z, TCP) {
		ch.rules = append(ch.rules, rule(transport(unix.IPPROTO_TCP), first(), ports(o.First, o.Last), to(callsOf(z))))
	}
	for _, o := range c.open(z, UDP) {
		ch.rules = append(ch.rules, rule(transport(unix.IPPROTO_UDP), ports(o.First, o.Last), to(callsOf(z))))
	}
	if z != Office {
		// Pictures by multicast: nobody was asked for them by an address that connection tracking could know. What does not
		// come for a group that a process listens to ends in the kernel without an answer.
		ch.rules = append(ch.rules, rule(ipv4(), transport(unix.IPPROTO_UDP), notPort(mdnsPort), toGroup(), accept()))
	}
	ch.rules = append(ch.rules, to(Denied))
	return ch
}

func callsOf(z Zone) string { return "calls_" + string(z) }

// calls are new connections to what is open.
func calls(z Zone) chain {
	return chain{name: callsOf(z), rules: [][]expr.Any{
		rule(caller4(), callerAbove(setCallers4, callerPerSecond, callerBurst), to(Limited)),
		rule(caller6(), callerAbove(setCallers6, callerPerSecond, callerBurst), to(Limited)),
		rule(above(zonePerSecond, zoneBurst), to(Limited)),
		accept(),
	}}
}

func passing() chain {
	return chain{name: "forwarding", hook: &hook{number: unix.NF_INET_FORWARD, drop: true}, rules: [][]expr.Any{to(Passing)}}
}

func leaving() chain {
	return chain{name: "outgoing", hook: &hook{number: unix.NF_INET_LOCAL_OUT}, rules: [][]expr.Any{
		rule(by("lo"), accept()),
		rule(own(), accept()),
		rule(nobody4(), accept()),
		rule(nobody6(), accept()),
		to(Leaving),
	}}
}
