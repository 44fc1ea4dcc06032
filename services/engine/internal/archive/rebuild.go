package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// Bringing the index in step with a volume's files goes in two passes. The first reads folders alone: a file that the
// index does not know is taken up as its name says, its size as the file system does, so that with the index lost the
// timeline is there as soon as the folders are read. The second looks into each of those files, a while at a time beside
// everything else: what is not what its name says leaves the index. No file is ever deleted or renamed for what it is
// not; it is told.

// rebuild is how far that has come; guarded by volume.mu.
type rebuild struct {
	phase   string // "": done
	since   time.Time
	cameras int
	done    int   // of them
	found   int64 // recordings that nobody had looked into
	checked int64 // of them
	added   int64 // of those found not in the index at all
	dropped int64 // taken up by their names, or doubted, and not what these say
	lost    int64 // in the index, and not there
	runs    int   // how often it was begun
	failed  bool  // the folders could not be read

	strange int64
	example string // of one: its path in the volume, and why
}

// Phases of a rebuild, as in the API.
const (
	byNames   = "names"
	byHeaders = "headers"
)

// tell notes a file that is among the recordings and is none, or not the one that its name says.
func (v *volume) tell(path, why string) {
	const logged = 20 // a volume full of them must not fill the log
	if rel, err := filepath.Rel(v.path, path); err == nil {
		path = rel
	}
	v.mu.Lock()
	v.rebuild.strange++
	n := v.rebuild.strange
	if n == 1 {
		v.rebuild.example = fmt.Sprintf("%s: %s", path, why)
	}
	v.mu.Unlock()
	if n <= logged {
		v.arch.log.Warn("a file among the recordings is left as it is", "volume", v.id, "file", path, "reason", why)
	}
}

// progress changes what is told of the rebuild.
func (v *volume) progress(fn func(r *rebuild)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fn(&v.rebuild)
}

// reconcile brings the index in step with the folders, camera by camera: unknown files are taken up by their names, rows
// without a file become gaps. What a repair has taken the name of is put back before. What is to be looked into is left to check.
func (v *volume) reconcile() {
	v.progress(func(r *rebuild) { *r = rebuild{phase: byNames, since: time.Now(), runs: r.runs + 1} })
	v.returnLost()
	cameras, ok := v.cameras()
	indexed, err := v.arch.idx.Cameras()
	if !ok || err != nil {
		v.arch.log.Error("recordings cannot be compared with the index", "volume", v.id, "err", err)
		v.progress(func(r *rebuild) { *r = rebuild{runs: r.runs, failed: true} })
		return
	}
	cameras = append(cameras, indexed...)
	slices.Sort(cameras)
	cameras = slices.Compact(cameras)
	v.progress(func(r *rebuild) { r.cameras = len(cameras) })
	looked := time.Now()
	breathe := func() { // with the index lost this takes long, and the disk fills meanwhile
		if time.Since(looked) < v.arch.cfg.KeepEvery {
			return
		}
		looked = time.Now()
		if err := v.measure(); err != nil {
			v.ioError(err)
		}
		v.mu.Lock()
		short := !v.readOnly && v.free < 4*v.reserve()
		v.mu.Unlock()
		if short { // not before: the oldest of those known by now need not be the oldest
			v.space()
		}
	}
	for _, camera := range cameras {
		if v.ctx.Err() != nil {
			return
		}
		breathe()
		if unchecked := v.reconcileCamera(camera, breathe); unchecked > 0 {
			v.toCheck = append(v.toCheck, camera)
			v.progress(func(r *rebuild) { r.found += unchecked })
		}
		v.progress(func(r *rebuild) { r.done++ })
	}
	v.progress(func(r *rebuild) {
		r.phase, r.cameras, r.done = byHeaders, len(v.toCheck), 0
		if r.cameras == 0 {
			r.phase = ""
		}
	})
}

// reconcileCamera returns how many recordings nobody has looked into.
func (v *volume) reconcileCamera(camera string, breathe func()) (unchecked int64) {
	list, err := v.arch.idx.Segments(camera, 0, math.MaxInt64)
	if err != nil {
		v.arch.log.Error("cannot read the index", "volume", v.id, "camera", camera, "err", err)
		return 0
	}
	rows := map[index.Key]index.Segment{}
	elsewhere := map[index.Key]string{}
	for _, s := range list {
		if s.Volume == v.id {
			rows[s.Key] = s
		} else {
			elsewhere[s.Key] = s.Volume
		}
	}
	var unknown []index.Segment
	added := 0 // of them
	flush := func() {
		if added > 0 {
			v.arch.log.Info("recordings found that were not in the index", "volume", v.id, "camera", camera, "segments", added)
			v.progress(func(r *rebuild) { r.added += int64(added) })
			added = 0
		}
		if len(unknown) > 0 {
			v.arch.put(unknown...)
			unchecked += int64(len(unknown))
			unknown = nil
		}
	}
	var open []found
	complete := v.visit(camera, func(f found) {
		row, known := rows[f.Key]
		delete(rows, f.Key)
		if f.open {
			open = append(open, f)
			return
		}
		if known && row.EndMs-row.StartMs == f.durationMs && !row.Suspect {
			if !row.Unchecked {
				return
			}
			if seg, ok := v.byName(f); ok && seg.SizeBytes != row.SizeBytes {
				unknown = append(unknown, seg)
			} else if ok {
				unchecked++
			}
			return
		}
		if other := elsewhere[f.Key]; other != "" { // the same span was recorded again when this volume failed
			v.tell(f.path, "the recording of this instant is on volume "+other)
			return
		}
		if seg, ok := v.byName(f); ok {
			added++
			if unknown = append(unknown, seg); len(unknown) >= 500 {
				flush()
				breathe()
			}
		}
	}, v.tell)
	flush()
	if !v.isReadOnly() {
		v.repair(open, func() {})
	}
	// A write-protected disk is mounted without its file system's log: what was written last may not show.
	if !complete || len(rows) == 0 || v.isReadOnly() {
		return unchecked
	}
	v.lose(rows)
	return unchecked
}

// lose replaces rows without a file by gaps.
func (v *volume) lose(rows map[index.Key]index.Segment) {
	lost := make([]index.Key, 0, len(rows))
	for k, s := range rows {
		// Only what is certainly gone: a file may have been closed, or deleted, while we looked.
		err := v.disk(func() error {
			_, err := v.fs.Lstat(filepath.Join(v.path, relPath(s)))
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if now, found, err := v.arch.idx.Get(k); err == nil && found && now == s {
			lost = append(lost, k)
		}
	}
	for chunk := range slices.Chunk(lost, 500) {
		v.arch.log.Warn("recordings have vanished from the volume", "volume", v.id, "segments", len(chunk))
		if err := v.arch.idx.Lose(chunk...); err != nil {
			v.arch.log.Error("cannot index lost recordings", "volume", v.id, "err", err)
			return
		}
		v.progress(func(r *rebuild) { r.lost += int64(len(chunk)) })
	}
}

// byName is what a file's name says of it.
func (v *volume) byName(f found) (seg index.Segment, ok bool) {
	var st fs.FileInfo
	err := v.disk(func() (err error) {
		st, err = v.fs.Lstat(f.path)
		return err
	})
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			v.tell(f.path, err.Error())
		}
		return seg, false
	}
	return index.Segment{Key: f.Key, EndMs: f.StartMs + f.durationMs, SizeBytes: st.Size(), Volume: v.id, Unchecked: true}, true
}

// check looks into files that were taken up by their names, for a while; it is called again and again until there are none.
func (v *volume) check(within time.Duration) {
	v.mu.Lock()
	degraded := v.status == Degraded
	v.mu.Unlock()
	if degraded { // what cannot be read now says nothing
		return
	}
	for began := time.Now(); len(v.toCheck) > 0 && time.Since(began) < within && v.ctx.Err() == nil; {
		camera := v.toCheck[0]
		list, err := v.arch.idx.Unchecked(camera, v.id, 200)
		if err != nil {
			v.arch.log.Error("cannot read the index", "volume", v.id, "camera", camera, "err", err)
			return
		}
		if v.sure(list); len(list) > 0 {
			continue
		}
		v.toCheck = v.toCheck[1:]
		v.progress(func(r *rebuild) {
			if r.done++; r.done == r.cameras {
				v.arch.log.Info("the recordings have been looked into", "volume", v.id, "found", r.checked, "strange", r.strange)
				r.phase = ""
			}
		})
	}
}

// sure looks into those of some segments that nobody has looked into, and returns those that are what their names say.
// The others leave the index. Whoever deletes recordings must be sure that they are some.
func (v *volume) sure(list []index.Segment) []index.Segment {
	out := make([]index.Segment, 0, len(list))
	var good, bad []index.Segment
	for _, s := range list {
		if !s.Unchecked {
			out = append(out, s)
			continue
		}
		path := filepath.Join(v.path, relPath(s))
		why, err := v.byHeader(path, s)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			bad = append(bad, s)
		case err != nil: // a later mount finds it again, should the disk have been at fault
			v.tell(path, err.Error())
			bad = append(bad, s)
		case why != "":
			v.tell(path, why)
			bad = append(bad, s)
		default:
			checked := s
			checked.Unchecked = false
			good = append(good, checked)
			out = append(out, s)
		}
	}
	if len(good) > 0 {
		v.arch.put(good...)
	}
	if len(bad) > 0 {
		if err := v.arch.idx.Forget(bad...); err != nil {
			v.arch.log.Error("cannot take files out of the index", "volume", v.id, "err", err)
		}
	}
	v.progress(func(r *rebuild) {
		r.checked += int64(len(good) + len(bad))
		r.dropped += int64(len(bad))
	})
	return out
}

// offBy is how far a file's name and its content may be apart: a start that was taken moves by a few milliseconds.
const offBy = time.Second

// byHeader says why a file is not what its row says; "": it is. The error is the disk's.
func (v *volume) byHeader(path string, s index.Segment) (why string, err error) {
	err = v.disk(func() error {
		f, err := filesys.Open(v.fs, path)
		if err != nil {
			return err
		}
		defer f.Close()
		m, err := mkv.Open(f, s.SizeBytes)
		if errors.Is(err, mkv.ErrFormat) {
			why = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		endNs := m.EndNs()
		if !m.Closed() { // its header is torn: the clusters say how long it is
			x, err := m.Scan()
			if err != nil {
				return err
			}
			if x.Clusters == 0 {
				why = "there is no footage in it"
				return nil
			}
			endNs = x.EndNs
		}
		off := func(ns, ms int64) bool { return max(ns/1e6-ms, ms-ns/1e6) > offBy.Milliseconds() }
		switch run, meta := m.Run(), m.Meta(); {
		case run.Camera != s.Camera:
			why = "it was recorded from camera " + run.Camera
		case run.Stream != s.Shows():
			why = "it is of stream " + run.Stream
		case meta.Kind != string(s.Kind):
			why = fmt.Sprintf("it is a recording of kind %s", meta.Kind)
		case off(meta.StartNs, s.StartMs):
			why = "it was recorded from " + time.Unix(0, meta.StartNs).UTC().Format(time.RFC3339) + " on"
		case off(endNs, s.EndMs):
			why = "it ends at " + time.Unix(0, endNs).UTC().Format(time.RFC3339)
		}
		return nil
	})
	return why, err
}
