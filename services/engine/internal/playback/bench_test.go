package playback

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/cameratest"
)

// BenchmarkAnswer asks for random instants of footage of 4 Mbit/s with a keyframe every two seconds, in files of a minute:
// how long until the first GOP is there (the picture of the instant is in it), until the whole answer is, and until a
// keyframe is. Cold means that nothing of the files is in the page cache. What the index adds is told by
// BenchmarkNearestKeyframe of package archive.
func BenchmarkAnswer(b *testing.B) {
	a := newFolder(b)
	v := cameratest.EncodeVideo(b, cameratest.VideoOptions{GOP: 50, Frames: 100})
	const files, fileFrames = 30, 1500
	filler := append([]byte{0, 0, 0x4e, 0x1c, 6}, make([]byte, 0x4e1b)...) // an SEI of 20 kB
	for i := range files {
		frames := cameratest.Frames(epoch.Add(time.Duration(i)*time.Minute), v, nil, fileFrames)
		for _, f := range frames {
			f.Payload = append(slices.Clone(f.Payload), filler...)
		}
		a.add(b, frames, false)
	}
	unix.Sync()
	url := a.serve(b)
	random := rand.New(rand.NewPCG(1, 2))
	for _, what := range []string{"media", "keyframe"} {
		for _, cold := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/cold=%t", what, cold), func(b *testing.B) {
				var first, whole []time.Duration
				for b.Loop() {
					at := ms(epoch) + random.Int64N(files*60_000-10_000)
					if cold {
						for _, s := range a.segments {
							forget(b, filepath.Join(a.dir, s.ID))
						}
					}
					query := fmt.Sprintf("%s/v1/cameras/%s/media?fromMs=%d&durationMs=2000", url, camera, at)
					if what == "keyframe" {
						query = fmt.Sprintf("%s/v1/cameras/%s/keyframe?atMs=%d", url, camera, at)
					}
					began := time.Now()
					resp, err := http.Get(query)
					if err != nil || resp.StatusCode != http.StatusOK {
						b.Fatal(resp, err)
					}
					if what == "media" { // the initialisation segment and a GOP, less what follows the last picture
						if _, err := io.CopyN(io.Discard, resp.Body, 50*20_000); err != nil {
							b.Fatal(err)
						}
						first = append(first, time.Since(began))
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil {
						b.Fatal(err)
					}
					whole = append(whole, time.Since(began))
					resp.Body.Close()
				}
				report(b, "gop", first)
				report(b, "all", whole)
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func report(b *testing.B, what string, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, what+"-p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, what+"-p99-ms")
}

// forget takes a file out of the page cache.
func forget(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}
