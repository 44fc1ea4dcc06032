package archive

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
)

const childEnv = "VIGIE_ARCHIVE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	os.Exit(m.Run())
}

// child records from four cameras, segment after segment, until it is killed; it prints "camera frames" for whatever is
// acknowledged as on disk.
func child(dir string) error {
	vol := Volume{ID: "a", Name: "a", Path: filepath.Join(dir, "a")}
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(dir, "engine.db"), Name: "engine"}, []mirror.Dir{{ID: "a", Path: filepath.Join(vol.Path, "vigie/index")}})
	if err != nil {
		return err
	}
	idx, err := index.Open(db)
	if err != nil {
		return err
	}
	arch, err := New(Config{Index: idx, DB: db, App: "Vigie test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	go arch.Run(context.Background())
	arch.SetVolumes([]Volume{vol})
	failed := make(chan error)
	for i := range 4 {
		go func() { failed <- childCamera(arch, fmt.Sprintf("k3f9x2a%d", i)) }()
	}
	return <-failed
}

func childCamera(arch *Archive, camera string) error {
	_, last, _, err := arch.Bounds(camera)
	if err != nil {
		return err
	}
	// Frame numbers go on where the footage ends: a frame's number is a tenth of a second since 1970.
	src := newSource(camera, time.UnixMilli(max(last, 1_767_225_600_000)))
	var seg *Segment
	written := 0
	for {
		f := src.next()
		copy(f.Payload, fmt.Sprintf("frame %d ", f.TimeNs()/1e8))
		if seg == nil || f.Keyframe && written >= 200 {
			if seg != nil {
				seg.Close()
			}
			for seg = nil; seg == nil; time.Sleep(time.Millisecond) { // the volume is being looked at
				seg, _ = arch.Create(src.run, index.Standard, f.TimeNs())
			}
			written = 0
		}
		if err := seg.Write(context.Background(), f); err != nil {
			return err
		}
		written++
		if d := seg.Durable(); d > 0 {
			os.Stdout.WriteString(fmt.Sprintf("%s %d\n", camera, seg.Key().StartMs/100+int64(d)-1))
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func TestNothingAcknowledgedIsLostToAKill(t *testing.T) {
	dir := t.TempDir()
	vol := Volume{ID: "a", Name: "a", Path: filepath.Join(dir, "a")}
	if err := os.MkdirAll(filepath.Join(vol.Path, recDir), 0o750); err != nil {
		t.Fatal(err)
	}
	acked := map[string]int64{}
	var torn int
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		note := func() {
			var camera string
			var frame int64
			if _, err := fmt.Sscan(lines.Text(), &camera, &frame); err != nil {
				t.Fatalf("child says %q", lines.Text())
			}
			acked[camera] = max(acked[camera], frame)
		}
		for n := 0; n < 500+700*round && lines.Scan(); n++ {
			note()
		}
		cmd.Process.Kill()
		for lines.Scan() {
			note()
		}
		cmd.Wait()
		left, _ := filepath.Glob(filepath.Join(vol.Path, recDir, "*", "*", "*"+openExt))
		torn += len(left)

		r := &rig{t: t, dir: dir, cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
		began := time.Now()
		r.open()
		r.use(vol)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("back after %v", d)
		}
		await(t, "what was closed and not indexed yet is found", func() bool {
			files, _ := filepath.Glob(filepath.Join(vol.Path, recDir, "*", "*", "*.mkv"))
			return r.idx.Totals("a").Segments == int64(len(files))
		})
		for camera, frame := range acked {
			list, err := r.arch.Segments(camera, 0, 1<<50)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []int
			for _, s := range list {
				numbers = append(numbers, r.frames(s.ID())...)
			}
			consecutive(t, numbers, 17_672_256_000, 1)
			if last := int64(numbers[len(numbers)-1]); last < frame {
				t.Errorf("round %d: camera %s ends with frame %d, %d was acknowledged", round, camera, last, frame)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(vol.Path, recDir, "*", "*", "*"+openExt)); len(left) > 0 {
			t.Errorf("still open: %v", left)
		}
		r.stop()
	}
	if torn == 0 {
		t.Error("no file was ever torn: the test proves nothing")
	}
	files, _ := filepath.Glob(filepath.Join(vol.Path, recDir, "*", "*", "*.mkv"))
	for _, f := range files {
		out, err := exec.Command("mkvinfo", f).CombinedOutput()
		if err != nil || strings.Contains(strings.ToLower(string(out)), "error") {
			t.Errorf("%s: %v: %s", f, err, out)
		}
	}
	t.Logf("%d files, %d were torn", len(files), torn)
}

// BenchmarkRecording100 records 100 cameras of 4 Mbit/s on two volumes, each at its own pace, and reports how long a
// frame takes to be on disk and what that costs: on file systems of their own, as in the appliance, and in folders.
func BenchmarkRecording100(b *testing.B) {
	b.Run("xfs", func(b *testing.B) {
		recording100(b, func(r *rig, id string) Volume { return loop(b, r, id, "mkfs.xfs") })
	})
	b.Run("folders", func(b *testing.B) {
		recording100(b, func(r *rig, id string) Volume { return r.volume(id) })
	})
}

func recording100(b *testing.B, volume func(r *rig, id string) Volume) {
	const cameras, seconds = 100, 5
	for b.Loop() {
		r := &rig{t: b, dir: b.TempDir(), start: time.Now(), cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
		r.open()
		r.use(volume(r, "a"), volume(r, "b"))
		var before, after syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
			b.Fatal(err)
		}
		worst := make(chan time.Duration, cameras)
		for i := range cameras {
			go func() { worst <- pace(b, r, fmt.Sprintf("k3f9x%03d", i), seconds) }()
		}
		var most, sum time.Duration
		for range cameras {
			d := <-worst
			most, sum = max(most, d), sum+d
		}
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		r.stop()
		b.ReportMetric(float64(most.Milliseconds()), "worst-ms-to-disk")
		b.ReportMetric(float64((sum / cameras).Milliseconds()), "mean-worst-ms-to-disk")
		b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/1e6, "cpu-ms")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "stop-ms")
	}
}

// pace writes 25 frames a second and returns the longest that a frame took from Write to disk.
func pace(b *testing.B, r *rig, camera string, seconds int) (worst time.Duration) {
	src := newSource(camera, time.Now())
	src.size = 20_000
	var seg *Segment
	var came []time.Time
	durable := 0
	t := time.NewTicker(40 * time.Millisecond)
	defer t.Stop()
	for n := 0; n < 25*seconds; n++ {
		<-t.C
		f := src.next()
		f.PTSTicks, f.DTSTicks = int64(n)*3600, int64(n)*3600
		if seg == nil {
			var err error
			if seg, err = r.arch.Create(src.run, index.Standard, f.TimeNs()); err != nil {
				b.Error(err)
				return 0
			}
		}
		came = append(came, time.Now())
		if err := seg.Write(context.Background(), f); err != nil {
			b.Error(err)
			return 0
		}
		for d := seg.Durable(); durable < d; durable++ {
			worst = max(worst, time.Since(came[durable]))
		}
		if durable < len(came) {
			worst = max(worst, time.Since(came[durable]))
		}
	}
	seg.Close()
	return worst
}
