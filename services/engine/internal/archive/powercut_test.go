package archive_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/internal/filesystest"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/deletion"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

var (
	cuts = flag.Int("cuts", 200, "how many power cuts are simulated")
	seed = flag.Uint64("seed", 0, "of the first run of power cuts; 0: by chance")
)

const (
	cameras = 5
	// second is a camera of which there are duplicates alone, so that its timeline shows what became of them.
	second     = "k3f9x2a4"
	frameEvery = 100 * time.Millisecond
	gopFrames  = 10
	runFor     = 30 * time.Second
	roomBytes  = 1000 << 10 // of a volume, half of it for recordings: the oldest go in the second half of a run
	every      = 20         // operations for each cut, about a thousand in a run
	// lossBound is the age from which a frame must be on disk.
	lossBound = time.Second
)

// TestPowerCuts records from some cameras on two disks, cuts the power at any operation of any disk, and looks at what a
// machine makes of the disks that starts on them: some of them are cut again while they recover.
//
// Cuts come in runs of recording; each has a seed, which decides when its cuts come and what of each disk survives them.
// The order in which goroutines run is not decided by it: the same seed may well need several tries to fail again.
func TestPowerCuts(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 32)
	}
	var tally tally
	var runs atomic.Uint64
	t.Run("run", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for !t.Failed() && tally.sum() < *cuts {
					s := first + runs.Add(1) - 1
					cutRun(t, s, &tally)
				}
			})
		}
	})
	t.Logf("%v (first seed %d)", &tally, first)
	if !t.Failed() && (tally.torn == 0 || tally.deleted == 0 || tally.ordered == 0 || tally.again == 0) {
		t.Error("no file was ever torn, no recording deleted, no deletion by hand under way, or no recovery cut: the test proves too little")
	}
}

// tally is what the cuts were like.
type tally struct {
	mu                   sync.Mutex
	cuts, again          int
	torn, deleted        int
	ordered              int   // cuts while somebody had something deleted
	lostMs, repairMs     int64 // the most
	acknowledged, frames int
}

func (y *tally) sum() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.cuts + y.again
}

func (y *tally) String() string {
	return fmt.Sprintf("%d power cuts, %d of them during a recovery; %d files were torn; %d recordings were being deleted; %d times by hand; at most %d ms of footage lost; "+
		"recovered after %d ms of disk time at most; %d of %d frames found had been shown in a timeline",
		y.cuts+y.again, y.again, y.torn, y.deleted, y.ordered, y.lostMs, y.repairMs, y.acknowledged, y.frames)
}

// cut is a power cut: what is on the disks, and what was known at that moment.
type cut struct {
	disks  *filesystest.Machine
	at     time.Time
	shown  map[string]int64   // segment → its end as the timelines showed it
	given  map[string][]given // camera → frames taken, oldest first
	gone   map[string]bool    // segments that were being deleted; filled in later
	second bool               // power was cut during the recovery from this cut
}

type given struct {
	number int64
	at     time.Time
}

// number of a frame: tenths of a second since the epoch. It is its time, and what its payload says.
func number(f *media.Frame) int64 { return f.TimeNs() / int64(frameEvery) }

// site is a running archive on a machine's disks.
type site struct {
	db   *mirror.DB
	idx  *index.Index
	arch *archive.Archive
	stop func() error
}

var volumes = []archive.Volume{{ID: "a", Name: "a", Path: "/volumes/a"}, {ID: "b", Name: "b", Path: "/volumes/b"}}

func start(disks *filesystest.Machine, ram string) (*site, error) {
	var dirs []mirror.Dir
	for _, v := range volumes {
		dirs = append(dirs, mirror.Dir{ID: v.ID, Path: v.Path + "/vigie/index"})
	}
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(ram, "engine.db"), Name: "engine", FS: disks, RotateBytes: 8 << 10}, dirs)
	if err != nil {
		return nil, err
	}
	s := &site{db: db}
	if s.idx, err = index.Open(db); err != nil {
		return nil, err
	}
	if s.arch, err = archive.New(archive.Config{Index: s.idx, DB: db, App: "Vigie test", FS: disks, Log: slog.New(slog.DiscardHandler), KeepEvery: 500 * time.Millisecond}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.arch.Run(ctx) }()
	s.arch.SetVolumes(volumes)
	s.stop = func() error {
		cancel()
		return errors.Join(<-done, db.Close())
	}
	return s, nil
}

// pace is that of a disk, shortened where it would only make tests longer.
func pace(r *rand.Rand) func(filesystest.Op) time.Duration {
	var mu sync.Mutex
	return func(op filesystest.Op) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		switch op.Name {
		case "sync", "datasync", "syncfs":
			return time.Duration(5+r.IntN(20)) * time.Millisecond
		case "read":
			return 10 * time.Millisecond // a seek
		}
		return time.Duration(50+r.IntN(500)) * time.Microsecond
	}
}

// cutRun records for a while, cuts the power many times, and checks each time what comes back.
func cutRun(t *testing.T, seed uint64, tally *tally) {
	var list []*cut
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 1))
		list = record(t, r)
	})
	for i, c := range list {
		var again *cut
		synctest.Test(t, func(t *testing.T) {
			again = recovers(t, c, rand.New(rand.NewPCG(seed, 2+uint64(i))), tally)
		})
		if again != nil && !t.Failed() {
			synctest.Test(t, func(t *testing.T) {
				recovers(t, again, rand.New(rand.NewPCG(seed, 1<<32+uint64(i))), tally)
			})
		}
		if t.Failed() {
			t.Fatalf("seed %d, cut %d of its run", seed, i)
		}
	}
}

// record records, and returns what cuts leave.
func record(t *testing.T, r *rand.Rand) []*cut {
	disks := filesystest.New()
	disks.Folders = r.IntN(3) == 0
	for _, v := range volumes {
		disks.AddVolume(v.Path, roomBytes)
		for _, d := range []string{"/vigie", "/vigie/rec", "/vigie/index"} {
			if err := disks.Mkdir(v.Path+d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := settle(disks, v.Path); err != nil {
			t.Fatal(err)
		}
	}
	s, err := start(disks, memory(t))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	for _, v := range volumes {
		if err := s.arch.ChangeVolume(v.ID, archive.VolumeChange{LimitPercent: new(50)}); err != nil {
			t.Fatal(err)
		}
	}
	world := &world{site: s, given: map[string][]given{}}
	var mu sync.Mutex // of r and list
	var list []*cut
	disks.SetPace(pace(rand.New(rand.NewPCG(r.Uint64(), 3))))
	disks.SetWatch(func(filesystest.Op) {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(every) == 0 {
			c := world.now(t)
			c.disks = disks.Crash(r)
			list = append(list, c)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), runFor)
	defer cancel()
	var group sync.WaitGroup
	for i := range cameras {
		group.Go(func() { world.camera(ctx, t, fmt.Sprintf("k3f9x2a%d", i), rand.New(rand.NewPCG(r.Uint64(), 4))) })
	}
	group.Go(func() { world.deletes(ctx, t, rand.New(rand.NewPCG(r.Uint64(), 5))) })
	// What is deleted shows as what was in the timeline and is no more.
	group.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			shown := world.shown(t)
			mu.Lock()
			for _, c := range list {
				if time.Since(c.at) > 2*time.Second {
					continue
				}
				for id := range c.shown {
					if _, there := shown[id]; !there {
						c.gone[id] = true
					}
				}
			}
			mu.Unlock()
		}
	})
	group.Wait()
	disks.SetWatch(nil)
	time.Sleep(2 * time.Second)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	return list
}

// memory is a folder for the database in RAM: a real disk's would make thousands of recoveries slow.
func memory(t *testing.T) string {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(parent, "vigie-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// settle makes all of a volume durable.
func settle(disks *filesystest.Machine, path string) error {
	f, err := disks.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.SyncFS(), f.Close())
}

// world is a recording site under watch.
type world struct {
	*site
	mu    sync.Mutex
	given map[string][]given
	holes map[string][]api.Gap // camera → what was deleted by hand, as its timeline says
}

// now is what is known at this moment.
func (w *world) now(t *testing.T) *cut {
	c := &cut{at: time.Now(), shown: w.shown(t), gone: map[string]bool{}, given: map[string][]given{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	for camera, list := range w.given {
		c.given[camera] = list[:len(list):len(list)]
	}
	return c
}

// shown is what the timelines show.
func (w *world) shown(t *testing.T) map[string]int64 {
	out := map[string]int64{}
	for i := range cameras {
		line, err := w.arch.Timeline(fmt.Sprintf("k3f9x2a%d", i), 0, 1<<50)
		if err != nil {
			t.Error(err)
		}
		for _, s := range line.Segments {
			out[s.ID] = s.EndMs
		}
	}
	return out
}

// camera records from one camera, segment after segment.
func (w *world) camera(ctx context.Context, t *testing.T, id string, r *rand.Rand) {
	src := &source{run: newRun(id, time.Now())}
	var seg *archive.Segment
	left := 0
	create := w.arch.Create
	if id == second {
		create = w.arch.CreateDuplicate
	}
	time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
	for ctx.Err() == nil {
		f := src.next(100 + r.IntN(900))
		if seg == nil || f.Keyframe && left <= 0 {
			if seg != nil {
				seg.Close()
			}
			var err error
			for seg, err = create(src.run, index.Standard, f.TimeNs()); err != nil && ctx.Err() == nil; {
				time.Sleep(50 * time.Millisecond) // no room for a moment
				seg, err = create(src.run, index.Standard, f.TimeNs())
			}
			if err != nil {
				return
			}
			left = 10 + r.IntN(60)
		}
		if err := seg.Write(ctx, f); err != nil {
			if ctx.Err() == nil {
				t.Errorf("camera %s: %v", id, err)
			}
			return
		}
		w.mu.Lock()
		w.given[id] = append(w.given[id], given{number(f), time.Now()})
		w.mu.Unlock()
		left--
		time.Sleep(frameEvery)
	}
	if seg != nil {
		seg.Close()
	}
}

// deletes is a person who has footage of the last seconds deleted, again and again, of one camera or another. Where a duplicate
// was deleted no gap tells of it: of the second one nothing is.
func (w *world) deletes(ctx context.Context, t *testing.T, r *rand.Rand) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(2000+r.IntN(1000)) * time.Millisecond)
		now := time.Now().UnixMilli()
		p, err := w.arch.PlanDeletion(api.DeletionRequest{Cameras: []string{fmt.Sprintf("k3f9x2a%d", r.IntN(cameras-1))}, Kinds: []api.DeletionRequestKinds{"standard"}, FromMs: now - 9000, ToMs: now - 1000}, "ann")
		if err != nil {
			t.Error(err)
			return
		}
		if p.Segments == 0 {
			continue
		}
		var no *deletion.Problem
		if _, err := w.arch.Delete(p.Plan, p.Segments, "ann"); err != nil && !errors.As(err, &no) { // retention may have been first
			t.Error(err)
		}
	}
}

// source makes frames that tell their numbers.
type source struct {
	run *media.Run
	n   int64
}

func newRun(camera string, start time.Time) *media.Run {
	return &media.Run{Camera: camera, Stream: "main", StartNs: start.Truncate(frameEvery).UnixNano(), Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, Width: 640, Height: 360}}}
}

func (s *source) next(size int) *media.Frame {
	f := &media.Frame{Run: s.run, Keyframe: s.n%gopFrames == 0, PTSTicks: s.n * 9000, DTSTicks: s.n * 9000, DurationTicks: 9000}
	s.n++
	f.Payload = payload(number(f), size)
	return f
}

// payload is bytes that only this frame has.
func payload(number int64, size int) []byte {
	b := make([]byte, 0, size+8)
	for x := uint64(number); len(b) < size; x = x*6364136223846793005 + 1442695040888963407 {
		b = binary.BigEndian.AppendUint64(b, x)
	}
	return b[:size]
}
