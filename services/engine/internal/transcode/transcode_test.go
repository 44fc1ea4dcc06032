package transcode

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/source"
	"vigie/services/engine/internal/transcode/confine"
	"vigie/tools/stack"
)

// TestMain makes this program what confines, when a test starts it so.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "decode" {
		if err := confine.Become(os.Args[2], os.Args[3:]); err != nil {
			os.Stderr.WriteString(err.Error())
		}
		os.Exit(99)
	}
	os.Exit(m.Run())
}

// program is the decoder that is shipped.
var program = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../../../..")
	if err != nil {
		return "", err
	}
	return stack.BuildDecoder(context.Background(), root, filepath.Join(root, "build"))
})

// cameras is one camera.
type cameras struct {
	ring    *ring.Ring
	changed chan struct{}
	gone    atomic.Bool
}

func (c *cameras) View(camera, _ string) (source.View, error) {
	if camera != "k3f9x2ab" || c.gone.Load() {
		return source.View{}, answer.Refuse(404, "no_camera", "There is no such camera.")
	}
	return source.View{Ring: c.ring, State: api.CameraState{Status: api.CameraStateStatusLive}, Changed: c.changed}, nil
}

func (c *cameras) Watch(camera, stream string) (func(), error) {
	_, err := c.View(camera, stream)
	return func() {}, err
}

func start(t *testing.T, change func(*Config)) (*Transcoder, *cameras) {
	t.Helper()
	decoder, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 64 << 20}), changed: make(chan struct{})}
	cfg := Config{Streams: c, Program: decoder, Confine: []string{os.Args[0], "decode"}, Most: 2, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&cfg)
	}
	tr := New(cfg)
	t.Cleanup(tr.Close)
	return tr, c
}

// push sends frames as a camera does, several times as fast.
func (c *cameras) push(t *testing.T, frames []*media.Frame) {
	for _, f := range frames {
		c.ring.Push(f)
		select {
		case <-t.Context().Done():
			return
		case <-time.After(8 * time.Millisecond):
		}
	}
}

func TestPicturesAreMadeOfWhatBrowsersCannotDecode(t *testing.T) {
	sound := cameratest.EncodeAudio(t, media.PCMA)
	for _, o := range []cameratest.VideoOptions{
		{Codec: media.H265, Size: "640x360", Rate: 25, GOP: 25, Frames: 75},
		{Codec: media.H265, Size: "1920x1080", Rate: 25, GOP: 25, Frames: 50},
		{Codec: media.H264, Size: "320x240", Rate: 25, GOP: 25, Frames: 75, BFrames: 2},
		{Codec: media.MPEG4, Size: "320x240", Rate: 25, GOP: 25, Frames: 75},
	} {
		t.Run(string(o.Codec)+"/"+o.Size, func(t *testing.T) {
			t.Parallel()
			tr, c := start(t, nil)
			leave, err := tr.Watch("k3f9x2ab", "main")
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
			video := cameratest.EncodeVideo(t, o)
			frames := cameratest.Frames(time.Unix(1_790_000_000, 123_456_789), video, sound, o.Frames)
			times, heard := map[int64]bool{}, 0
			for _, f := range frames {
				if f.Track == f.Run.Video() {
					times[f.TimeNs()/1000] = true
				}
			}
			view, err := tr.View("k3f9x2ab", "main")
			if err != nil || view.Ring == nil {
				t.Fatalf("%+v, %v", view, err)
			}
			reader := view.Ring.NewReader(ring.ReaderConfig{Start: ring.Oldest})
			defer reader.Close()
			go c.push(t, frames)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			pictures, last := 0, int64(0)
			track := frames[0].Run.Tracks[0]
			w, h := fit(track.Width, track.Height)
			for pictures < o.Frames/4 {
				var got [16]*media.Frame
				n, _, err := reader.Read(ctx, got[:])
				if err != nil {
					t.Fatalf("after %d pictures: %v", pictures, err)
				}
				for _, f := range got[:n] {
					if f.Track != f.Run.Video() {
						heard++
						continue
					}
					pictures++
					if at := f.TimeNs() / 1000; !near(times, at) || at <= last {
						t.Errorf("picture %d is of %d us, after %d: not an instant of the video", pictures, at, last)
					} else {
						last = at
					}
					size, err := jpeg.DecodeConfig(bytes.NewReader(f.Payload))
					if err != nil || size.Width != w || size.Height != h {
						t.Fatalf("a picture is %+v, %v; want %d x %d", size, err, w, h)
					}
				}
			}
			if heard == 0 {
				t.Error("no sound came along")
			}
		})
	}
}

// near tells whether an instant is one of times, to the tick of 90 kHz.
func near(times map[int64]bool, us int64) bool {
	for d := int64(-12); d <= 12; d++ {
		if times[us+d] {
			return true
		}
	}
	return false
}

func TestAKeyframeBecomesAStill(t *testing.T) {
	tr, _ := start(t, nil)
	for _, codec := range []media.Codec{media.H264, media.H265, media.MPEG4} {
		video := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: codec, Size: "640x360", Rate: 25, GOP: 25, Frames: 25})
		f := cameratest.Frames(time.Unix(1_790_000_000, 0), video, nil, 1)[0]
		for width, want := range map[int][2]int{0: {640, 360}, 320: {320, 180}, 4000: {640, 360}} {
			picture, err := tr.Still(t.Context(), f, width)
			if err != nil {
				t.Fatalf("%s: %v", codec, err)
			}
			size, err := jpeg.DecodeConfig(bytes.NewReader(picture))
			if err != nil || size.Width != want[0] || size.Height != want[1] {
				t.Errorf("%s at width %d: %+v, %v; want %v", codec, width, size, err, want)
			}
		}
	}
}

func TestGarbageIsNoStill(t *testing.T) {
	tr, _ := start(t, nil)
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265, Size: "640x360", Rate: 25, GOP: 25, Frames: 25})
	f := *cameratest.Frames(time.Unix(1_790_000_000, 0), video, nil, 1)[0]
	f.Payload = bytes.Repeat([]byte{0, 0, 0, 3, 0x26, 1, 0xff}, 2000)
	if picture, err := tr.Still(t.Context(), &f, 0); err == nil {
		t.Errorf("garbage became a picture of %d bytes", len(picture))
	}
}

func TestWhoComesTooLateIsToldSo(t *testing.T) {
	tr, _ := start(t, func(c *Config) { c.Most = 1 })
	leave, err := tr.Watch("k3f9x2ab", "main")
	if err != nil {
		t.Fatal(err)
	}
	again, err := tr.Watch("k3f9x2ab", "main")
	if err != nil {
		t.Errorf("a second viewer of the same stream: %v", err)
	}
	var p *answer.Problem
	if _, err := tr.Watch("k3f9x2ab", "sub"); !errors.As(err, &p) || p.Detail.Code != "too_many_decoders" {
		t.Errorf("another stream: %v", err)
	}
	again()
	leave()
	leave() // once is enough
}

func TestWhoWatchesLearnsThatTheCameraIsGone(t *testing.T) {
	tr, c := start(t, nil)
	leave, err := tr.Watch("k3f9x2ab", "main")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	view, err := tr.View("k3f9x2ab", "main")
	if err != nil {
		t.Fatal(err)
	}
	c.gone.Store(true)
	close(c.changed)
	for {
		select {
		case <-view.Changed:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody is told")
		}
		if view, err = tr.View("k3f9x2ab", "main"); err != nil {
			return
		}
	}
}

func TestWithoutADecoderAllIsRefused(t *testing.T) {
	tr, _ := start(t, func(c *Config) { c.Program = "/no/such/program" })
	var p *answer.Problem
	if _, err := tr.Watch("k3f9x2ab", "main"); !errors.As(err, &p) || p.Detail.Code != "no_decoder" {
		t.Errorf("%v", err)
	}
}

// TestADecoderThatDiesIsStartedAnew has a program that ends at once in its place.
func TestADecoderThatDiesIsStartedAnew(t *testing.T) {
	tr, c := start(t, func(c *Config) { c.Program = "/bin/false"; c.Confine = []string{"/bin/false"} })
	leave, err := tr.Watch("k3f9x2ab", "main")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265, Size: "320x240", Rate: 25, GOP: 5, Frames: 50})
	go c.push(t, cameratest.Frames(time.Unix(1_790_000_000, 0), video, nil, 50))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		view, err := tr.View("k3f9x2ab", "main")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(view.State.Reason, "cannot make pictures") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody is told: %+v", view.State)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{"0 1/90000 4\n", "161100000000000 1/90000 30000\n", "-1 1/1 4\n", "1 0/0 4\n", "1 1/90000\n", "", "9223372036854775807 1000/1 8\n"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		at, size, err := parse(line)
		if err == nil && (at < 0 || size < 4 || size > maxPicture) {
			t.Errorf("%q is %d bytes at %v", line, size, at)
		}
		if err != nil && !errors.Is(err, errBad) {
			t.Errorf("%q: %v", line, err)
		}
	})
}
