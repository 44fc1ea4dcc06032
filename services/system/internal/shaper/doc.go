// Package shaper keeps what each interface sends below the limit that was set for it, and what leaves by its router below
// another: a tree of HTB classes (tc-htb(8)) on the interface, with fq_codel (RFC 8290) at its leaves, which shares the line
// between connections and keeps their waiting short.
//
//	1:1 interface ─┬─ 1:2 neighbours ─┬─ 1:21 small    to addresses in the interface's own networks
//	               │                  └─ 1:22 large
//	               └─ 1:3 router ─────┬─ 1:31 small    to all others; its own limit holds for both
//	                                  └─ 1:32 large
//
// Small are packets below 128 bytes: the acknowledgements and reports that cameras must get to go on sending, requests for
// a connection, questions for names and time. They go first and have four fifths of the line for sure, so that cameras
// never wait for what viewers are sent, however much that is; large ones keep a fifth for sure and get all that small ones
// leave, which is nearly everything. A limit is of bits on the wire, headers of Ethernet included.
//
// Where a packet belongs is seen by its destination alone (u32 filters), IPv4 and IPv6; groups, broadcasts and what never
// passes a router count as neighbours, and so do packets that carry a VLAN's tag.
//
// Invariants: an interface without a limit is not touched, and one whose limit is taken away is as the kernel makes it; a
// limit that changes loses no packet. What is in the kernel already is left alone, so that a restarted service changes
// nothing. What a limit cannot do is slow down what comes in.
//
// A Keeper serves many goroutines; one applies, at a time.
package shaper
