// Package machine follows the state of the machine that the system service tells: host name, addresses, volumes.
//
// The newest state is a value that can be read at any time, and whoever has to act on changes is called one state
// after the other. While the system service is away the last state stands.
package machine

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"

	"vigie/internal/api"
)

// Source tells the machine's states: systemapi.Client.
type Source interface {
	// Watch calls fn with the state now and after each change, one call at a time, until ctx ends.
	Watch(ctx context.Context, fn func(api.Status)) error
}

// State is the part of the machine's state that the web service acts on. States are not changed once made.
type State struct {
	Hostname  string
	LocalName string       // by multicast DNS; "" while there is none
	WebPort   int          // at which the web admin is to listen; 0: not told
	Settled   bool         // every disk present at boot has been looked at
	Addresses []netip.Addr // where browsers on the network can reach the machine, sorted
	Volumes   []Volume     // mounted, sorted by id
	Forgotten []string     // databases that are not to be taken up
}

// Volume is a mounted data volume.
type Volume struct {
	ID, Path string
	Name     string
	ReadOnly bool
}

// Follower holds the newest state.
type Follower struct {
	source Source
	state  atomic.Pointer[State]
}

// New makes a Follower that knows no more than the host name until Run hears from the source.
func New(source Source) *Follower {
	f := &Follower{source: source}
	f.state.Store(&State{Hostname: localName()})
	return f
}

// State returns the newest state.
func (f *Follower) State() *State { return f.state.Load() }

// Run follows the source until ctx ends and calls changed after each change, one call at a time.
func (f *Follower) Run(ctx context.Context, changed func(*State)) error {
	err := f.source.Watch(ctx, func(s api.Status) {
		next := read(s)
		if next.Hostname == "" {
			next.Hostname = localName()
		}
		f.state.Store(next)
		changed(next)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func localName() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "vigie"
}

// read picks what matters out of the system service's answer.
func read(s api.Status) *State {
	state := &State{Hostname: s.Hostname, LocalName: s.LocalName, WebPort: s.WebPort, Settled: s.StorageSettled, Forgotten: s.Forgotten}
	for _, nic := range s.Interfaces {
		for _, text := range nic.Addresses {
			if a, ok := reachable(text); ok {
				state.Addresses = append(state.Addresses, a)
			}
		}
	}
	slices.SortFunc(state.Addresses, netip.Addr.Compare)
	state.Addresses = slices.Compact(state.Addresses)
	for _, v := range s.Volumes {
		if v.Path == "" || v.Machine != "" {
			continue // another machine's accounts are on it
		}
		switch v.Status {
		case api.VolumeStatusMounted, api.VolumeStatusReadonly:
			state.Volumes = append(state.Volumes, Volume{ID: v.ID, Name: v.Name, Path: v.Path, ReadOnly: v.Status == api.VolumeStatusReadonly})
		}
	}
	slices.SortFunc(state.Volumes, func(a, b Volume) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return state
}

// reachable reads an address with prefix length, and leaves out those that a browser elsewhere cannot use: loopback,
// and IPv6 link-local ones, which no browser accepts in an address bar.
func reachable(text string) (netip.Addr, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Addr{}, false
	}
	a := p.Addr().Unmap()
	if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.Is6() && a.IsLinkLocalUnicast() {
		return netip.Addr{}, false
	}
	return a, true
}
