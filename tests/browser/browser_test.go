//go:build whole

package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// camera is what the script is told of a camera.
type camera struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	SubURL   string `json:"subUrl,omitempty"` // of its second stream
	User     string `json:"user"`
	Password string `json:"password"`
	FPS      int    `json:"fps"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
}

// task is the script's argument; owner.mjs tells what the fields mean.
type task struct {
	stage
	Code      string   `json:"code"`
	Cameras   []camera `json:"cameras"`
	DeadURL   string   `json:"deadUrl"`
	Downloads string   `json:"downloads"`
}

func TestOwner(t *testing.T) {
	video := func(n, w, h, fps int, label string) *content.Video {
		return &content.Video{Codec: content.H264, Width: w, Height: h, FPS: fps, GOP: fps, Bitrate: 700_000, Label: label, Camera: n}
	}
	server := cameras(t,
		rtspcam.Config{ID: "door", Video: video(1, 640, 360, 15, "DOOR"), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}, User: "viewer", Pass: "geheim"},
		rtspcam.Config{ID: "door2", Video: video(2, 320, 180, 5, "DOOR SMALL"), User: "viewer", Pass: "geheim"},
		rtspcam.Config{ID: "yard", Video: video(90, 480, 360, 10, "YARD"), Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}},
		rtspcam.Config{ID: "gate", Video: video(170, 640, 480, 12, "GATE"), Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}},
	)
	gone := cameras(t, rtspcam.Config{ID: "gone", Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}})
	b := open(t, "owner", stack.Config{}, nil)
	job := task{stage: b.stage, Code: b.code, Downloads: b.dir, DeadURL: gone.URL(gone.Camera("gone"))}
	gone.Close()
	for _, id := range []string{"door", "yard", "gate"} {
		c := server.Camera(id)
		cfg := c.Config()
		one := camera{Name: cfg.Video.Label, URL: server.URL(c), User: cfg.User, Password: cfg.Pass,
			FPS: cfg.Video.FPS, Width: cfg.Video.Width, Height: cfg.Video.Height}
		if sub := server.Camera(id + "2"); sub != nil {
			one.SubURL = server.URL(sub)
		}
		job.Cameras = append(job.Cameras, one)
	}

	follow(t, "owner.mjs", job)

	t.Run("the downloaded file is what the camera sent", func(t *testing.T) {
		file := filepath.Join(b.dir, "segment.mkv")
		stamps, frames, err := recorded.Stamps(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if frames != len(stamps) {
			t.Errorf("%d frames, %d stamps", frames, len(stamps))
		}
		if err := ledger.Compare(server.Camera("door").Sent(), stamps).Err(); err != nil {
			t.Error(err)
		}
	})
}

// follow runs a script and makes a subtest of each of its steps. The words before it, if any, are how it is run.
func follow(t *testing.T, script string, job any, by ...string) {
	t.Helper()
	argument, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	bound := 15*time.Minute + 10**watch + *hold // for a computer with other work; scripts give up step by step long before
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	command := append(by, "node", script, string(argument))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for sc := bufio.NewScanner(out); sc.Scan(); steps++ {
		var line struct {
			Step  string `json:"step"`
			Error string `json:"error"`
			Note  string `json:"note"`
			MS    int    `json:"ms"`
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			t.Errorf("the script says %q", sc.Text())
			continue
		}
		t.Run(line.Step, func(t *testing.T) {
			if line.Error != "" {
				t.Error(line.Error)
			}
			t.Logf("%d ms %s", line.MS, line.Note)
		})
	}
	if err := cmd.Wait(); ctx.Err() == context.DeadlineExceeded {
		t.Errorf("the script was ended after %v, in the step after %d others", bound, steps)
	} else if err != nil {
		t.Errorf("the script ended with %v after %d steps", err, steps)
	}
	if steps == 0 {
		t.Error("the script took no step")
	}
}

func cameras(t *testing.T, list ...rtspcam.Config) *rtspcam.Server {
	t.Helper()
	return camerasBy(t, rtspcam.Transports{}, list...)
}

func camerasBy(t *testing.T, transports rtspcam.Transports, list ...rtspcam.Config) *rtspcam.Server {
	t.Helper()
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil), list...)
	if err != nil {
		t.Fatal(err)
	}
	s.Transports = transports
	if err := s.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
