// Package firewall keeps the networks of the machine apart, and its ports shut but for what is opened: rules for the
// kernel's packet filter (nftables, table "inet vigie"), and the kernel settings that belong to them.
//
// Each interface is in the zone office, in the zone cameras, or in both; a Config says so, and what is open where. Rules
// makes rules of it, a pure function; Table gives them to the kernel. The chains, in the order in which packets meet them:
//
//	arriving   a packet whose sender is not reached by the interface that it came in by, or which is for an address that
//	           this interface does not have, goes no further (strict reverse path, strong host model; RFC 3704, RFC 1122
//	           section 3.3.4.2): what is in one network never speaks to, or as, the other
//	incoming   answers to what this machine asked, then what keeps networks alive (neighbours, groups, echoes), then the open
//	           ports of the interface's zone; nothing else
//	forwarding nothing passes, in neither family; forwarding is off too, this is the second lock
//	outgoing   nothing leaves by an interface with a sender's address that is not this interface's own
//
// Connections to open ports are limited: for each caller (an IPv4 address, an IPv6 /64), against guessing of passwords, and
// for each zone, against floods. The memory of callers is bounded; when it is full, only the zone's limit counts.
//
// Invariants: an interface that no configuration knows is in both zones; a ruleset is replaced in one transaction, and in
// the same chains, so that no packet meets half of one; connections, counters and the memory of callers outlive that. What
// is in the kernel already is left alone. Rules name interfaces, not addresses, so that addresses come and go without
// a change of rules; the one exception are interfaces that share a network, see Config.
//
// A Table is for one goroutine. A Keeper owns one and serves many.
package firewall
