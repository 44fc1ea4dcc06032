package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// Entry is a segment as a query sees it.
type Entry struct {
	index.Segment
	Open bool // still being written: end and size are those on disk by now
}

// Segments returns a camera's segments that overlap [fromMs, toMs), those being written included as far as they are on
// disk, in order of start; what was recorded twice shows once.
func (a *Archive) Segments(camera string, fromMs, toMs int64) ([]Entry, error) {
	open := a.open(camera) // first: a segment that closes meanwhile is then in the index
	list, err := a.idx.Segments(camera, fromMs, toMs)
	if err != nil {
		return nil, err
	}
	return a.once(entries(list, open, func(s index.Segment) bool {
		return s.StartMs < toMs && (s.EndMs > fromMs || s.StartMs >= fromMs)
	}), fromMs, toMs, false), nil
}

// Next returns the first segments of a stream that end after fromMs, in order of start, limit at most; of what was recorded
// twice what can be played. It costs a few rows, wherever the next footage is.
func (a *Archive) Next(camera, stream string, fromMs int64, limit int) ([]Entry, error) {
	return a.merged(stream, fromMs, math.MaxInt64, limit, byStart, func(stream string, limit int) ([]Entry, error) {
		return a.next(camera, stream, fromMs, limit)
	})
}

func (a *Archive) next(camera, stream string, fromMs int64, limit int) ([]Entry, error) {
	open := a.open(camera)
	list, err := a.idx.Next(camera, stream, fromMs, limit)
	if err != nil {
		return nil, err
	}
	out := entries(list, open, func(s index.Segment) bool {
		return s.Stream == stream && (s.EndMs > fromMs || s.StartMs >= fromMs)
	})
	return out[:min(len(out), limit)], nil
}

// Previous returns the segments of a stream that start at or before an instant, the newest first, limit at most; of what was
// recorded twice what can be played. It costs a few rows, wherever they are.
func (a *Archive) Previous(camera, stream string, atMs int64, limit int) ([]Entry, error) {
	return a.merged(stream, 0, max(atMs, atMs+1), limit, byStartBackwards, func(stream string, limit int) ([]Entry, error) {
		return a.previous(camera, stream, atMs, limit)
	})
}

func (a *Archive) previous(camera, stream string, atMs int64, limit int) ([]Entry, error) {
	open := a.open(camera)
	list, err := a.idx.Previous(camera, stream, atMs, limit)
	if err != nil {
		return nil, err
	}
	out := entries(list, open, func(s index.Segment) bool { return s.Stream == stream && s.StartMs <= atMs })
	slices.Reverse(out)
	return out[:min(len(out), limit)], nil
}

// entries merges indexed segments and those of the open ones that are asked for, in order of start.
func entries(list, open []index.Segment, asked func(index.Segment) bool) []Entry {
	out := make([]Entry, 0, len(list)+len(open))
	for _, s := range list {
		out = append(out, Entry{Segment: s})
	}
	for _, s := range open {
		indexed := slices.ContainsFunc(list, func(i index.Segment) bool { return i.Key == s.Key })
		if !indexed && asked(s) {
			out = append(out, Entry{Segment: s, Open: true})
		}
	}
	slices.SortFunc(out, byStart)
	return out
}

// open returns what is on disk of the segments being written; camera "" means all.
func (a *Archive) open(camera string) []index.Segment {
	var out []index.Segment
	for _, v := range a.present() {
		v.mu.Lock()
		var list []*Segment
		for s := range v.open {
			if camera == "" || s.key.Camera == camera {
				list = append(list, s)
			}
		}
		v.mu.Unlock()
		for _, s := range list {
			if seg, ok := s.view(); ok {
				out = append(out, seg)
			}
		}
	}
	return out
}

// Behind is how long the frame has been waiting that waits longest for its disk. What need not be in time stands back when
// it grows: a round of writing begins every roundEvery.
func (a *Archive) Behind() (behind time.Duration) {
	now := time.Now()
	for _, v := range a.present() {
		v.mu.Lock()
		for s := range v.open {
			s.mu.Lock()
			if s.err == nil && s.given > 1 && !s.since.IsZero() {
				behind = max(behind, now.Sub(s.since))
			}
			s.mu.Unlock()
		}
		v.mu.Unlock()
	}
	return behind
}

// Bounds returns the start of a camera's oldest footage and the end of its newest, on any volume, absent ones included.
func (a *Archive) Bounds(camera string) (firstMs, lastMs int64, found bool, err error) {
	open := a.open(camera)
	firstMs, lastMs, found, err = a.idx.Bounds(camera)
	for _, s := range open {
		if !found || s.StartMs < firstMs {
			firstMs = s.StartMs
		}
		lastMs, found = max(lastMs, s.EndMs), true
	}
	return firstMs, lastMs, found, err
}

// Timeline is what the API tells of a camera between two instants.
func (a *Archive) Timeline(camera string, fromMs, toMs int64) (api.Timeline, error) {
	t := api.Timeline{FromMs: fromMs, ToMs: toMs, Rebuilding: a.Rebuilding(), Segments: []api.Segment{}, Gaps: []api.Gap{}}
	list, err := a.Segments(camera, fromMs, toMs)
	if err != nil {
		return t, err
	}
	for _, s := range list {
		t.Segments = append(t.Segments, api.Segment{ID: s.ID(), Stream: s.Shows(), Kind: api.SegmentKind(s.Kind), StartMs: s.StartMs,
			EndMs: s.EndMs, Open: s.Open, SizeBytes: s.SizeBytes, Volume: s.Volume})
	}
	gaps, err := a.idx.Gaps(camera, fromMs, toMs)
	if err != nil {
		return t, err
	}
	for _, g := range gaps {
		t.Gaps = append(t.Gaps, apiGap(g))
	}
	t.Protections = []api.Protection{}
	for _, row := range a.protections.List(camera, time.Now()) {
		if row.Overlaps(fromMs, toMs) {
			t.Protections = append(t.Protections, shown(row))
		}
	}
	t.FirstMs, t.LastMs, _, err = a.Bounds(camera)
	return t, err
}

// Errors of Open.
var (
	ErrNoSegment = errors.New("no such segment")
	ErrAbsent    = errors.New("the segment's volume is absent")
)

// Footage is an open segment for reading. Close its File.
type Footage struct {
	Entry
	File filesys.File
	Size int64 // bytes that count: for a segment being written, those on disk
}

// Open opens a segment by its id. It may hang with its disk.
func (a *Archive) Open(id string) (*Footage, error) {
	k, err := index.ParseID(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSegment, err)
	}
	for try := range 10 { // between being written and being closed a file changes its name
		if try > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		entry, found := Entry{}, false
		for _, s := range a.open(k.Camera) {
			if s.Key == k {
				entry, found = Entry{Segment: s, Open: true}, true
			}
		}
		if !found {
			if entry.Segment, found, err = a.idx.Get(k); err != nil {
				return nil, err
			}
		}
		if !found {
			return nil, ErrNoSegment
		}
		a.mu.Lock()
		v := a.volumes[entry.Volume]
		a.mu.Unlock()
		if v == nil {
			return nil, ErrAbsent
		}
		path := relPath(entry.Segment)
		if entry.Open {
			path = openPath(k)
		}
		var f filesys.File
		f, err = filesys.Open(v.fs, filepath.Join(v.path, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open segment %s: %w", id, err)
		}
		size := entry.SizeBytes
		if !entry.Open {
			st, err := f.Stat()
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open segment %s: %w", id, err), f.Close())
			}
			size = st.Size()
		}
		return &Footage{Entry: entry, File: f, Size: size}, nil
	}
	return nil, fmt.Errorf("%w: its file is gone", ErrNoSegment)
}

// slowNames is how long reading a volume's folders may take before it is told.
const slowNames = 3 * time.Second

// Rebuilding tells whether recordings that are there may not show: some volume's folders are still being read.
func (a *Archive) Rebuilding() bool {
	return slices.ContainsFunc(a.present(), func(v *volume) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.rebuild.phase == byNames
	})
}

// Recording is what the API tells of the archive, without the index copies.
func (a *Archive) Recording() api.Recording {
	r := api.Recording{Volumes: []api.RecordingVolume{}, IndexCopies: []api.IndexCopy{}, Warnings: []string{}}
	a.mu.Lock()
	ids := make([]string, 0, len(a.known))
	for id := range a.known {
		ids = append(ids, id)
	}
	for id := range a.broken {
		if _, known := a.known[id]; !known {
			ids = append(ids, id)
		}
	}
	usable := len(a.volumes)
	a.mu.Unlock()
	use, err := a.useOf()
	if err != nil {
		use = &usage{}
		r.Warnings = append(r.Warnings, "The index cannot be read: "+err.Error())
	}
	slices.Sort(ids)
	for _, id := range ids {
		a.mu.Lock()
		row, v := a.known[id], a.volumes[id]
		broken, isBroken := a.broken[id]
		row.Name = cmp.Or(row.Name, broken.Name)
		av := api.RecordingVolume{ID: id, Name: row.Name, Status: api.RecordingVolumeStatus(Absent), LimitPercent: a.limitLocked(id), WarnPercent: a.warnLocked(id), SizeBytes: row.SizeBytes, Retired: row.Retired}
		a.mu.Unlock()
		t := a.idx.Totals(id)
		av.RecordingBytes, av.Segments, av.ProtectedBytes = t.Bytes, t.Segments, use.protected[id]
		if oldest, found, err := a.idx.OldestMs(id); err == nil && found {
			av.OldestMs = oldest
		}
		switch {
		case v == nil && isBroken:
			av.Status, av.Reason = api.RecordingVolumeStatus(Degraded), broken.Unusable
			r.Warnings = append(r.Warnings, fmt.Sprintf("Volume %s: %s", row.Name, av.Reason))
		case v == nil && t.Segments == 0:
			continue // nothing is missed
		case v == nil:
			av.Reason = "The volume is not connected."
			r.Warnings = append(r.Warnings, fmt.Sprintf("Volume %s is not connected; its recordings cannot be played until it is.", row.Name))
		default:
			r.Warnings = append(r.Warnings, v.tightness(use.protected[id])...)
			if row.Retired && len(v.resorted()) > 0 {
				r.Warnings = append(r.Warnings, fmt.Sprintf("Volume %s is retired, but no other takes recordings: they still go there.", row.Name))
			}
			v.mu.Lock()
			av.Status, av.Reason = api.RecordingVolumeStatus(v.status), v.reason
			av.SizeBytes, av.FreeBytes, av.WriteBps = v.size, v.free, v.writeBps
			open := make([]*Segment, 0, len(v.open))
			for s := range v.open {
				open = append(open, s)
			}
			av.StrangeFiles = v.rebuild.strange
			example := v.rebuild.example
			if r := v.rebuild; r.phase != "" {
				av.Rebuild = api.VolumeRebuild{Phase: api.VolumeRebuildPhase(r.phase), SinceMs: r.since.UnixMilli(), Cameras: r.cameras, CamerasDone: r.done, Found: r.found, Checked: r.checked}
			}
			v.mu.Unlock()
			if av.Rebuild.Phase == byNames && (av.Rebuild.Found > 0 || time.Now().UnixMilli()-av.Rebuild.SinceMs > slowNames.Milliseconds()) {
				r.Warnings = append(r.Warnings, fmt.Sprintf("The index of volume %s is being rebuilt from its files (%d of %d cameras); recordings may not show yet.", row.Name, av.Rebuild.CamerasDone, av.Rebuild.Cameras))
			}
			if av.StrangeFiles > 0 {
				r.Warnings = append(r.Warnings, fmt.Sprintf("Volume %s holds %d files among its recordings that are damaged, misnamed, or not ours. They are left as they are. One is %s.", row.Name, av.StrangeFiles, example))
			}
			for _, s := range open {
				if seg, ok := s.view(); ok {
					av.RecordingBytes += seg.SizeBytes
					av.Segments++
					if av.OldestMs == 0 || seg.StartMs < av.OldestMs {
						av.OldestMs = seg.StartMs
					}
				}
			}
			if av.Reason != "" {
				r.Warnings = append(r.Warnings, fmt.Sprintf("Volume %s: %s", row.Name, av.Reason))
			}
			v.fillIn(&av, use.perDay[id])
			if text := overfilled(row.Name, av.SizeBytes, av.FreeBytes, av.WarnPercent); text != "" {
				r.Warnings = append(r.Warnings, text)
			}
		}
		r.TotalBytes += av.RecordingBytes
		r.TotalSegments += av.Segments
		r.Volumes = append(r.Volumes, av)
	}
	if usable == 0 {
		r.Warnings = append(r.Warnings, "There is no data volume that can be used: nothing is being recorded.")
	}
	r.BytesPerDay, r.DaysLeft = foreseen(r.Volumes, use.cameras)
	r.Warnings = append(r.Warnings, a.misplaced()...)
	r.Warnings = append(r.Warnings, promiseWarnings(use.cameras)...)
	return r
}

// tightness says what keeps a volume from making room.
func (v *volume) tightness(protectedBytes int64) (out []string) {
	limit := v.arch.limit(v.id)
	v.mu.Lock()
	defer v.mu.Unlock()
	room := retention.Volume{SizeBytes: v.size, FreeBytes: v.free, LimitPercent: limit}
	switch {
	case v.stuckBytes > 0:
		out = append(out, fmt.Sprintf("Volume %s is %d MB over its limit, and nothing on it may be deleted: what is left is protected, or no recording.", v.name, v.stuckBytes>>20))
	case !v.committedAt.IsZero():
		out = append(out, fmt.Sprintf("Volume %s holds nothing but recordings that are promised or protected.", v.name))
	}
	if protectedBytes > room.Limit()/2 {
		out = append(out, fmt.Sprintf("Protected recordings take %d %% of what volume %s may hold.", 100*protectedBytes/max(1, room.Limit()), v.name))
	}
	return out
}
