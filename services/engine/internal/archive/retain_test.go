package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

const other = "k3f9x2ac"

const day = 24 * time.Hour

// keeping starts over with targets that a test may change.
type keeping struct {
	*rig
	mu      sync.Mutex
	targets map[string]retention.Targets
}

func newKeeping(t *testing.T, clock string) *keeping {
	k := &keeping{rig: newRig(t), targets: map[string]retention.Targets{}}
	k.stop()
	k.cfg.Targets = func(id string) (retention.Targets, bool) {
		k.mu.Lock()
		defer k.mu.Unlock()
		t, ok := k.targets[id]
		return t, ok
	}
	k.cfg.Clock = func() string { return clock }
	k.cfg.KeepEvery = 20 * time.Millisecond
	k.open()
	return k
}

func (k *keeping) set(camera string, t retention.Targets) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.targets[camera] = t
}

// aged records a segment of a second that began so long ago.
func (k *keeping) aged(camera string, age time.Duration) index.Segment {
	k.t.Helper()
	src := newSource(camera, time.Now().Add(-age))
	src.size = 100_000
	return k.closed(src, 10)
}

// written is aged for segments that may be deleted as soon as they are closed.
func (k *keeping) written(camera string, age time.Duration) *Segment {
	k.t.Helper()
	src := newSource(camera, time.Now().Add(-age))
	src.size = 100_000
	seg := k.record(src, 10)
	seg.Close()
	await(k.t, "segment is closed", func() bool {
		seg.vol.mu.Lock()
		defer seg.vol.mu.Unlock()
		return !seg.vol.open[seg]
	})
	return seg
}

func (k *keeping) has(key index.Key) bool {
	k.t.Helper()
	_, found, err := k.idx.Get(key)
	if err != nil {
		k.t.Fatal(err)
	}
	return found
}

// count is how many segments a camera has.
func (k *keeping) count(camera string) int {
	k.t.Helper()
	list, err := k.idx.Segments(camera, 0, 1<<50)
	if err != nil {
		k.t.Fatal(err)
	}
	return len(list)
}

// settled waits until a volume is under its limit.
func (k *keeping) settled(v Volume, percent int) {
	k.t.Helper()
	await(k.t, "volume is under its limit", func() bool { return room(k.t, v, percent).Excess() == 0 })
}

func room(t testing.TB, v Volume, percent int) retention.Volume {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(v.Path, &st); err != nil {
		t.Fatal(err)
	}
	return retention.Volume{SizeBytes: int64(st.Blocks) * st.Bsize, FreeBytes: int64(st.Bavail) * st.Bsize, LimitPercent: percent}
}

func (k *keeping) usage(camera string) api.CameraUsage {
	k.t.Helper()
	list, err := k.arch.Usage(map[string]string{camera: "Door"})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, u := range list {
		if u.Camera == camera {
			return u
		}
	}
	k.t.Fatalf("no usage of %s in %+v", camera, list)
	return api.CameraUsage{}
}

// warned tells whether the archive warns with these words.
func (k *keeping) warned(words string) bool {
	for _, w := range k.arch.Recording().Warnings {
		if strings.Contains(w, words) {
			return true
		}
	}
	return false
}

func TestSpaceIsSharedInProportionToTheTargets(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.set(camera, retention.Targets{StandardDays: 30})
	k.set(other, retention.Targets{StandardDays: 10})
	a := k.mounted("a", "32m")
	k.use(a)
	if err := k.arch.ChangeVolume("a", limitOf(75)); err != nil {
		t.Fatal(err)
	}
	for d := 40; d >= 1; d-- {
		for _, c := range []string{camera, other} {
			await(t, "there is room", func() bool { return room(t, a, 75).FreeBytes > 4<<20 })
			k.written(c, time.Duration(d)*day)
		}
	}
	k.settled(a, 75)
	n, m := k.count(camera), k.count(other)
	if n+m < 18 || n < 3*m-3 || n > 3*m+3 {
		t.Errorf("%d and %d days are kept of targets of 30 and 10", n, m)
	}
}

func TestNothingIsKeptPastItsTarget(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	a := k.volume("a")
	k.use(a)
	old, young, stranger := k.aged(camera, 6*day), k.aged(camera, 4*day), k.aged(other, 60*day)
	k.set(camera, retention.Targets{StandardDays: 5, AlarmDays: 1})
	time.Sleep(3 * rarely * k.cfg.KeepEvery / 2)
	if !k.has(old.Key) {
		t.Fatal("deleted because of a clock that nobody vouches for")
	}
	k.stop()
	k.cfg.Clock, k.cfg.KeepAll = func() string { return "synchronised" }, true
	k.open()
	k.use(a)
	time.Sleep(3 * rarely * k.cfg.KeepEvery / 2)
	if !k.has(old.Key) {
		t.Fatal("deleted though nothing is to be")
	}
	k.stop()
	k.cfg.KeepAll = false
	k.open()
	k.use(a)
	await(t, "what is past its target goes", func() bool { return !k.has(old.Key) })
	await(t, "its file too", func() bool {
		_, err := os.Stat(filepath.Join(a.Path, relPath(old)))
		return errors.Is(err, fs.ErrNotExist)
	})
	if !k.has(young.Key) || !k.has(stranger.Key) {
		t.Error("more is gone than what is past its target")
	}
	k.set(camera, retention.Targets{StandardDays: 3})
	await(t, "a lower target counts at once", func() bool { return !k.has(young.Key) })
}

func TestAClockThatWasSetDeletesNothingForAWhile(t *testing.T) {
	now := time.Now()
	s := steadiness{base: now, since: now}
	if d := s.steadyFor(now.Add(time.Hour)); d != time.Hour {
		t.Error(d)
	}
	s.look(now.Add(time.Hour))
	s.ahead -= 365 * day // the wall clock was set forward since the last look
	s.look(now.Add(time.Hour))
	if d := s.steadyFor(now.Add(time.Hour + time.Minute)); d != time.Minute {
		t.Error(d)
	}
	s.look(now.Add(2 * time.Hour))
	if d := s.steadyFor(now.Add(2 * time.Hour)); d != time.Hour {
		t.Error(d)
	}
}

func TestWhatIsProtectedStays(t *testing.T) {
	k := newKeeping(t, "synchronised")
	k.set(camera, retention.Targets{StandardDays: 5})
	a := k.mounted("a", "16m")
	k.use(a)
	if err := k.arch.ChangeVolume("a", limitOf(50)); err != nil {
		t.Fatal(err)
	}
	kept, beside := k.aged(camera, 4*day), k.aged(camera, 4*day-time.Minute)
	p, err := k.arch.Protect(api.ProtectionRequest{Camera: camera, FromMs: kept.StartMs + 200, ToMs: kept.StartMs + 300, Reason: "burglary"}, "anna")
	if err != nil || p.Bytes != kept.SizeBytes || p.By != "anna" || p.Notice != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	for i := range 20 {
		await(t, "there is room", func() bool { return room(t, a, 50).FreeBytes > 4<<20 })
		k.written(camera, 3*day-time.Duration(i)*time.Minute)
	}
	k.set(camera, retention.Targets{StandardDays: 2})
	await(t, "the rest goes by age", func() bool { return k.count(camera) == 1 })
	if !k.has(kept.Key) || k.has(beside.Key) {
		t.Error("not the protected segment is left")
	}
	consecutive(t, k.frames(kept.ID()), 0, 10)
	r := k.arch.Recording()
	if got := r.Volumes[0].ProtectedBytes; got != kept.SizeBytes {
		t.Errorf("%d bytes are said to be protected, of %d", got, kept.SizeBytes)
	}
	if u := k.usage(camera); u.ProtectedBytes != kept.SizeBytes || u.StandardBytes != kept.SizeBytes || u.OldestMs != kept.StartMs {
		t.Errorf("usage %+v", u)
	}
	tl, err := k.arch.Timeline(camera, kept.StartMs-1000, kept.StartMs+1000)
	if err != nil || len(tl.Protections) != 1 || tl.Protections[0].ID != p.ID {
		t.Errorf("%+v, %v", tl.Protections, err)
	}
	if err := k.arch.Lift(p.ID, "bert"); err != nil {
		t.Fatal(err)
	}
	await(t, "what is lifted goes", func() bool { return !k.has(kept.Key) })
}

func TestAProtectionWinsOverAPlanThatWasMadeBefore(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.use(k.volume("a"))
	first, second := k.aged(camera, 2*day), k.aged(camera, day)
	v := k.arch.present()[0]
	s, heads, err := v.situation(retention.Volume{}, false, false)
	if err != nil || len(heads) != 1 || len(heads[0].Segments) != 2 {
		t.Fatalf("%+v, %v", heads, err)
	}
	if _, err := k.arch.Protect(api.ProtectionRequest{Camera: camera, FromMs: first.StartMs, ToMs: first.EndMs, Reason: "r"}, "anna"); err != nil {
		t.Fatal(err)
	}
	gone, ok := v.delete(s, heads, []retention.Deletion{{Segment: 0}, {Segment: 1}})
	if !ok || len(gone) != 1 || gone[0].Key != second.Key || !k.has(first.Key) {
		t.Fatalf("%+v, %v", gone, ok)
	}
	// The other way round it is said.
	if _, err := k.idx.Mark(nil, first.Key); err != nil {
		t.Fatal(err)
	}
	third := k.aged(camera, time.Hour)
	p, err := k.arch.Protect(api.ProtectionRequest{Camera: camera, FromMs: first.StartMs, ToMs: third.EndMs, Reason: "r"}, "anna")
	if err != nil || !strings.Contains(p.Notice, "One recording") || p.Bytes != third.SizeBytes {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestWhatIsHeldStaysUntilItIsReleasedOrNothingElseIsLeft(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.use(k.volume("a"))
	first, second := k.aged(camera, 2*day), k.aged(camera, day)
	v := k.arch.present()[0]
	plan := func(urgent bool) (retention.Situation, []index.Head) {
		t.Helper()
		s, heads, err := v.situation(retention.Volume{}, false, urgent)
		if err != nil || len(heads) != 1 {
			t.Fatalf("%+v, %v", heads, err)
		}
		return s, heads
	}
	s, heads := plan(false)
	release := k.arch.Hold(camera, first.StartMs+1, first.EndMs-1)
	if gone, ok := v.delete(s, heads, []retention.Deletion{{Segment: 0}}); !ok || len(gone) != 0 || !k.has(first.Key) {
		t.Fatalf("what is held is deleted by an older plan: %+v, %v", gone, ok)
	}
	if s, heads = plan(false); len(s.Lines[0].Protected) != 1 || s.Breaking {
		t.Errorf("a plan without what is held: %+v", s)
	}
	if gone, ok := v.delete(s, heads, []retention.Deletion{{Segment: len(heads[0].Segments) - 1}}); !ok || len(gone) != 1 || gone[0].Key != second.Key {
		t.Fatalf("what lies beside it: %+v, %v", gone, ok)
	}
	v.mu.Lock()
	v.committedAt = time.Now().Add(-time.Hour)
	v.mu.Unlock()
	if s, heads = plan(true); len(s.Lines[0].Protected) != 0 || !s.Breaking {
		t.Errorf("where nothing else is left: %+v", s)
	}
	release()
	release()
	if gone, ok := v.delete(s, heads, []retention.Deletion{{Segment: 0}}); !ok || len(gone) != 1 || k.has(first.Key) {
		t.Fatalf("%+v, %v", gone, ok)
	}
}

func TestProtectionsSurviveTheLossOfTheDatabase(t *testing.T) {
	k := newKeeping(t, "synchronised")
	a := k.volume("a")
	k.use(a)
	kept, beside := k.aged(camera, 4*day), k.aged(camera, 4*day-time.Minute)
	p, err := k.arch.Protect(api.ProtectionRequest{Camera: camera, FromMs: kept.StartMs, ToMs: kept.EndMs, Reason: "burglary"}, "anna")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(a.Path, protectionsFile)
	await(t, "the protection is beside the recordings", func() bool {
		b, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(b), p.ID)
	})
	k.stop()
	if err := os.Remove(filepath.Join(k.dir, "engine.db")); err != nil {
		t.Fatal(err)
	}
	k.set(camera, retention.Targets{StandardDays: 1})
	k.open()
	k.use(a)
	await(t, "what is not protected goes", func() bool {
		_, err := os.Stat(filepath.Join(a.Path, relPath(beside)))
		return errors.Is(err, fs.ErrNotExist)
	})
	if list, err := k.arch.Protections(camera); err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].Reason != "burglary" || list[0].By != "anna" {
		t.Errorf("%+v, %v", list, err)
	}
	consecutive(t, k.frames(kept.ID()), 0, 10)

	// A file that cannot be read is put aside, and a good one written.
	k.stop()
	if err := os.WriteFile(file, []byte("{"), 0o640); err != nil {
		t.Fatal(err)
	}
	k.open()
	k.use(a)
	await(t, "the file is written anew", func() bool {
		b, err := os.ReadFile(file)
		_, aside := os.Stat(file + ".damaged")
		return err == nil && aside == nil && strings.Contains(string(b), p.ID)
	})
}

func TestPromisedFootageStaysWhileAnotherVolumeTakesRecordings(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.set(camera, retention.Targets{StandardMinDays: 10})
	a, b := k.mounted("a", "16m"), k.mounted("b", "16m")
	for _, v := range []string{"a", "b"} {
		k.use(a, b)
		if err := k.arch.ChangeVolume(v, limitOf(50)); err != nil {
			t.Fatal(err)
		}
	}
	promised := map[string]int{}
	var all []index.Key
	full := false // that a volume is was said; what is deleted then may take it back
	for age := 9 * day; len(all) < 40; age -= time.Hour {
		// A camera is slower than its volumes' keepers; this source is as fast as the machine.
		await(t, "there is room where the next segment goes", func() bool {
			v := k.arch.choose(camera, map[string]bool{})
			v.mu.Lock()
			v.coming--
			looked := !v.committedAt.IsZero()
			v.mu.Unlock()
			r := room(t, Volume{Path: v.path}, 50)
			full = full || k.warned("holds nothing but")
			return r.Excess() == 0 || looked && r.FreeBytes > 4<<20
		})
		s := k.written(camera, age)
		all = append(all, s.Key())
		promised[s.Volume()]++
		if len(all) == 12 {
			if !k.has(all[0]) {
				t.Fatal("promised footage went though the other volume was empty")
			}
			if promised["a"] == 0 || promised["b"] == 0 {
				t.Fatalf("12 MB are spread over the volumes as %v", promised)
			}
		}
	}
	// No volume has room now: the newest footage wins, and it is said.
	await(t, "a volume is under its limit", func() bool { return room(t, a, 50).Excess() == 0 || room(t, b, 50).Excess() == 0 })
	if k.has(all[0]) || !k.has(all[len(all)-1]) {
		t.Error("not the oldest is gone")
	}
	await(t, "the broken promise shows", func() bool {
		full = full || k.warned("holds nothing but")
		return k.usage(camera).Promise == api.CameraUsagePromiseBroken
	})
	if reason := k.usage(camera).PromiseReason; !strings.Contains(reason, "10 days of standard recordings are promised") {
		t.Error(reason)
	}
	if !k.warned("was not kept") || !full {
		t.Errorf("warnings %q", k.arch.Recording().Warnings)
	}
	k.stop()
	k.open()
	k.use(a, b)
	if k.usage(camera).Promise != api.CameraUsagePromiseBroken {
		t.Error("forgotten by a restart")
	}
	k.set(camera, retention.Targets{})
	await(t, "what is not promised is not broken", func() bool { return k.usage(camera).Promise == api.CameraUsagePromiseNone })
}

func TestAPromiseThatWillNotHoldIsSaidBefore(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.set(camera, retention.Targets{StandardMinDays: 20})
	a := k.mounted("a", "16m")
	k.use(a)
	var first index.Segment
	for d := 4; d >= 1; d-- {
		if s := k.aged(camera, time.Duration(d)*day); d == 4 {
			first = s
		}
	}
	await(t, "the warning shows", func() bool { return k.usage(camera).Promise == api.CameraUsagePromiseWarning })
	u := k.usage(camera)
	if u.BytesPerDay < 900_000 || u.BytesPerDay > 1_200_000 {
		t.Errorf("%d bytes a day", u.BytesPerDay)
	}
	// 16 MB less a twentieth and what the file system itself takes; a megabyte a day.
	if !strings.Contains(u.PromiseReason, "20 days of standard recordings are promised. At the present rate 15") || !strings.Contains(u.PromiseReason, "will have to go in about 12 days") {
		t.Error(u.PromiseReason)
	}
	if !k.warned("What is promised for camera Door will not be kept") && !k.warned("What is promised for camera "+camera+" will not be kept") {
		t.Errorf("warnings %q", k.arch.Recording().Warnings)
	}
	if !k.has(first.Key) {
		t.Error("something is gone already")
	}
	k.set(camera, retention.Targets{StandardMinDays: 10})
	await(t, "a promise that holds is fine", func() bool {
		u := k.usage(camera)
		return u.Promise == api.CameraUsagePromiseOk && u.PromiseReason == ""
	})
}

// TestProtectedBytesAreThoseOfTheSegments compares sums by day with what a walk over all segments finds.
func TestProtectedBytesAreThoseOfTheSegments(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	var all []index.Segment
	base := time.Now().Add(-10*day).UnixMilli() / index.DayMs * index.DayMs
	for i := range int64(1500) {
		s := index.Segment{Key: index.Key{Camera: camera, Stream: "main", Kind: index.Standard, StartMs: base + i*600_000 + 7}, Volume: []string{"a", "b"}[i%2], SizeBytes: 1000 + i*i}
		s.EndMs = s.StartMs + 600_000
		if i%5 == 0 {
			s.Kind = index.Alarm
		}
		all = append(all, s)
	}
	if err := k.idx.Put(all...); err != nil {
		t.Fatal(err)
	}
	h := int64(3_600_000)
	for _, spans := range [][]retention.Span{
		{{FromMs: base + h, ToMs: base + 2*h}},
		{{FromMs: base + 5*h, ToMs: base + 100*h}},
		{{FromMs: base + 24*h, ToMs: base + 48*h}},
		{{FromMs: base, ToMs: base + 24*h + 1}},
		{{FromMs: base + 24*h - 1, ToMs: base + 72*h}},
		{{FromMs: base + 600_000, ToMs: base + 700_000}, {FromMs: base + 800_000, ToMs: base + 900_000}, {FromMs: base + 23*h, ToMs: base + 25*h}, {FromMs: base + 25*h + 1000, ToMs: base + 400*h}},
	} {
		want, got := map[index.Line]map[int64]int64{}, map[index.Line]map[int64]int64{}
		add := func(sums map[index.Line]map[int64]int64, l index.Line, day, bytes int64) {
			if sums[l] == nil {
				sums[l] = map[int64]int64{}
			}
			sums[l][day] += bytes
		}
		for _, s := range all {
			for _, span := range spans {
				if span.Overlaps(s.StartMs, s.EndMs) {
					add(want, index.Line{Volume: s.Volume, Camera: s.Camera, Kind: s.Kind}, s.StartMs/index.DayMs, s.SizeBytes)
					break
				}
			}
		}
		if err := k.arch.within(camera, spans, k.idx.Lines(), func(l index.Line, day, bytes int64) { add(got, l, day, bytes) }); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%+v:\ngot  %v\nwant %v", spans, got, want)
		}
	}
}
