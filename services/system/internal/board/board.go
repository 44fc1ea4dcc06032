// Package board holds the machine's state as the API shows it. Each part of the service writes its own section; anyone
// reads the whole, or waits for it to change.
//
// Invariants: the revision grows exactly when a section changes value; a snapshot is never changed after it was handed
// out, because a section is replaced whole, never edited. The first revision is the start time in milliseconds, so
// that a restarted service never repeats one that a client has seen.
//
// All methods may be called from many goroutines and never block on I/O. The package takes no decision about the
// machine; how often counters are refreshed is up to the writers.
package board

import (
	"context"
	"reflect"
	"sync"
	"time"

	"vigie/internal/api"
)

// Board is one machine's state.
type Board struct {
	mu      sync.Mutex
	status  api.Status
	changed chan struct{} // closed and replaced at each change
}

// New returns a board with empty sections. The first revision comes from now.
func New(now time.Time, first api.Status) *Board {
	first.Revision = now.UnixMilli()
	// The specification requires lists to be lists, even before anything was found.
	first.Interfaces, first.DNSServers = []api.Interface{}, []string{}
	first.Disks, first.Volumes = []api.Disk{}, []api.Volume{}
	first.Services = []api.Service{}
	if first.Packages == nil {
		first.Packages = []api.Package{}
	}
	if first.Clock.Status == "" {
		first.Clock = api.Clock{Status: api.ClockStatusWaiting, Servers: []string{}, ConfiguredServers: []string{}}
	}
	return &Board{status: first, changed: make(chan struct{})}
}

// Status returns the state as it is.
func (b *Board) Status() api.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// Wait returns the state once its revision differs from after, or as it is when ctx is done.
func (b *Board) Wait(ctx context.Context, after int64) api.Status {
	for {
		b.mu.Lock()
		status, changed := b.status, b.changed
		b.mu.Unlock()
		if status.Revision != after {
			return status
		}
		select {
		case <-ctx.Done():
			return status
		case <-changed:
		}
	}
}

// set replaces one section when its value differs.
func set[T any](b *Board, section *T, value T) { change(b, section, func(T) T { return value }) }

// change makes of one section what f says, when that differs.
func change[T any](b *Board, section *T, f func(T) T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value := f(*section)
	if reflect.DeepEqual(*section, value) {
		return
	}
	*section = value
	b.status.Revision++
	close(b.changed)
	b.changed = make(chan struct{})
}

// list keeps an empty list from becoming null in JSON.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// SetHostname sets the name of the machine.
func (b *Board) SetHostname(name string) { set(b, &b.status.Hostname, name) }

// SetLocalName sets the name that the machine has by multicast DNS; empty: none.
func (b *Board) SetLocalName(name string) { set(b, &b.status.LocalName, name) }

// SetStarted sets when the machine started, by the clock as it is now. Less than a second comes of the clock's being
// slewed and changes nothing.
func (b *Board) SetStarted(t time.Time) {
	ms, before := t.UnixMilli(), b.Status().StartedMs
	if max(ms-before, before-ms) >= 1000 {
		set(b, &b.status.StartedMs, ms)
	}
}

// SetInterfaces replaces the NICs; the list then belongs to the board.
func (b *Board) SetInterfaces(v []api.Interface) { set(b, &b.status.Interfaces, list(v)) }

// SetDNSServers replaces the DNS servers in use; the list then belongs to the board.
func (b *Board) SetDNSServers(v []string) { set(b, &b.status.DNSServers, list(v)) }

// SetTrial sets the change that waits to be confirmed; the zero value: there is none. How much time is left is no state:
// whoever reads the board works it out.
func (b *Board) SetTrial(v api.Trial) { set(b, &b.status.Trial, v) }

// SetClock replaces the clock's section, but for the time zone. NowMs is no state: whoever reads the board fills it in.
func (b *Board) SetClock(v api.Clock) {
	v.NowMs = 0
	v.Servers, v.ConfiguredServers = list(v.Servers), list(v.ConfiguredServers)
	change(b, &b.status.Clock, func(old api.Clock) api.Clock {
		v.TimeZone = old.TimeZone
		return v
	})
}

// SetTimeZone sets the machine's time zone; empty is UTC.
func (b *Board) SetTimeZone(name string) {
	change(b, &b.status.Clock, func(c api.Clock) api.Clock {
		c.TimeZone = name
		return c
	})
}

// SetTimeServer sets how the NTP server is to be.
func (b *Board) SetTimeServer(v api.TimeServerSettings) { set(b, &b.status.TimeServer, v) }

// SetSSH sets how SSH is to be.
func (b *Board) SetSSH(v api.SSHSwitch) { set(b, &b.status.SSH, v) }

// SetWebPort sets where the web admin is to listen.
func (b *Board) SetWebPort(port int) { set(b, &b.status.WebPort, port) }

// SetDisks replaces the disks; the list then belongs to the board.
func (b *Board) SetDisks(v []api.Disk) { set(b, &b.status.Disks, list(v)) }

// SetVolumes replaces the volumes; the list then belongs to the board.
func (b *Board) SetVolumes(v []api.Volume) { set(b, &b.status.Volumes, list(v)) }

// SetRaidCards replaces the RAID cards; the list then belongs to the board.
func (b *Board) SetRaidCards(v []api.RaidCard) { set(b, &b.status.RaidCards, list(v)) }

// SetArrays replaces the arrays; the list then belongs to the board.
func (b *Board) SetArrays(v []api.Array) { set(b, &b.status.Arrays, list(v)) }

// SetMedia replaces the removable disks that exports can go to; the list then belongs to the board.
func (b *Board) SetMedia(v []api.Medium) { set(b, &b.status.Media, list(v)) }

// SetServices replaces the services; the list then belongs to the board.
func (b *Board) SetServices(v []api.Service) { set(b, &b.status.Services, list(v)) }

// SetForgotten replaces the names of what resets took away.
func (b *Board) SetForgotten(v []string) { set(b, &b.status.Forgotten, v) }

// SettleStorage says that every disk present at boot has been dealt with. It is never taken back.
func (b *Board) SettleStorage() { set(b, &b.status.StorageSettled, true) }
