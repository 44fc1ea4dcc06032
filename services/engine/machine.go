package engine

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/index"
)

// machine is what the engine knows of the machine: the system service's newest word. While that service is away the
// last word stands.
type machine struct {
	mu      sync.Mutex
	status  api.Status
	changed chan struct{} // closed and replaced with each word
}

func newMachine() *machine { return &machine{changed: make(chan struct{})} }

// set takes a word.
func (m *machine) set(s api.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status.StorageSettled && !s.StorageSettled {
		// The system service was restarted and has not looked at the disks yet: nothing that is mounted went away.
		s.StorageSettled, s.Volumes, s.Media = true, m.status.Volumes, m.status.Media
	}
	m.status = s
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *machine) get() (api.Status, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status, m.changed
}

// settled waits until every disk present at boot has been looked at; false when that takes too long or ctx ends.
func (m *machine) settled(ctx context.Context, within time.Duration) bool {
	return m.until(ctx, within, func(s api.Status) bool { return s.StorageSettled })
}

// networked waits until the machine has an address, or no link that one could come by; false when that takes too long or ctx
// ends. At boot the network comes a moment after the disks: a camera that is tried before is tried again only seconds later,
// and the ledger would blame the network.
func (m *machine) networked(ctx context.Context, within time.Duration) bool {
	return m.until(ctx, within, func(s api.Status) bool {
		link := func(n api.Interface) bool { return n.Carrier }
		address := func(n api.Interface) bool { return len(n.Addresses) > 0 }
		return slices.ContainsFunc(s.Interfaces, address) || !slices.ContainsFunc(s.Interfaces, link)
	})
}

func (m *machine) until(ctx context.Context, within time.Duration, ok func(api.Status) bool) bool {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		s, changed := m.get()
		if ok(s) {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// volumes returns the mounted volumes, and those that cannot be used although their disks are there.
func (m *machine) volumes() []archive.Volume {
	s, _ := m.get()
	var out []archive.Volume
	for _, v := range s.Volumes {
		if v.Use == api.VolumeUseState {
			continue // nothing is recorded there
		}
		if v.Path != "" && (v.Status == api.VolumeStatusMounted || v.Status == api.VolumeStatusReadonly) {
			out = append(out, archive.Volume{ID: v.ID, Name: v.Name, Path: v.Path, ReadOnly: v.Status == api.VolumeStatusReadonly, Replaces: v.Replaces, Foreign: v.Machine != ""})
		}
		if (v.Status == api.VolumeStatusFailed || v.Status == api.VolumeStatusUnmounted) && v.Disk != "" {
			out = append(out, archive.Volume{ID: v.ID, Name: v.Name, Unusable: cmp.Or(v.Reason, "It cannot be used.")})
		}
	}
	slices.SortFunc(out, func(a, b archive.Volume) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// systemDisks are the partitions for settings of system disks.
func (m *machine) systemDisks() []api.Volume {
	s, _ := m.get()
	return slices.DeleteFunc(slices.Clone(s.Volumes), func(v api.Volume) bool { return v.Use != api.VolumeUseState || v.SizeBytes == 0 })
}

func (m *machine) systemDisk(id string) bool {
	return slices.ContainsFunc(m.systemDisks(), func(v api.Volume) bool { return v.ID == id })
}

// volumeName is what people call a volume.
func (m *machine) volumeName(id string) string {
	s, _ := m.get()
	for _, v := range s.Volumes {
		if v.ID == id {
			return cmp.Or(v.Name, id)
		}
	}
	return id
}

func (m *machine) hostname() string {
	s, _ := m.get()
	return s.Hostname
}

// clock is the clock's state as recordings note it.
func (m *machine) clock() string {
	if s, _ := m.get(); s.Clock.Status == api.ClockStatusSynchronised {
		return "synchronised"
	}
	return "unsynchronised"
}

// timeZone is the IANA name of the machine's time zone.
func (m *machine) timeZone() string {
	s, _ := m.get()
	return s.Clock.TimeZone
}

// memoryBytes is the size of the machine's memory, or a small guess while it is not known.
func (m *machine) memoryBytes() int64 {
	if s, _ := m.get(); s.Memory.TotalBytes > 0 {
		return s.Memory.TotalBytes
	}
	return 1 << 30
}

// forgotten names the databases that resets took away.
func (m *machine) forgotten() []string {
	s, _ := m.get()
	return s.Forgotten
}

// copies are the folders of the database's copies: on data volumes, and with the settings of system disks.
func (m *machine) copies() []mirror.Dir {
	s, _ := m.get()
	var out []mirror.Dir
	for _, v := range s.Volumes {
		if v.Machine != "" {
			continue // another machine's database is on it
		}
		if v.Path != "" && (v.Status == api.VolumeStatusMounted || v.Status == api.VolumeStatusReadonly) {
			out = append(out, mirror.Dir{ID: v.ID, Path: filepath.Join(v.Path, "vigie", "index"), ReadOnly: v.Status == api.VolumeStatusReadonly})
		}
	}
	slices.SortFunc(out, func(a, b mirror.Dir) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// durable tells whether what is written to the database reaches a disk.
func durable(db *mirror.DB) bool {
	return slices.ContainsFunc(db.Copies(), func(c mirror.Copy) bool { return c.Status == mirror.StatusOK })
}

// follow tells archive and database of volumes as they come and go, until ctx ends. The database comes first: while it
// is new it may be replaced by what a volume brings, and the archive writes into it.
func follow(ctx context.Context, m *machine, db *mirror.DB, arch *archive.Archive, movePins func(from, to string)) {
	var mirrored []mirror.Dir
	for {
		_, changed := m.get()
		volumes := m.volumes()
		now := m.copies()
		for _, d := range mirrored {
			if !slices.Contains(now, d) {
				db.RemoveDir(d.ID)
			}
		}
		for _, d := range now {
			if !slices.Contains(mirrored, d) {
				db.AddDir(d) // those it was opened with are known to it
			}
		}
		mirrored = now
		taken(ctx, db)
		if ctx.Err() != nil {
			return
		}
		arch.SetVolumes(volumes)
		for _, v := range volumes {
			there := func(o archive.Volume) bool { return o.ID == v.Replaces }
			if v.Replaces != "" && v.Unusable == "" && !slices.ContainsFunc(volumes, there) {
				movePins(v.Replaces, v.ID)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// followZone tells the calendars of the machine's time zone as it changes, until ctx ends.
func followZone(ctx context.Context, m *machine, calendars *calendar.Keeper) {
	for {
		_, changed := m.get()
		calendars.SetZone(m.timeZone())
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// takenWithin is how long a copy may take to be looked at before recording to its volume begins all the same.
const takenWithin = 3 * time.Second

// taken waits until the database knows what each copy holds, takenWithin at most.
func taken(ctx context.Context, db *mirror.DB) {
	late := time.NewTimer(takenWithin)
	defer late.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(db.Copies(), func(c mirror.Copy) bool { return c.Status == mirror.StatusStale }) {
		select {
		case <-look.C:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// before tells up to when a stream's ledger goes and why nothing followed: the machine was off if it has started since.
// While starting, no engine has recorded before this one since the machine started: it was off, whatever its clock says,
// which is behind by up to a second then, and without a battery by years.
func before(idx *index.Index, m *machine, starting *atomic.Bool, log *slog.Logger) func(camera, stream string) (int64, index.Cause) {
	return func(camera, stream string) (int64, index.Cause) {
		_, last, found, err := idx.LedgerBounds(camera, stream)
		if err != nil {
			log.Error("cannot tell where the camera's footage ends", "camera", camera, "stream", stream, "err", err)
		}
		if err != nil || !found {
			return 0, ""
		}
		if s, _ := m.get(); starting.Load() || s.StartedMs > last {
			return last, index.Power
		}
		return last, index.EngineRestart
	}
}

// oldest tells where a camera's footage begins.
func oldest(arch *archive.Archive) func(camera string) (int64, bool, error) {
	return func(camera string) (int64, bool, error) {
		first, _, found, err := arch.Bounds(camera)
		return first, found, err
	}
}
