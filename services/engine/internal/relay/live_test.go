package relay

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

// clip is a picture and a sound for each codec.
type clip struct {
	name  string
	video *cameratest.Video
	audio *cameratest.Audio
}

// clips are all codecs.
func clips(t *testing.T) []clip {
	var list []clip
	for i, v := range []media.Codec{media.H264, media.H265, media.MPEG4, media.MJPEG} {
		size := "320x240"
		list = append(list, clip{name: string(v), video: cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: v, Size: size, BFrames: []int{0, 2, 0, 0}[i], Frames: 30, GOP: 15})})
	}
	list[0].audio = cameratest.EncodeAudio(t, media.AAC)
	list[1].audio = cameratest.EncodeAudio(t, media.PCMA)
	list[2].audio = cameratest.EncodeAudio(t, media.PCMU)
	opus := &cameratest.Audio{Codec: media.Opus, SampleRate: 48000, Channels: 2, Samples: 960}
	for i := range 50 {
		opus.Units = append(opus.Units, append([]byte{0xfc}, bytes.Repeat([]byte{byte(i)}, 80)...)) // CELT, 20 ms, one frame
	}
	list[3].audio = opus
	for bits, codec := range map[int]media.Codec{2: media.G726x16, 3: media.G726x24, 4: media.G726x32, 5: media.G726x40} {
		a := &cameratest.Audio{Codec: codec, SampleRate: 8000, Channels: 1, Samples: 320}
		for i := range 50 {
			unit := make([]byte, 320*bits/8)
			for j := range unit {
				unit[j] = byte(i*31 + j*7)
			}
			a.Units = append(a.Units, unit)
		}
		list = append(list, clip{name: string(codec), video: list[0].video, audio: a})
	}
	return list
}

// ingested has the engine's own reader fetch a stream, and returns the ring with what it got.
func ingested(t *testing.T, url string, transport api.Transport) *ring.Ring {
	t.Helper()
	r := ring.New(ring.Config{MaxBytes: 64 << 20})
	a, err := ingest.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	in := ingest.New(ingest.Config{Camera: camera, Stream: "main", URL: a.URL, Username: a.Username, Password: a.Password, Transport: transport,
		Ring: r, Log: slog.New(slog.DiscardHandler), Changed: func() {}})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = in.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return r
}

// compare holds what was read against what was pushed, by track: a run of it, without a gap and byte for byte, at the
// same distances in time.
func compare(t *testing.T, r *ring.Ring, pushed []*media.Frame, want int) {
	t.Helper()
	rd := r.NewReader(ring.ReaderConfig{Start: ring.Oldest, Guaranteed: true})
	defer rd.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	dst := make([]*media.Frame, 32)
	seen := [2]int{}
	next := [2]int{-1, -1}
	tracks := [2][]*media.Frame{}
	for _, f := range pushed {
		tracks[f.Track] = append(tracks[f.Track], f)
	}
	for seen[0] < want || len(tracks[1]) > 0 && seen[1] < want/2 {
		n, lost, err := rd.Read(ctx, dst)
		if err != nil || lost > 0 {
			t.Fatalf("after %v frames: %v, %d lost", seen, err, lost)
		}
		for _, f := range dst[:n] {
			k := f.Track
			if next[k] < 0 {
				for i, p := range tracks[k] {
					if same(p, f) {
						next[k] = i
						break
					}
				}
				if next[k] < 0 {
					t.Fatalf("the first frame of track %d was never pushed: %s", k, head(f.Payload))
				}
			}
			p := tracks[k][next[k]]
			if !same(p, f) || p.Keyframe != f.Keyframe {
				t.Fatalf("frame %d of track %d: %s, want %s", seen[k], k, head(f.Payload), head(p.Payload))
			}
			next[k] = (next[k] + 1) % len(tracks[k])
			seen[k]++
		}
	}
}

// same tells whether two frames are the same bytes; of JPEG files, but for their headers, which receivers make again.
func same(a, b *media.Frame) bool {
	if a.Run.Tracks[a.Track].Codec == media.MJPEG {
		return bytes.Equal(scan(a.Payload), scan(b.Payload))
	}
	return bytes.Equal(a.Payload, b.Payload)
}

func scan(file []byte) []byte {
	_, rest, _ := bytes.Cut(file, []byte{0xff, 0xda, 0, 12})
	return rest
}

func head(b []byte) string { return fmt.Sprintf("%d bytes, % x", len(b), b[:min(len(b), 24)]) }

func TestEveryCodecComesThroughUntouched(t *testing.T) {
	for _, c := range clips(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cams := newCameras()
			s := serve(t, cams)
			_, password := s.account("viewer", nil)
			frames := cameratest.Frames(time.Now(), c.video, c.audio, 500)
			pour(t, cams.ring, frames)
			compare(t, ingested(t, s.url("viewer:"+password), api.TransportTCP), frames, 40)
		})
	}
}
