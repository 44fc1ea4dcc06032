package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/deletion"
	"vigie/services/engine/internal/index"
)

// before asks for what a camera has before an instant.
func before(at time.Time, cameras ...string) api.DeletionRequest {
	return api.DeletionRequest{Cameras: cameras, Kinds: []api.DeletionRequestKinds{"standard"}, ToMs: at.UnixMilli()}
}

func (k *keeping) planned(r api.DeletionRequest) api.DeletionPlan {
	k.t.Helper()
	p, err := k.arch.PlanDeletion(r, "ann")
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}

// ended waits until an order has ended.
func (k *keeping) ended(id string) (d api.Deletion) {
	k.t.Helper()
	await(k.t, "the deletion ends", func() bool {
		for _, d = range k.arch.Deletions() {
			if d.ID == id && d.Status != "running" {
				return true
			}
		}
		return false
	})
	return d
}

func code(err error) string {
	var no *deletion.Problem
	if errors.As(err, &no) {
		return no.Code
	}
	return ""
}

func TestWhatAPersonDeletesIsCountedFirstAndNothingElseGoes(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	a, b := k.volume("a"), k.volume("b")
	k.use(a, b)
	oldest, kept, gone := k.aged(camera, 5*day), k.aged(camera, 4*day), k.aged(camera, 3*day)
	young, beside := k.aged(camera, 2*day), k.aged(other, 4*day)
	if _, err := k.arch.Protect(api.ProtectionRequest{Camera: camera, FromMs: kept.StartMs, ToMs: kept.EndMs, Reason: "r"}, "anna"); err != nil {
		t.Fatal(err)
	}
	r := before(time.Now().Add(-5*day/2), camera)
	p := k.planned(r)
	if p.Segments != 2 || p.Bytes != oldest.SizeBytes+gone.SizeBytes || p.ProtectedSegments != 1 || p.ProtectedBytes != kept.SizeBytes ||
		p.FirstMs != oldest.StartMs || p.LastMs != gone.EndMs || len(p.Cameras) != 1 || p.Cameras[0].Segments != 2 {
		t.Fatalf("%+v", p)
	}
	for _, c := range []struct {
		plan     string
		segments int64
		by, code string
	}{{p.Plan, 2, "bert", "no_plan"}, {"nonsense", 2, "ann", "no_plan"}, {p.Plan, 3, "ann", "changed"}, {p.Plan, 2, "ann", "no_plan"}} {
		if _, err := k.arch.Delete(c.plan, c.segments, c.by); code(err) != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if n := k.count(camera); n != 4 {
		t.Fatalf("%d segments are left though nothing was confirmed", n)
	}
	d, err := k.arch.Delete(k.planned(r).Plan, 2, "ann")
	if err != nil || d.By != "ann" || d.Segments != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	if d = k.ended(d.ID); d.Status != "done" || d.GoneSegments != 2 || d.GoneBytes != oldest.SizeBytes+gone.SizeBytes || d.EndedMs == 0 {
		t.Errorf("%+v", d)
	}
	for _, s := range []index.Segment{oldest, gone} {
		for _, v := range []Volume{a, b} {
			if _, err := os.Stat(filepath.Join(v.Path, relPath(s))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its file is still there: %v", err)
			}
		}
	}
	for _, s := range []index.Segment{kept, young, beside} {
		if !k.has(s.Key) {
			t.Errorf("%s is gone", s.ID())
		}
		if len(k.frames(s.ID())) != 10 {
			t.Errorf("%s cannot be read", s.ID())
		}
	}
	tl, err := k.arch.Timeline(camera, gone.StartMs-1000, gone.EndMs+1000)
	if err != nil || len(tl.Gaps) != 1 || tl.Gaps[0].Cause != "deleted" || tl.Gaps[0].StartMs != gone.StartMs || tl.Gaps[0].EndMs != gone.EndMs {
		t.Errorf("%+v, %v", tl.Gaps, err)
	}
	if marks, err := k.idx.Marks(); err != nil || len(marks) > 0 {
		t.Errorf("%v, %v", marks, err)
	}
}

func TestWhatCameSinceItWasCountedIsNotDeleted(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	a, b := k.volume("a"), k.volume("b")
	k.use(a, b)
	first := k.aged(camera, 3*day)
	r := before(time.Now().Add(-day), camera)
	p := k.planned(r)
	second := k.aged(camera, 2*day) // as when a disk is plugged in that has it
	if _, err := k.arch.Delete(p.Plan, p.Segments, "ann"); code(err) != "changed" || !k.has(first.Key) || !k.has(second.Key) {
		t.Fatal(err)
	}
	// What is held, and what is on volumes that are away, is counted apart.
	release := k.arch.Hold(camera, first.StartMs, first.EndMs)
	var away Volume
	for _, v := range []Volume{a, b} {
		if v.ID == second.Volume {
			away = v
		}
	}
	left := b
	if away.ID == b.ID {
		left = a
	}
	k.use(left)
	p = k.planned(r)
	if n := k.count(camera); p.Segments+p.ProtectedSegments+p.AbsentSegments != int64(n) || p.AbsentSegments == 0 {
		t.Errorf("%+v of %d", p, n)
	}
	if p.Segments == 0 {
		if _, err := k.arch.Delete(p.Plan, 0, "ann"); code(err) != "nothing_there" {
			t.Error(err)
		}
	}
	release()
}

func TestADeletionIsBroughtToItsEndAfterARestart(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	a, b := k.volume("a"), k.volume("b")
	k.use(a)
	const n = batchMost + 4
	for i := range n {
		k.aged(camera, 3*day+time.Duration(i)*time.Minute)
	}
	young := k.aged(camera, day)
	k.use(b)
	elsewhere := k.aged(camera, 3*day-time.Minute)
	// It stands in the database, and the power goes before the first file does.
	o, err := k.arch.deletions.Add(deletion.Order{By: "ann", CreatedMs: time.Now().UnixMilli(), Cameras: []string{other, camera}, Kinds: []string{"alarm", "standard"},
		ToMs: time.Now().Add(-2 * day).UnixMilli(), Volumes: []string{"a"}, Segments: n, Bytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "it is said what it waits for", func() bool { return strings.Contains(k.arch.Deletions()[0].Reason, "Disk a is not connected") })
	k.stop()
	k.open()
	k.use(a, b)
	if d := k.ended(o.ID); d.Status != "done" || d.GoneSegments != n {
		t.Errorf("%+v", d)
	}
	if !k.has(young.Key) || !k.has(elsewhere.Key) || k.count(camera) != 2 {
		t.Error("more is gone than was ordered")
	}
}

func TestADeletionThatIsStoppedDeletesNothingMore(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	a := k.volume("a")
	k.use(a)
	s := k.aged(camera, 3*day)
	k.use()
	o, err := k.arch.deletions.Add(deletion.Order{By: "ann", CreatedMs: time.Now().UnixMilli(), Cameras: []string{camera}, Kinds: []string{"standard"},
		ToMs: time.Now().UnixMilli(), Volumes: []string{"a"}, Segments: 1})
	if err != nil {
		t.Fatal(err)
	}
	v := newVolume(k.arch, a)
	list, err := v.portion(o)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if err := k.arch.StopDeletion(o.ID, "bert"); err != nil {
		t.Fatal(err)
	}
	if !v.eraseBatch(o, list) || !k.has(s.Key) { // a batch that was listed before
		t.Error("it goes on")
	}
	if d := k.ended(o.ID); d.Status != "stopped" || d.StoppedBy != "bert" || d.GoneSegments != 0 {
		t.Errorf("%+v", d)
	}
	if err := k.arch.StopDeletion(o.ID, "bert"); !errors.Is(err, deletion.ErrEnded) {
		t.Error(err)
	}
}

func TestADeletionWaitsForAVolumeADayAtMost(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.use(k.volume("a"))
	o, err := k.arch.deletions.Add(deletion.Order{By: "ann", CreatedMs: time.Now().Add(-deletion.WaitFor - time.Hour).UnixMilli(), Cameras: []string{camera}, Kinds: []string{"standard"},
		ToMs: 1, Volumes: []string{"z"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := k.ended(o.ID); d.Status != "incomplete" || d.Reason == "" {
		t.Errorf("%+v", d)
	}
}

func TestDeletionsThatAreRefused(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.use(k.volume("a"))
	past := time.Now().Add(-time.Hour)
	good := before(past, camera)
	for name, c := range map[string]struct {
		change func(*api.DeletionRequest)
		field  string
	}{
		"no camera":     {func(r *api.DeletionRequest) { r.Cameras = nil }, "cameras"},
		"no kind":       {func(r *api.DeletionRequest) { r.Kinds = nil }, "kinds"},
		"unknown kind":  {func(r *api.DeletionRequest) { r.Kinds = []api.DeletionRequestKinds{"all"} }, "kinds"},
		"backwards":     {func(r *api.DeletionRequest) { r.FromMs = r.ToMs }, "toMs"},
		"before 1970":   {func(r *api.DeletionRequest) { r.FromMs = -1 }, "toMs"},
		"in the future": {func(r *api.DeletionRequest) { r.ToMs = time.Now().Add(time.Hour).UnixMilli() }, "toMs"},
	} {
		r := good
		c.change(&r)
		var no *deletion.Problem
		if _, err := k.arch.PlanDeletion(r, "ann"); !errors.As(err, &no) || no.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p := k.planned(good); p.Segments != 0 || p.Plan == "" {
		t.Errorf("%+v", p)
	}
}
