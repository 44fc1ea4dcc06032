// Package hostwatch watches hosts, and the machine's gateways, by asking them for an echo again and again: which of them
// answer, how fast, and how that was over the last day.
//
// Each host has a goroutine of its own, so that one that does not answer holds up none; what they find is kept under one
// lock. Run starts and ends them as settings and gateways change. A state is decided by a pure function of the last
// requests (judge), which needs more to change its mind than to keep it: three unanswered requests in a row before a host
// is down, and half the loss before one that lost too much is well again.
//
// A change of state is an event. History and events outlive the service in a file that lives as long as the machine runs;
// one that cannot be read is passed over: nothing depends on it.
package hostwatch
