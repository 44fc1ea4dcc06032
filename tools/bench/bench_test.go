package main

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

func TestFloorCopiesWholeInterleavedPackets(t *testing.T) {
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	video := &content.Video{Codec: content.H264, Width: 192, Height: 120, FPS: 10, GOP: 10, Bitrate: 400_000, Label: "CAM 1", Camera: 1}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil),
		rtspcam.Config{ID: "a", Video: video}, rtspcam.Config{ID: "b", Video: video})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := floor(ctx, []string{dir, s.URL(s.Camera("a")), s.URL(s.Camera("b"))}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0.rtp", "1.rtp"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 30_000 { // 2 s at 50 kB/s, less the start
			t.Errorf("%s: %d bytes", name, len(b))
		}
		packets := 0
		for len(b) >= 4 && b[0] == '$' { // RFC 2326 10.12
			n := 4 + int(binary.BigEndian.Uint16(b[2:]))
			if n > len(b) {
				break // cut off by the end of the test
			}
			b = b[n:]
			packets++
		}
		if packets < 20 || len(b) > 1500 {
			t.Errorf("%s: %d packets, then %d bytes that are none", name, packets, len(b))
		}
	}
}

func TestCostOfAProcessIsReadFromProc(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for start := used(); used()-start < 100*time.Millisecond; { // the work that is measured
	}
	after, err := cpuTime(os.Getpid())
	if err != nil || after.user-before.user+after.system-before.system < 20*time.Millisecond {
		t.Errorf("%v of work cost %v after %v, %v", 100*time.Millisecond, after, before, err)
	}
	now, peak, err := memory(os.Getpid())
	if err != nil || now < 1<<20 || peak < now {
		t.Errorf("memory %v, peak %v, %v", now, peak, err)
	}
}

func TestViewersAreCountedByTheirManners(t *testing.T) {
	s := &seen{}
	at := func(base uint64, durations ...uint32) fmp4.Parts {
		track := &fmp4.PartTrack{ID: 1, BaseTime: base}
		for _, d := range durations {
			track.Samples = append(track.Samples, &fmp4.Sample{Duration: d})
		}
		return fmp4.Parts{{Tracks: []*fmp4.PartTrack{track, {ID: 2}}}}
	}
	now := time.Unix(101, 0)
	next := s.take(at(100*90000, 3600, 3600), 0, now)
	next = s.take(at(100*90000+7200+10, 3600), next, now)
	if s.frames != 3 || s.skips != 0 || next != 100*90000+10810 || s.age(0) != 920*time.Millisecond || s.age(1) != time.Second {
		t.Errorf("%+v, next %d", s, next)
	}
	if s.take(at(103*90000, 3600), next, now); s.skips != 1 {
		t.Errorf("%d skips", s.skips)
	}
	counts := map[manner]int{}
	for i := range 50 {
		counts[mannerOf(i)]++
	}
	if counts[quick] != 40 || counts[slow] != 5 || counts[stuck] != 5 {
		t.Errorf("%v", counts)
	}
	if _, faults := report(map[manner]*seen{quick: {ended: 1}, slow: {viewers: 1}, stuck: {}}); len(faults) != 2 {
		t.Errorf("%q", faults)
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-cameras", "x"}, {"-cameras", "0"}, {"-duration", "0s"}, {"-viewers", "300"}, {"rest"}} {
		if o, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
}

func TestSearchFindsTheLargest(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 99, 100, 160, 555, maxCameras} {
		for _, known := range []int{0, 1, limit} {
			tries := 0
			got, err := search(known, func(n int) (bool, error) { tries++; return n <= limit, nil })
			if err != nil || got > limit || got < limit-max(1, limit/20) && got*3/2 <= maxCameras || tries > 25 {
				t.Errorf("limit %d from %d: %d after %d tries, %v", limit, known, got, tries, err)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	gb := func(seconds float64) cost {
		return cost{cpu: cpu{user: time.Duration(seconds * float64(time.Second))}, bytes: 1e9, took: time.Second}
	}
	for _, c := range []struct {
		n    int
		r    result
		want string
	}{
		{100, result{engine: gb(3), floor: gb(2.5), rss: 140e6}, "goal reached"},
		{100, result{engine: gb(4), floor: gb(2), rss: 160e6, lost: 1},
			"goal missed: frames are lost; 4.0 CPU seconds per GB are more than 3.8; 2.00 times the floor is more than 1.5; 160 MB of memory are more than 150"},
		{200, result{engine: gb(3), floor: gb(2.5), rss: 280e6}, "goal reached"},
	} {
		if got := verdict(c.n, c.r); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestSlowestIsReadFromTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]time.Duration{
		"level=INFO msg=\"volume is let go of\" volume=a writtenBytes=5 slowestMs=432\nmore\n": 432 * time.Millisecond,
		"nothing\n": 0,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := slowest(path); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
