package content

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/pion/rtp"

	"vigie/tools/simcam/picture"
)

func small(codec string) Video {
	return Video{Codec: codec, Width: 192, Height: 120, FPS: 5, GOP: 10, Bitrate: 200_000, Label: "CAM 3", Camera: 3}
}

// annexB puts the loop's RTP payloads together again, as a receiver would.
func annexB(t *testing.T, l *VideoLoop) []byte {
	t.Helper()
	var decode func(*rtp.Packet) ([][]byte, error)
	var more error
	switch f := l.Format().(type) {
	case *format.H264:
		d, err := f.CreateDecoder()
		if err != nil {
			t.Fatal(err)
		}
		decode, more = d.Decode, rtph264.ErrMorePacketsNeeded
	case *format.H265:
		d, err := f.CreateDecoder()
		if err != nil {
			t.Fatal(err)
		}
		decode, more = d.Decode, rtph265.ErrMorePacketsNeeded
	}
	var out bytes.Buffer
	var seq uint16
	for i, f := range l.Frames {
		all := append(append([][]byte{}, f.Head...), f.Tail...)
		size := 0
		for j, p := range all {
			au, err := decode(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: j == len(all)-1, SequenceNumber: seq, Timestamp: uint32(i * 18000)}, Payload: p})
			seq++
			if err != nil && err != more {
				t.Fatalf("frame %d payload %d: %v", i, j, err)
			}
			for _, n := range au {
				out.Write(append([]byte{0, 0, 0, 1}, n...))
				size += len(n)
			}
		}
		if size != f.Size {
			t.Errorf("frame %d: %d bytes come out, Size says %d", i, size, f.Size)
		}
	}
	return out.Bytes()
}

func TestEveryFrameOfALoopShowsItsNumber(t *testing.T) {
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range []string{H264, H265} {
		t.Run(codec, func(t *testing.T) {
			l, err := s.Video(t.Context(), small(codec))
			if err != nil {
				t.Fatal(err)
			}
			demuxer := map[string]string{H264: "h264", H265: "hevc"}[codec]
			cmd := exec.Command("ffmpeg", "-v", "error", "-f", demuxer, "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-")
			cmd.Stdin, cmd.Stderr = bytes.NewReader(annexB(t, l)), os.Stderr
			luma, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			size := l.Spec.Width * l.Spec.Height
			if got, want := len(luma)/size, picture.LoopSeconds*5; got != want {
				t.Fatalf("%d pictures, want %d", got, want)
			}
			for i := range l.Frames {
				c, err := picture.Read(luma[i*size:(i+1)*size], l.Spec.Width, l.Spec.Height)
				if want := (picture.Code{Frame: i, Camera: 3}); err != nil || c != want {
					t.Fatalf("picture %d shows %+v, %v", i, c, err)
				}
			}
		})
	}
}

func TestLoopHoldsTheBitrateAndTheGOPAsked(t *testing.T) {
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range []string{H264, H265} {
		l, err := s.Video(t.Context(), small(codec))
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for i, f := range l.Frames {
			if f.Keyframe != (i%10 == 0) {
				t.Errorf("%s frame %d: keyframe %v", codec, i, f.Keyframe)
			}
			total += f.Size
		}
		want := float64(l.Spec.Bitrate) / 8 * picture.LoopSeconds
		if off := math.Abs(float64(total)/want - 1); off > 0.05 {
			t.Errorf("%s: %d bytes a loop, want %.0f within 5 %%", codec, total, want)
		}
	}
}

func TestSecondLoadComesFromTheCache(t *testing.T) {
	dir := t.TempDir()
	first, err := NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	spec := small(H264)
	if _, err := first.Video(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("cache holds %v, %v; want one file", files, err)
	}
	t.Setenv("PATH", "/nonexistent") // no ffmpeg to be found
	second, err := NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Video(t.Context(), spec); err != nil {
		t.Errorf("cached content: %v", err)
	}
	other := spec
	other.Label = "OTHER"
	if _, err := second.Video(t.Context(), other); err == nil {
		t.Error("other content came out of the cache")
	}
}

func TestCodecsToBeRefusedAreReal(t *testing.T) {
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range []string{VP8} {
		l, err := s.Video(t.Context(), small(codec))
		if err != nil {
			t.Errorf("%s: %v", codec, err)
			continue
		}
		if len(l.Frames) != 10 || !l.Frames[0].Keyframe || l.Format().ClockRate() != 90000 {
			t.Errorf("%s: %d frames, first keyframe %v", codec, len(l.Frames), l.Frames[0].Keyframe)
		}
	}
}

func TestG711SoundsAsDrawn(t *testing.T) {
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for codec, demuxer := range map[string]string{PCMA: "alaw", PCMU: "mulaw"} {
		l, err := s.Audio(t.Context(), Audio{Codec: codec, SampleRate: 8000, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", demuxer, "-ar", "8000", "-i", "-", "-f", "s16le", "-")
		cmd.Stdin, cmd.Stderr = bytes.NewReader(bytes.Join(l.Payloads, nil)), os.Stderr
		pcm, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(pcm) / 2 {
			got, want := int16(binary.LittleEndian.Uint16(pcm[2*i:])), beep(i, 8000)
			if d := math.Abs(float64(got) - float64(want)); d > 16+math.Abs(float64(want))/16 {
				t.Fatalf("%s sample %d: %d, want about %d", codec, i, got, want)
			}
		}
	}
}

func TestAACDecodesToItsLength(t *testing.T) {
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Audio(t.Context(), Audio{Codec: AAC, SampleRate: 48000, Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	if units, seconds := l.Rate(); len(l.Payloads) != 1875 || units != 1875 || seconds != 40 {
		t.Errorf("%d units, %d in %d s", len(l.Payloads), units, seconds)
	}
}

func TestNumberAndInstantAreInverse(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 0, 0, 123456789, time.UTC)
	for _, r := range [][2]int64{{25, 1}, {30, 1}, {7, 1}, {1875, 40}, {60, 1}} {
		n := Number(now, r[0], r[1])
		if at := Instant(n, r[0], r[1]); at.After(now) || !Instant(n+1, r[0], r[1]).After(now) {
			t.Errorf("rate %v: %v is not in unit %d that begins at %v", r, now, n, at)
		}
		for i := n; i < n+3*r[0]; i++ {
			if got := Number(Instant(i, r[0], r[1]), r[0], r[1]); got != i {
				t.Fatalf("rate %v: unit %d begins in unit %d", r, i, got)
			}
		}
	}
	// 05:00:00 is the start of a minute: the loop's first frame
	if n := Number(now.Truncate(time.Minute), 25, 1); n%(picture.LoopSeconds*25) != 0 {
		t.Errorf("frame %d begins a minute but not a loop", n)
	}
}

func TestBadSpecsAreRefusedInWords(t *testing.T) {
	bad := []func(*Video){
		func(v *Video) { v.Codec = "h266" }, func(v *Video) { v.Width = 161 }, func(v *Video) { v.Height = 10000 },
		func(v *Video) { v.FPS = 0 }, func(v *Video) { v.GOP = 0 }, func(v *Video) { v.GOP = 1 << 20 },
		func(v *Video) { v.Bitrate = 1 }, func(v *Video) { v.Camera = 256 }, func(v *Video) { v.Width, v.Height = 2000, 120 },
	}
	for i, f := range bad {
		v := small(H264)
		f(&v)
		if v.Check() == nil {
			t.Errorf("case %d: %+v accepted", i, v)
		}
	}
	for _, a := range []Audio{{"mp3", 8000, 1}, {PCMA, 16000, 1}, {Opus, 8000, 1}, {G726x24, 8000, 2}, {AAC, 44100, 1}, {AAC, 48000, 6}} {
		if a.Check() == nil {
			t.Errorf("%+v accepted", a)
		}
	}
}

func TestCancelledEncodingLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Video(ctx, small(H264)); err == nil {
		t.Error("no error")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func FuzzLoadVideo(f *testing.F) {
	for i, codec := range []string{H264, H265, MPEG4, MJPEG, VP8} {
		b, err := encodeVideo(context.Background(), Video{Codec: codec, Width: 160, Height: 120, FPS: 1, GOP: 5, Label: "F"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, b[:min(len(b), 4000)])
	}
	f.Fuzz(func(t *testing.T, codec int, b []byte) {
		v := small([]string{H264, H265, MPEG4, MJPEG, VP8}[uint(codec)%5])
		l, err := loadVideo(v, b)
		if err == nil && len(l.Frames) != v.Frames() {
			t.Errorf("%d frames, want %d", len(l.Frames), v.Frames())
		}
	})
}
