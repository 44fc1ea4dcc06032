//go:build whole

package engine

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/xfstest"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/mkv"
)

// numbered is a camera whose pictures carry their number and are large: rings hold a few seconds of it.
type numbered struct {
	*cameratest.Camera
	mu   sync.Mutex
	sent []time.Time
}

func newNumbered(t *testing.T, video *cameratest.Video, bytesPerSecond int) *numbered {
	c := &numbered{}
	ballast := bytes.Repeat([]byte("x"), bytesPerSecond/video.Rate)
	c.Camera = cameratest.Start(t, cameratest.CameraOptions{Video: video, Alter: func(n int, nalus [][]byte) [][]byte {
		c.mu.Lock()
		defer c.mu.Unlock()
		for len(c.sent) <= n {
			c.sent = append(c.sent, time.Now())
		}
		text := append(fmt.Appendf(nil, "picture %08d ", n), ballast...)
		sei := []byte{6, 5} // user data, ITU-T H.264 D.1.7
		size := 16 + len(text)
		for ; size >= 255; size -= 255 {
			sei = append(sei, 255)
		}
		sei = append(append(append(sei, byte(size)), "vigie test camera"[:16]...), text...)
		return append([][]byte{append(sei, 0x80)}, nalus...)
	}})
	return c
}

// paused is how long the camera itself sent nothing: on a machine that has no time for it.
func (c *numbered) paused() (sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 1; i < len(c.sent); i++ {
		if d := c.sent[i].Sub(c.sent[i-1]); d > 500*time.Millisecond {
			sum += d
		}
	}
	return sum
}

// missing is how long nothing was recorded between the first and the last picture in some files.
func (c *numbered) missing(t *testing.T, folders ...string) (sum time.Duration) {
	t.Helper()
	var have []int
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".mkv") {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				return err
			}
			m, err := mkv.Open(f, st.Size())
			if err != nil {
				return err
			}
			it, err := m.Frames(0)
			if err != nil {
				return err
			}
			for {
				frame, err := it.Next()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				_, after, _ := bytes.Cut(frame.Payload, []byte("picture "))
				n := 0
				if _, err := fmt.Sscanf(string(after[:min(len(after), 8)]), "%d", &n); err != nil {
					return fmt.Errorf("%s: a picture without a number: %w", path, err)
				}
				have = append(have, n)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(have)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 1; i < len(have); i++ {
		if have[i] > have[i-1]+1 {
			sum += c.sent[have[i]].Sub(c.sent[have[i-1]+1])
		}
	}
	return sum
}

// disk is a file system of its own on a loop device.
type disk struct {
	t         *testing.T
	img, path string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{t: t, img: filepath.Join(dir, "img"), path: filepath.Join(dir, "disk")}
	if err := os.WriteFile(d.img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.img, 2<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.path, 0o755); err != nil {
		t.Fatal(err)
	}
	d.command("mkfs.xfs", "-q", d.img)
	d.mount()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", d.path).Run() })
	for _, sub := range []string{"rec", "index"} {
		if err := os.MkdirAll(filepath.Join(d.path, "vigie", sub), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	identity := fmt.Sprintf(`{"id": %q, "name": "Disk", "createdMs": 1}`, filepath.Base(d.path))
	if err := os.WriteFile(filepath.Join(d.path, "vigie", "volume.json"), []byte(identity), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) command(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func (d *disk) mount() { d.command("mount", "-o", "loop", d.img, d.path) }

// scenario is something that happens to a disk.
type scenario struct {
	bytesPerSecond int                                            // of the camera
	inject         func(room *machineRoom, d *disk, spare string) // returns when recording is possible again
	cause          api.GapCause
	least          time.Duration // that must be missing
}

// TestTheLedgerTellsWhatDisksDidToTheSecond does something to the only disk of an engine while it records a camera that
// sends more than its ring holds, and holds what the ledger says against the pictures that are in no file.
func TestTheLedgerTellsWhatDisksDidToTheSecond(t *testing.T) {
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 13})
	for name, s := range map[string]scenario{
		"it fails, and another one comes": {5 << 20, func(room *machineRoom, d *disk, spare string) {
			xfstest.GoDown(d.t, d.path, xfstest.LogLost)
			time.Sleep(9 * time.Second) // how long there is no disk is what is measured; so below
			room.mount(spare)
			d.command("umount", "-l", d.path) // what it holds counts again once it is mounted anew
			d.mount()
			room.mount(d.path, spare)
		}, api.GapCauseDisk, 2 * time.Second},
		"it is pulled, and plugged in again": {5 << 20, func(room *machineRoom, d *disk, _ string) {
			d.command("umount", "-l", d.path)
			room.mount()
			time.Sleep(9 * time.Second)
			d.mount()
			room.mount(d.path)
		}, api.GapCauseDisk, 2 * time.Second},
		"it does not answer, for long": {4 << 20, func(_ *machineRoom, d *disk, _ string) {
			thaw := xfstest.Freeze(d.t, d.path)
			time.Sleep(19 * time.Second) // the only disk is waited for 15
			thaw()
		}, api.GapCauseDisk, 2 * time.Second},
		"it is too slow": {5 << 20, func(_ *machineRoom, d *disk, _ string) {
			thaw := xfstest.Freeze(d.t, d.path)
			time.Sleep(8 * time.Second) // less than what counts as not answering
			thaw()
		}, api.GapCauseOverload, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, missing, paused := s.play(t, video)
			for try := 0; paused > 0 && try < 2; try++ {
				t.Logf("this machine had no time for the camera, which sent nothing for %v: again", paused)
				told, missing, paused = s.play(t, video)
			}
			got := told[s.cause]
			t.Logf("%v of %s by the ledger, %v without pictures", got, s.cause, missing.Round(time.Millisecond))
			if (got - missing).Abs() > time.Second {
				t.Errorf("the ledger says %v of %s, pictures are missing for %v", got, s.cause, missing)
			}
			if missing < s.least {
				t.Errorf("pictures are missing for %v: too little to prove anything", missing)
			}
			for cause, d := range told {
				if cause != s.cause {
					t.Errorf("%v of %s, which was not injected", d, cause)
				}
			}
		})
	}
}

// play has it happen to the only disk of an engine. It returns what the ledger tells, for how long pictures are in no file,
// and for how long the camera paused by itself.
func (s scenario) play(t *testing.T, video *cameratest.Video) (told map[api.GapCause]time.Duration, missing, paused time.Duration) {
	room, d, spare := newMachineRoom(t), newDisk(t), volume(t, "spare")
	room.mount(d.path)
	dir := t.TempDir()
	socket := filepath.Join(dir, "engine")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "VIGIE_TEST_ENGINE=-socket "+socket+" -system "+room.socket+" -state "+dir)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = cmd.Process.Wait()
	})
	t.Cleanup(stop)
	client := ask.New("engine", socket)
	t.Cleanup(client.Close)
	call := func(method, path string, in, out any) error { return client.Call(t.Context(), method, path, in, out) }
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain for: %s", what)
			}
		}
	}
	await("the API", func() bool { var r api.Recording; return call("GET", "/v1/recording", nil, &r) == nil })
	camera := newNumbered(t, video, s.bytesPerSecond)
	var row api.Camera
	if err := call("POST", "/v1/cameras", api.CameraRequest{Name: "camera", URL: camera.URL, Enabled: true}, &row); err != nil {
		t.Fatal(err)
	}
	recorded := func(after time.Time) {
		t.Helper()
		await("footage is on disk", func() bool {
			now := time.Now().UnixMilli()
			var tl api.Timeline
			err := call("GET", fmt.Sprintf("/v1/cameras/%s/timeline?fromMs=%d&toMs=%d", row.ID, now-600_000, now+1000), nil, &tl)
			return err == nil && len(tl.Segments) > 0 && tl.Segments[len(tl.Segments)-1].EndMs > after.UnixMilli()
		})
	}
	recorded(time.Now().Add(2 * time.Second))
	before, err := filepath.Glob(filepath.Join(d.path, "vigie/rec/*/*/*.open.mkv"))
	if err != nil {
		t.Fatal(err)
	}
	s.inject(room, d, spare)
	recorded(time.Now().Add(2 * time.Second))
	await("what was left open is closed", func() bool {
		open, err := filepath.Glob(filepath.Join(d.path, "vigie/rec/*/*/*.open.mkv"))
		return err == nil && len(open) == 0 || len(open) == 1 && !slices.Contains(before, open[0])
	})

	var ledger api.Coverage
	now := time.Now().UnixMilli()
	if err := call("GET", fmt.Sprintf("/v1/cameras/%s/coverage?fromMs=%d&toMs=%d", row.ID, now-600_000, now), nil, &ledger); err != nil {
		t.Fatal(err)
	}
	stop()
	camera.Stop()
	told = map[api.GapCause]time.Duration{}
	for _, day := range ledger.Days {
		sum := day.RecordedMs
		for _, k := range day.Causes {
			sum += k.Ms
			told[k.Cause] += time.Duration(k.Ms) * time.Millisecond
		}
		if sum != day.ScheduledMs || day.ScheduledMs+day.UnscheduledMs != day.EndMs-day.StartMs {
			t.Errorf("%+v does not sum up", day)
		}
	}
	return told, camera.missing(t, d.path, spare), camera.paused()
}
