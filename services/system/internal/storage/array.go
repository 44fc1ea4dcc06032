package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
	"vigie/services/system/internal/probe"
)

// Arrays is what the machine can do with arrays.
type Arrays struct {
	Root string                                       // "/" but in tests
	Ask  func(context.Context, raidapi.Request) error // the raid service; it may block as long as a disk pleases
	Mark string                                       // of this machine, for arrays that are made
	Ours []string                                     // the marks of arrays that are started unasked
	// When the disks of an array were compared last, by its UUID.
	LastCheck func(array string) (diskbook.Check, bool)
	NoteCheck func(array string, c diskbook.Check)
}

// arr is an array that runs or was found. It belongs to Run.
type arr struct {
	id      string // UUID
	newest  probe.Member
	parts   []part
	since   time.Time // the first member that does not run was found
	running *md.Array // nil: it does not
	working bool      // a job does something with it
	tried   string    // the members that it could not be started with
	step    md.Step
	reason  string
	op      api.Operation

	degraded bool // said
	faulty   []string
	replaced string // the member that was copied to another one, and counts as faulty afterwards
	kBps     int
	writes   md.Writes
	measured time.Time

	relogged  bool // without success
	checks    bool // its disks are being compared
	stopped   bool // that was ended by somebody
	notBefore time.Time
}

// part is a member that was found on a disk.
type part struct {
	disk *disk
	md.Found
}

// watchArrays looks at what runs and what was found, and starts what is to be started.
func (m *Manager) watchArrays(ctx context.Context) {
	if m.cfg.Observe {
		return
	}
	list, err := md.List(m.cfg.Arrays.Root)
	if err != nil {
		m.cfg.Log.Warn("arrays", "err", err)
		return
	}
	found := m.foundParts()
	seen := map[string]bool{}
	for i := range list {
		if id := list[i].UUID; id != "" {
			seen[id] = true
			a := m.array(id)
			a.parts = found[id]
			m.follow(a, &list[i])
			m.logAgain(ctx, a)
		}
	}
	for id, parts := range found {
		if seen[id] {
			continue
		}
		seen[id] = true
		a := m.array(id)
		if a.running != nil {
			a.running, a.since = nil, time.Time{}
		}
		a.parts = parts
		m.consider(ctx, a)
	}
	for id, a := range m.arrays {
		if !seen[id] && !a.working {
			delete(m.arrays, id)
		}
	}
}

func (m *Manager) array(id string) *arr {
	if m.arrays[id] == nil {
		m.arrays[id] = &arr{id: id, kBps: md.Slowest}
	}
	return m.arrays[id]
}

// foundParts are the members on all disks that were looked at, by array.
func (m *Manager) foundParts() map[string][]part {
	out := map[string][]part{}
	add := func(d *disk, p *probe.Part, member *probe.Member) {
		if member == nil || member.Array == "" {
			return
		}
		if name, err := d.device(p); err == nil {
			out[member.Array] = append(out[member.Array], part{d, md.Found{Device: name, Member: *member}})
		}
	}
	for _, d := range m.disks {
		if d.phase == looking || d.phase == formatting {
			continue
		}
		add(d, nil, d.found.Member)
		for i := range d.found.Parts {
			add(d, &d.found.Parts[i], d.found.Parts[i].Member)
		}
	}
	for _, parts := range out {
		slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.Device, b.Device) })
	}
	return out
}

// consider decides about an array that does not run.
func (m *Manager) consider(ctx context.Context, a *arr) {
	now := m.cfg.Now()
	if a.since.IsZero() {
		a.since = now
	}
	for i, p := range a.parts {
		if i == 0 || p.Events > a.newest.Events {
			a.newest = p.Member
		}
	}
	if a.working {
		return
	}
	devices := m.current(a)
	a.step = md.Plan(a.found(), now.Sub(a.since), m.cfg.Arrays.Ours)
	key := strings.Join(devices, " ") + " " + string(a.step)
	if m.cfg.Rescue || key == a.tried || a.step != md.Start && a.step != md.Degraded {
		return
	}
	a.tried = key
	m.startArray(ctx, a, devices, "")
}

// found are the members that were found.
func (a *arr) found() (list []md.Found) {
	for _, p := range a.parts {
		list = append(list, p.Found)
	}
	return list
}

// current are the members that know the latest of their array; mdadm refuses all of them where one is of a former shape.
func (m *Manager) current(a *arr) (devices []string) {
	for _, p := range a.parts {
		if !p.Behind(a.newest) {
			devices = append(devices, p.Device)
		}
	}
	return devices
}

// startArray has an array assembled; mark makes it this machine's.
func (m *Manager) startArray(ctx context.Context, a *arr, devices []string, mark string) {
	a.working, a.reason = true, ""
	r := raidapi.Request{Do: raidapi.Assemble, Devices: devices, Degraded: a.step != md.Start, Mark: mark}
	m.cfg.Log.Info("array starts", "array", a.newest.Name, "uuid", a.id, "members", len(devices), "degraded", r.Degraded)
	m.job(ctx, func() func() {
		err := m.cfg.Arrays.Ask(ctx, r)
		return func() {
			a.working = false
			if err != nil {
				a.reason = "It could not be started: " + firstLine(err) + "."
				m.tell(a, diskbook.Failure, a.reason)
			}
			if mark != "" {
				m.endArray(a, err)
			}
			m.scan(ctx, "")
			m.watchArrays(ctx)
		}
	})
}

// follow notes how an array is that runs.
func (m *Manager) follow(a *arr, is *md.Array) {
	if a.running == nil {
		m.cfg.Console.Say("array "+a.id, "array %s: runs with %d of %d disks", m.arrayName(a), is.Devices-is.Degraded, is.Devices)
	}
	a.running, a.since, a.reason, a.tried = is, time.Time{}, "", ""
	for _, p := range a.parts {
		if p.Events >= a.newest.Events || a.newest.Array == "" {
			a.newest = p.Member
		}
	}
	if degraded := is.Degraded > 0; degraded != a.degraded {
		a.degraded = degraded
		if degraded {
			m.tell(a, diskbook.Failure, fmt.Sprintf("It runs with %d of %d disks.", is.Devices-is.Degraded, is.Devices))
		} else {
			m.tell(a, diskbook.Info, "It is whole again.")
		}
	}
	var faulty []string
	for _, mem := range is.Members {
		if md.Gone(m.cfg.Arrays.Root, is.Name, mem.Device) {
			// It answers busy until what was under way to the disk has failed; then it is told at the next look.
			if err := md.Drop(m.cfg.Arrays.Root, is.Name, mem.Device); err == nil {
				m.tell(a, diskbook.Failure, "A disk of it was pulled, or is not seen any more.")
				continue
			}
		}
		if mem.Has("faulty") {
			faulty = append(faulty, mem.Device)
			switch {
			case slices.Contains(a.faulty, mem.Device):
			case mem.Device == a.replaced:
				m.tell(a, diskbook.Info, "The disk "+m.serialOf(mem.Device)+" was replaced, and can be removed.")
			default:
				m.tell(a, diskbook.Failure, "The disk "+m.serialOf(mem.Device)+" has failed in it.")
			}
		}
	}
	a.faulty = faulty
	m.watchCheck(a)
	m.govern(a)
}

// recordingLag is what the engine said: how long the frame has been waiting that waits longest for its disk.
type recordingLag struct {
	waited time.Duration
	at     time.Time
}

// SetRecordingLag is told by the engine each second while an array brings itself in order.
func (m *Manager) SetRecordingLag(waited time.Duration) {
	m.lag.Store(&recordingLag{waited, m.cfg.Now()})
}

// waited is the lag that the engine told; an old one tells nothing.
func (m *Manager) waited(now time.Time) time.Duration {
	if l := m.lag.Load(); l != nil && now.Sub(l.at) < 5*time.Second {
		return l.waited
	}
	return 0
}

// govern has an array that brings itself in order yield to recording: its speed follows how long writes to it take, and
// how long frames wait for any disk.
func (m *Manager) govern(a *arr) {
	now := m.cfg.Now()
	if !a.running.Sync.Runs() {
		a.measured = time.Time{}
		return
	}
	if !a.measured.IsZero() && now.Sub(a.measured) < time.Second {
		return
	}
	w, err := md.ReadWrites(m.cfg.Arrays.Root, a.running.Name)
	if err != nil {
		return // it has stopped meanwhile
	}
	if !a.measured.IsZero() {
		a.kBps = md.Next(a.kBps, w.Latency(a.writes), m.waited(now))
	}
	a.writes, a.measured = w, now
	if err := md.SetSpeed(m.cfg.Arrays.Root, a.running.Name, a.kBps); err != nil {
		m.cfg.Log.Warn("speed of an array", "array", a.id, "err", err)
	}
}

// tell makes an event of something that happened to an array.
func (m *Manager) tell(a *arr, severity diskbook.Severity, text string) {
	name := m.arrayName(a)
	m.cfg.Tell(blockdev.ArrayID(a.id), name, severity, text)
	m.cfg.Log.Warn("array", "array", name, "uuid", a.id, "err", text)
	m.cfg.Console.Say("array "+a.id, "array %s: %s", name, text)
}

func (m *Manager) arrayName(a *arr) string {
	if a.newest.Name != "" {
		return a.newest.Name
	}
	return "RAID-" + strings.ToUpper(a.id[:min(8, len(a.id))])
}

// serialOf is what people know a member by.
func (m *Manager) serialOf(device string) string {
	if d := m.holding(device); d != nil {
		return d.dev.Serial
	}
	return "that was there"
}

// holding is the disk with a device: itself, or a partition of it.
func (m *Manager) holding(device string) *disk {
	for _, d := range m.disks {
		if d.name == device || slices.ContainsFunc(d.dev.Parts, func(p blockdev.Part) bool { return p.Name == device }) {
			return d
		}
	}
	return nil
}

// arraysSettled tells whether no array may still start by itself.
func (m *Manager) arraysSettled() bool {
	for _, a := range m.arrays {
		if a.running == nil && (a.working || a.step == md.Wait) {
			return false
		}
	}
	return true
}
