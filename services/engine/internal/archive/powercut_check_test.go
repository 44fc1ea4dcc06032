package archive_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/filesystest"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// recovers starts on what a cut left and checks it. It returns what a second cut left, while it recovered.
func recovers(t *testing.T, c *cut, r *rand.Rand, tally *tally) (again *cut) {
	for _, v := range volumes {
		c.disks.Resize(v.Path, 64<<20) // nothing is to be deleted now
	}
	torn := 0
	for _, f := range c.disks.Files() {
		if strings.HasSuffix(f, ".open.mkv") {
			torn++
		}
	}
	if r.IntN(2) == 0 && !c.second {
		at := r.IntN(12 + 8*torn)
		var mu sync.Mutex
		c.disks.SetWatch(func(filesystest.Op) {
			mu.Lock()
			defer mu.Unlock()
			if at--; at == -1 {
				copied := *c
				copied.disks, copied.second = c.disks.Crash(r), true
				again = &copied
			}
		})
	}
	c.disks.SetPace(pace(rand.New(rand.NewPCG(r.Uint64(), 3))))
	began := time.Now()
	s, err := start(c.disks, memory(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.arch.Recovered(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	ordered := 0
	for _, o := range s.arch.Deletions() {
		if o.Status == "running" {
			ordered = 1
		}
	}
	time.Sleep(3 * time.Second) // the rest is reconciled, and deletions are brought to their end
	w := &world{site: s, given: map[string][]given{}, holes: map[string][]api.Gap{}}
	w.ordered(t, c)
	lost := time.Duration(0)
	found, segments := map[string][]int64{}, map[string][]int64{}
	for camera := range c.given {
		found[camera] = w.frames(t, camera, segments)
	}
	for id, end := range c.shown {
		if !c.gone[id] {
			holds(t, id, end, segments[id])
		}
	}
	for camera, sent := range c.given {
		numbers := found[camera]
		if !slices.IsSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != len(numbers) {
			t.Errorf("camera %s: frames are repeated or out of order: %v", camera, numbers)
		}
		newest := int64(-1)
		if len(numbers) > 0 {
			newest = numbers[len(numbers)-1]
		}
		// Where all that was shown was being deleted for room, nothing that is left could tell.
		for i := len(sent) - 1; i >= 0 && sent[i].number > newest && !c.allGone(camera); i-- {
			if !w.deleted(camera, sent[i].number) {
				lost = max(lost, c.at.Sub(sent[i].at))
			}
		}
		// Of what was taken nothing is missing between the first and the last that is there.
		var want []int64
		for _, g := range sent {
			if len(numbers) > 0 && g.number >= numbers[0] && g.number <= newest && !w.deleted(camera, g.number) {
				want = append(want, g.number)
			}
		}
		if len(c.gone) == 0 && !slices.Equal(numbers, want) {
			t.Errorf("camera %s has frames %v, want %v", camera, numbers, want)
		}
	}
	if lost > lossBound {
		t.Errorf("%v of footage is lost", lost)
	}
	if took > 5*time.Second {
		t.Errorf("recovered after %v", took)
	}
	w.consistent(t, c.disks)
	c.disks.SetWatch(nil)
	w.resumes(t)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	tally.mu.Lock()
	defer tally.mu.Unlock()
	if c.second {
		tally.again++
	} else {
		tally.cuts++
	}
	tally.torn += torn
	tally.deleted += len(c.gone)
	tally.ordered += ordered
	tally.lostMs, tally.repairMs = max(tally.lostMs, lost.Milliseconds()), max(tally.repairMs, took.Milliseconds())
	for camera, list := range found {
		tally.frames += len(list)
		for id, end := range c.shown {
			if k, _ := index.ParseID(id); k.Camera == camera {
				tally.acknowledged += int((end - k.StartMs) / frameEvery.Milliseconds())
			}
		}
	}
	return again
}

// allGone tells whether something of a camera was shown, and all of it was being deleted.
func (c *cut) allGone(camera string) bool {
	any := false
	for id := range c.shown {
		if k, err := index.ParseID(id); err == nil && k.Camera == camera {
			if any = true; !c.gone[id] {
				return false
			}
		}
	}
	return any
}

// ordered checks that deletions by hand have come to their end, and that none went on that was not confirmed: what they were
// to take is gone from then on, and nothing else may be.
func (w *world) ordered(t *testing.T, c *cut) {
	for _, o := range w.arch.Deletions() {
		if o.Status != "done" {
			t.Errorf("the deletion is not brought to its end: %+v", o)
		}
		for id, end := range c.shown {
			k, err := index.ParseID(id)
			if err != nil {
				t.Fatal(err)
			}
			if k.Camera != o.Cameras[0] || k.StartMs < o.FromMs || end > o.ToMs {
				continue
			}
			if s, found, err := w.idx.Get(k); err != nil || found && s.EndMs <= o.ToMs {
				t.Errorf("%s is still there: %v", id, err)
			}
			c.gone[id] = true
			// Where no footage is left before it there is no gap either; its last frames may not have been shown yet.
			w.holes[k.Camera] = append(w.holes[k.Camera], api.Gap{StartMs: k.StartMs, EndMs: end + time.Second.Milliseconds()})
		}
	}
}

// deleted tells whether a frame lies where footage was deleted by hand, as the timeline says or by what was shown before.
func (w *world) deleted(camera string, number int64) bool {
	ms := number * frameEvery.Milliseconds()
	return slices.ContainsFunc(w.holes[camera], func(g api.Gap) bool { return ms >= g.StartMs && ms < g.EndMs })
}

// holds checks that what a timeline had shown of a segment is among its frames.
func holds(t *testing.T, id string, endMs int64, numbers []int64) {
	t.Helper()
	k, err := index.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	first, last := k.StartMs/frameEvery.Milliseconds(), endMs/frameEvery.Milliseconds()-1
	if len(numbers) == 0 || numbers[0] != first || numbers[len(numbers)-1] < last {
		t.Errorf("segment %s has frames %v; the timeline had shown %d to %d", id, numbers, first, last)
	}
}

// frames are the numbers of all frames of a camera, in the order of its timeline; those of each segment go into segments.
func (w *world) frames(t *testing.T, camera string, segments map[string][]int64) (numbers []int64) {
	line, err := w.arch.Timeline(camera, 0, 1<<50)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range line.Segments {
		if s.Open {
			t.Errorf("segment %s is open, and nobody writes it", s.ID)
		}
		segments[s.ID] = read(t, w.site, s.ID)
		numbers = append(numbers, segments[s.ID]...)
	}
	for _, g := range line.Gaps {
		if g.Cause == api.GapCause(index.Deleted) {
			w.holes[camera] = append(w.holes[camera], g)
			continue
		}
		t.Errorf("camera %s has a gap: %+v", camera, g)
	}
	return numbers
}

// read plays a segment and returns the numbers of its frames; their content is checked.
func read(t *testing.T, s *site, id string) (numbers []int64) {
	t.Helper()
	f, err := s.arch.Open(id)
	if err != nil {
		t.Errorf("segment %s: %v", id, err)
		return nil
	}
	defer f.File.Close()
	m, err := mkv.Open(f.File, f.Size)
	if err != nil {
		t.Errorf("segment %s: %v", id, err)
		return nil
	}
	if !m.Closed() || m.EndNs()/1e6 != f.EndMs {
		t.Errorf("segment %s: closed %v, its header says that it ends at %d, the index says %d", id, m.Closed(), m.EndNs()/1e6, f.EndMs)
	}
	it, err := m.Frames(0)
	if err != nil {
		t.Errorf("segment %s: %v", id, err)
		return nil
	}
	for {
		fr, err := it.Next()
		if errors.Is(err, io.EOF) {
			return numbers
		}
		if err != nil {
			t.Errorf("segment %s: %v", id, err)
			return numbers
		}
		n := number(fr)
		if string(fr.Payload) != string(payload(n, len(fr.Payload))) {
			t.Errorf("segment %s: frame %d is not what was given", id, n)
		}
		numbers = append(numbers, n)
	}
}

// consistent checks that the index and the files say the same, and that nothing is left over.
func (w *world) consistent(t *testing.T, disks *filesystest.Machine) {
	rows := map[string]int64{}
	for i := range cameras {
		list, err := w.idx.Segments(fmt.Sprintf("k3f9x2a%d", i), 0, 1<<50)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			name := fmt.Sprintf("/volumes/%s/vigie/rec/%s/%s/%d-%d-%s-%s.mkv", s.Volume, s.Camera, time.UnixMilli(s.StartMs).UTC().Format("20060102"), s.StartMs, s.EndMs-s.StartMs, s.Kind, s.Stream)
			rows[name] = s.SizeBytes
		}
	}
	for _, f := range disks.Files() {
		if !strings.Contains(f, "/rec/") {
			continue
		}
		size, known := rows[f]
		st, err := disks.Lstat(f)
		if err != nil {
			t.Fatal(err)
		}
		if !known || size != st.Size() {
			t.Errorf("file %s of %d bytes: in the index %v, with %d bytes", f, st.Size(), known, size)
		}
		delete(rows, f)
	}
	for f := range maps.Keys(rows) {
		t.Errorf("the index has %s, which is not there", f)
	}
	if marks, err := w.idx.Marks(); err != nil || len(marks) > 0 {
		t.Errorf("deletions are not finished: %v %v", marks, err)
	}
}

// resumes checks that recording goes on.
func (w *world) resumes(t *testing.T) {
	src := &source{run: newRun("k3f9x2a0", time.Now())}
	f := src.next(500)
	seg, err := w.arch.Create(src.run, index.Standard, f.TimeNs())
	if err != nil {
		t.Errorf("recording does not resume: %v", err)
		return
	}
	const n = 12
	for i := range n {
		if err := seg.Write(t.Context(), f); err != nil {
			t.Errorf("recording does not resume: frame %d: %v", i, err)
		}
		f = src.next(500)
	}
	time.Sleep(lossBound)
	if d := seg.Durable(); d != n {
		t.Errorf("after recovery %d of %d frames are on disk", d, n)
	}
	seg.Close()
}
