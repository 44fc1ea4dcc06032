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
		await(t, "what was left open is closed", func() bool { // it shows before
			left, _ := filepath.Glob(filepath.Join(vol.Path, recDir, "*", "*", "*"+openExt))
			return len(left) == 0
		})
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
