package main

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	for start := time.Now(); time.Since(start) < 100*time.Millisecond; { // the work that is measured
	}
	after, err := cpuTime(os.Getpid())
	if err != nil || after-before < 20*time.Millisecond {
		t.Errorf("%v of work cost %v, %v", 100*time.Millisecond, after-before, err)
	}
	now, peak, err := memory(os.Getpid())
	if err != nil || now < 1<<20 || peak < now {
		t.Errorf("memory %v, peak %v, %v", now, peak, err)
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-cameras", "x"}, {"-cameras", "0"}, {"-duration", "0s"}, {"rest"}} {
		if o, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
}
