//go:build whole

package native

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/engineapi"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/stack"
)

// binary is the program under test; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vigie")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "vigie")
	if err := stack.Build(context.Background(), "../..", binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// recorder is an engine with the volume that it writes to.
type recorder struct {
	*stack.Stack
	*engineapi.Client
	dir     string
	volumes []string
}

// record starts system and engine with some volumes.
func record(t *testing.T, volumes int) *recorder {
	t.Helper()
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var folders []string
	for i := range volumes {
		folder := filepath.Join(dir, fmt.Sprintf("volume%d", i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	s, err := stack.Start(t.Context(), stack.Config{Binary: binary, Dir: dir, Volumes: folders})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Stack: s, Client: engineapi.New(s.Socket(stack.Engine)), dir: dir, volumes: folders}
	t.Cleanup(func() {
		r.Client.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(s.Log(stack.Engine))
			t.Logf("the engine's log ends with:\n%s", text[max(0, len(text)-6000):])
		}
	})
	return r
}

func cameras(t *testing.T, list ...rtspcam.Config) *rtspcam.Server {
	t.Helper()
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil), list...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// video is cheap to make and to decode, and has a keyframe a second.
func video(codec string, n int) *content.Video {
	return &content.Video{Codec: codec, Width: 320, Height: 240, FPS: 15, GOP: 15, Bitrate: 500_000, Label: fmt.Sprintf("CAM %d", n), Camera: n}
}

// add adds a camera of a server to the recorder.
func (r *recorder) add(t *testing.T, s *rtspcam.Server, id string) api.Camera {
	t.Helper()
	cam := s.Camera(id)
	req := api.CameraRequest{Name: id, URL: s.URL(cam), Enabled: true}
	if cfg := cam.Config(); cfg.User != "" {
		req.Username, req.Password = cfg.User, &cfg.Pass
	}
	c, err := r.AddCamera(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until asks again and again, for a time. What comes close to its limit is said, before it misses it on a slower computer.
func until(t *testing.T, limit time.Duration, awaited string, ask func(ctx context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	var last error
	for {
		ok, err := ask(ctx)
		if ok && err == nil {
			if took := time.Since(began); took > limit/2 {
				t.Logf("%s: after %.1f s of %v", awaited, took.Seconds(), limit)
			}
			return
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s (last error: %v)", limit, awaited, last)
		case <-tick.C:
		}
	}
}

func (r *recorder) state(ctx context.Context, id string) (api.CameraState, error) {
	list, err := r.Cameras(ctx)
	for _, c := range list {
		if c.ID == id {
			return c.State, nil
		}
	}
	return api.CameraState{}, err
}

// untilRecorded waits until a camera's footage reaches beyond an instant, for sure on disk.
func (r *recorder) untilRecorded(t *testing.T, id string, beyond time.Time) int64 {
	t.Helper()
	var last int64
	until(t, 30*time.Second, fmt.Sprintf("footage of %s reaches %v", id, beyond.UTC()), func(ctx context.Context) (bool, error) {
		line, err := r.Timeline(ctx, id, beyond.Add(-time.Hour).UnixMilli(), beyond.Add(time.Hour).UnixMilli())
		if err != nil {
			return false, err
		}
		for _, s := range line.Segments {
			last = max(last, s.EndMs)
		}
		return last >= beyond.UnixMilli(), nil
	})
	return last
}

// untilLong waits until some time of a camera's footage is for sure on disk, from its first frame on: how long the camera
// takes to begin depends on what else the machine does.
func (r *recorder) untilLong(t *testing.T, id string, long time.Duration) {
	t.Helper()
	until(t, 40*time.Second, fmt.Sprintf("%v of %s are recorded", long, id), func(ctx context.Context) (bool, error) {
		now := time.Now()
		line, err := r.Timeline(ctx, id, now.Add(-time.Hour).UnixMilli(), now.Add(time.Hour).UnixMilli())
		if err != nil || len(line.Segments) == 0 {
			return false, err
		}
		first, last := line.Segments[0].StartMs, line.Segments[0].EndMs
		for _, s := range line.Segments {
			first, last = min(first, s.StartMs), max(last, s.EndMs)
		}
		return last-first >= long.Milliseconds(), nil
	})
}

// disable has the engine finish a camera's files.
func (r *recorder) disable(t *testing.T, c api.Camera) {
	t.Helper()
	if _, err := r.PutCamera(t.Context(), c.ID, api.CameraRequest{Name: c.Name, URL: c.URL, Username: c.Username, Enabled: false}); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "no open file of "+c.Name, func(context.Context) (bool, error) {
		return !slices.ContainsFunc(r.files(t, c.ID), func(f string) bool { return strings.HasSuffix(f, ".open.mkv") }), nil
	})
}

// files are a camera's recordings on the volume, oldest first: names begin with the instant.
func (r *recorder) files(t *testing.T, id string) []string {
	t.Helper()
	var all []string
	for _, v := range r.volumes {
		err := filepath.WalkDir(filepath.Join(v, "vigie", "rec", id), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".mkv") {
				all = append(all, path)
			}
			if os.IsNotExist(err) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return all
}

// judged returns the stamps of some files in order, after ffmpeg and mkvmerge have accepted each and every frame of
// it had its stamp.
func judged(t *testing.T, files []string) []stamp.Stamp {
	t.Helper()
	var all []stamp.Stamp
	for _, f := range files {
		complaints, err := recorded.Complaints(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if complaints != "" {
			t.Errorf("%s: %s", filepath.Base(f), complaints)
		}
		stamps, frames, err := recorded.Stamps(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(stamps) != frames {
			t.Errorf("%s: %d frames, %d of them with a stamp", filepath.Base(f), frames, len(stamps))
		}
		all = append(all, stamps...)
	}
	return all
}
