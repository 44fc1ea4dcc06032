package playback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

const camera = "k3f9x2ab"

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 123_456_789, time.UTC)

// folder is an archive of files in one folder.
type folder struct {
	dir      string
	segments []Footage
	sizes    map[string]int64
}

type file struct {
	*os.File
	size int64
}

func (f *file) Size() int64 { return f.size }

func (a *folder) Footage(cam, stream string, fromMs, toMs int64, limit int) (out []Footage, err error) {
	for _, s := range a.segments {
		if cam == camera && stream == "main" && s.EndMs > fromMs && s.StartMs < toMs && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *folder) Before(cam, stream string, atMs int64, limit int) (out []Footage, err error) {
	for _, s := range slices.Backward(a.segments) {
		if cam == camera && stream == "main" && s.StartMs <= atMs && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *folder) Open(id string) (File, error) {
	f, err := os.Open(filepath.Join(a.dir, id))
	if err != nil {
		return nil, err
	}
	return &file{f, a.sizes[id]}, nil
}

// add writes frames as a segment. One that stays open lacks what closing adds, and has rubbish behind its durable end.
func (a *folder) add(t testing.TB, frames []*media.Frame, open bool) {
	t.Helper()
	start := frames[0].TimeNs()
	w, err := mkv.NewWriter(frames[0].Run, mkv.Meta{StartNs: start, Kind: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.FormatInt(start/1e6, 10)
	f, err := os.Create(filepath.Join(a.dir, id))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(b []byte, at int64) {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, fr := range frames {
		if err := w.Add(fr); err != nil {
			t.Fatal(err)
		}
	}
	w.EndCluster()
	b := w.Take()
	write(slices.Concat(b.Pieces...), b.Offset)
	size := b.Offset + int64(b.Size)
	if open {
		write(bytes.Repeat([]byte{0xa5}, 1000), size)
	} else {
		for _, p := range w.Close() {
			write(p.Data, p.Offset)
		}
	}
	a.sizes[id] = size
	a.segments = append(a.segments, Footage{ID: id, StartMs: start / 1e6, EndMs: w.EndNs() / 1e6})
	slices.SortFunc(a.segments, func(x, y Footage) int { return int(x.StartMs - y.StartMs) })
}

func newFolder(t testing.TB) *folder {
	return &folder{dir: t.TempDir(), sizes: map[string]int64{}}
}

func (a *folder) serve(t testing.TB) (url string) {
	t.Helper()
	s := httptest.NewServer(handler(a))
	t.Cleanup(s.Close)
	return s.URL
}

func handler(a *folder) http.Handler {
	p := New(a, painter{}, slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cameras/{camera}/media", func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r, r.PathValue("camera")) })
	mux.HandleFunc("GET /v1/cameras/{camera}/keyframe", func(w http.ResponseWriter, r *http.Request) { p.ServeKeyframe(w, r, r.PathValue("camera")) })
	return mux
}

// part is what a recorder puts into a segment of pictures from (a keyframe) to before to: these pictures, and the audio
// that is heard while they are shown.
func part(frames []*media.Frame, from, to int) []*media.Frame {
	var video []*media.Frame
	for _, f := range frames {
		if f.Track == 0 {
			video = append(video, f)
		}
	}
	start, end := video[from].TimeNs(), int64(math.MaxInt64)
	if to < len(video) && video[to].Keyframe {
		end = video[to].TimeNs()
	}
	var out []*media.Frame
	n := -1
	for _, f := range frames {
		if f.Track == 0 {
			if n++; n >= from && n < to {
				out = append(out, f)
			}
		} else if at := f.TimeNs(); n >= from && at >= start && at < end {
			out = append(out, f)
		}
	}
	return out
}

// reply is a parsed answer.
type reply struct {
	status             int
	problem            api.Error
	mime               string
	start, end, next   int64
	pictures, sounds   int
	firstNs, lastEndNs int64 // of decode times of video
	body               []byte
}

func get(t *testing.T, url string, query string) reply {
	t.Helper()
	resp, err := http.Get(url + "/v1/cameras/" + camera + "/media?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, mime: resp.Header.Get("Vigie-Mime")}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		if err := json.Unmarshal(r.body, &r.problem); err != nil {
			t.Fatalf("%s: %v", r.body, err)
		}
		return r
	}
	number := func(name string) int64 {
		if resp.Header.Get(name) == "" {
			return 0
		}
		n, err := strconv.ParseInt(resp.Header.Get(name), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	r.start, r.end, r.next = number("Vigie-Start-Ms"), number("Vigie-End-Ms"), number("Vigie-Next-Ms")
	at := bytes.Index(r.body, []byte("moof")) - 4
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(r.body[:at])); err != nil {
		t.Fatalf("initialisation segment: %v", err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(r.body[at:]); err != nil {
		t.Fatalf("fragments: %v", err)
	}
	for i, p := range parts {
		for _, tr := range p.Tracks {
			if tr.ID == 2 {
				r.sounds += len(tr.Samples)
				continue
			}
			if tr.Samples[0].IsNonSyncSample {
				t.Errorf("fragment %d does not begin with a keyframe", i)
			}
			begin := int64(tr.BaseTime) / 90000 * 1e9
			begin += int64(tr.BaseTime) % 90000 * 1e9 / 90000
			if r.pictures == 0 {
				r.firstNs = begin
			} else if d := begin - r.lastEndNs; d > 1e6 || d < -1e6 {
				t.Errorf("fragment %d begins %v after the end of the one before", i, time.Duration(d))
			}
			r.lastEndNs = begin
			for _, s := range tr.Samples {
				r.lastEndNs += int64(s.Duration) * 1e9 / 90000
			}
			r.pictures += len(tr.Samples)
		}
	}
	return r
}

func from(ms int64) string { return "fromMs=" + strconv.FormatInt(ms, 10) }

func ms(at time.Time) int64 { return at.UnixMilli() }

// An archive of 12 s in three adjoining segments (4 s, 4 s, and one still open).
func adjoining(t *testing.T, o cameratest.VideoOptions, audio media.Codec) (*folder, []*media.Frame) {
	a := newFolder(t)
	frames := cameratest.Frames(epoch, cameratest.EncodeVideo(t, o), cameratest.EncodeAudio(t, audio), 300)
	a.add(t, part(frames, 0, 100), false)
	a.add(t, part(frames, 100, 200), false)
	a.add(t, part(frames, 200, 290), true)
	return a, frames
}

func TestPlaysFromAnyInstantAcrossSegments(t *testing.T) {
	for _, c := range []struct {
		video cameratest.VideoOptions
		audio media.Codec
		mime  string
	}{
		{cameratest.VideoOptions{}, media.AAC, "mp4a.40.2"},
		{cameratest.VideoOptions{BFrames: 2}, media.PCMA, "flac"},
		{cameratest.VideoOptions{Codec: media.H265}, media.PCMU, "hvc1"},
	} {
		t.Run(c.mime, func(t *testing.T) {
			a, frames := adjoining(t, c.video, c.audio)
			url := a.serve(t)
			delay := frames[0].PTSTicks * 1000 / 90000 // B-frames: shown that much after decoding
			at := func(seconds float64) int64 { return ms(epoch) + int64(seconds*1000) + delay }
			r := get(t, url, from(at(2.5))+"&durationMs=4000")
			// From the keyframe at 2 s to that at 7 s, which is the first after 6.5 s.
			if r.status != 200 || r.pictures != 125 || abs(r.start-at(2)) > 1 || abs(r.end-at(7)) > 2 || r.next != r.end || !strings.Contains(r.mime, c.mime) {
				t.Errorf("got %d pictures, %d to %d, next %d, %s; want 125, %d to %d", r.pictures, r.start, r.end, r.next, r.mime, at(2), at(7))
			}
			if r.sounds < 5*8000/160*9/10 && r.sounds < 5*48000/1024*9/10 {
				t.Errorf("%d pieces of sound in 5 s", r.sounds)
			}
			if abs(r.firstNs/1e6+delay-r.start) > 2+2*delay {
				t.Errorf("decode time %d, starts at %d", r.firstNs/1e6, r.start)
			}
			// Asking on from the end gives every picture exactly once, up to the open segment's last whole GOP.
			total, asked := 0, at(0)
			var last reply
			for range 20 {
				r := get(t, url, from(asked)+"&durationMs=1500")
				if r.status != 200 {
					t.Fatalf("from %d: %d %+v", asked, r.status, r.problem)
				}
				if r.next == 0 {
					last = r
					break
				}
				if total > 0 && r.start != asked && r.start != asked-1 {
					t.Errorf("asked from %d, starts at %d", asked, r.start)
				}
				total += r.pictures
				asked = r.end
			}
			if total != 275 || last.pictures != 15 || abs(last.end-at(11.6)) > 2+2*delay {
				t.Errorf("%d pictures one after another, then %d to %d; want 275, 15 to %d", total, last.pictures, last.end, at(11.6))
			}
			// There is nothing after that yet.
			if r := get(t, url, from(last.end)); r.status != 404 || r.problem.Code != "no_footage" || r.problem.RetryAfterMs == 0 {
				t.Errorf("after the end: %d %+v", r.status, r.problem)
			}
		})
	}
}

func abs(v int64) int64 { return max(v, -v) }

// Recorded on alarm while recorded anyhow, footage is there twice: within a segment, and across the border of two.
func TestFootageRecordedTwiceIsPlayedOnce(t *testing.T) {
	for name, twice := range map[string][2]int{"within": {25, 75}, "across": {75, 150}, "around": {75, 225}, "beyond": {150, 275}} {
		t.Run(name, func(t *testing.T) {
			a := newFolder(t)
			frames := cameratest.Frames(epoch, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 300)
			a.add(t, part(frames, 0, 100), false)
			a.add(t, part(frames, 100, 200), false)
			a.add(t, part(frames, twice[0], twice[1]), false)
			url := a.serve(t)
			want := max(200, twice[1])
			total, asked := 0, ms(epoch)
			for range 20 {
				r := get(t, url, from(asked)+"&durationMs=1500")
				if r.status != 200 {
					break
				}
				if total > 0 && abs(r.start-asked) > 1 {
					t.Errorf("asked from %d, starts at %d", asked-ms(epoch), r.start-ms(epoch))
				}
				total += r.pictures
				asked = r.end
			}
			if total != want || abs(asked-ms(epoch)-int64(want)*40) > 2 {
				t.Errorf("%d pictures up to %d ms, want %d", total, asked-ms(epoch), want)
			}
		})
	}
}

func TestStopsAtGapsAndChangesOfFormat(t *testing.T) {
	v, audio := cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.PCMU)
	small := cameratest.EncodeVideo(t, cameratest.VideoOptions{Size: "160x120"})
	a := newFolder(t)
	a.add(t, cameratest.Frames(epoch, v, audio, 50), false)
	a.add(t, cameratest.Frames(epoch.Add(10*time.Second), v, audio, 50), false)     // after a gap of 8 s
	a.add(t, cameratest.Frames(epoch.Add(12*time.Second), small, audio, 50), false) // at once, in another format
	url := a.serve(t)
	at := func(s int) int64 { return ms(epoch) + int64(s)*1000 }
	for _, c := range []struct {
		from                       int64
		pictures                   int
		start, end, next, duration int64
	}{
		{from: at(0) + 500, pictures: 50, start: at(0), end: at(2), next: at(10)},
		{from: at(5), pictures: 50, start: at(10), end: at(12), next: at(12)}, // in the gap
		{from: at(5), duration: 1000, pictures: 25, start: at(10), end: at(11), next: at(11)},
		{from: at(-3600), pictures: 50, start: at(0), end: at(2), next: at(10)},
		{from: at(12) + 2, pictures: 50, start: at(12), end: at(14)},
		{from: 0, pictures: 50, start: at(0), end: at(2), next: at(10)},
	} {
		q := from(c.from)
		if c.duration > 0 {
			q += fmt.Sprintf("&durationMs=%d", c.duration)
		}
		r := get(t, url, q)
		if r.status != 200 || r.pictures != c.pictures || abs(r.start-c.start) > 1 || abs(r.end-c.end) > 1 || abs(r.next-c.next) > 1 {
			t.Errorf("from %d: %d, %d pictures, %d to %d, next %d; want %d, %d to %d, next %d", c.from-at(0), r.status, r.pictures,
				r.start-at(0), r.end-at(0), r.next-at(0), c.pictures, c.start-at(0), c.end-at(0), c.next-at(0))
		}
	}
}

func TestDamagedAndMissingFilesArePassedOver(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	a := newFolder(t)
	for i := range 3 {
		a.add(t, cameratest.Frames(epoch.Add(time.Duration(i)*2*time.Second), v, nil, 50), false)
	}
	if err := os.WriteFile(filepath.Join(a.dir, a.segments[0].ID), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(a.dir, a.segments[1].ID)); err != nil {
		t.Fatal(err)
	}
	r := get(t, a.serve(t), from(ms(epoch)))
	if r.status != 200 || r.pictures != 50 || abs(r.start-ms(epoch)-4000) > 1 {
		t.Errorf("got %d, %d pictures from %d", r.status, r.pictures, r.start-ms(epoch))
	}
}

func TestAnswersAreBoundedInSize(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 5, Frames: 5})
	frames := cameratest.Frames(epoch, v, nil, 300)
	filler := append([]byte{0, 1, 0xff, 0xfc, 6}, make([]byte, 0x1fffb)...) // an SEI of 128 KiB
	for _, f := range frames {
		f.Payload = append(slices.Clone(f.Payload), filler...)
	}
	a := newFolder(t)
	a.add(t, frames, false)
	url := a.serve(t)
	total, asked := 0, ms(epoch)
	for range 10 {
		r := get(t, url, from(asked)+"&durationMs=60000")
		if r.status != 200 || len(r.body) > maxBytes+1<<20 {
			t.Fatalf("%d, %d bytes", r.status, len(r.body))
		}
		total += r.pictures
		if asked = r.end; r.next == 0 {
			break
		}
	}
	if total != 300 {
		t.Errorf("%d pictures", total)
	}
}

func TestClientsThatTakeNothingKeepNobodyFromPlaying(t *testing.T) {
	frames := cameratest.Frames(epoch, cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 5, Frames: 5}), nil, 100)
	filler := append([]byte{0, 1, 0xff, 0xfc, 6}, make([]byte, 0x1fffb)...) // an SEI of 128 KiB
	for _, f := range frames {
		f.Payload = append(slices.Clone(f.Payload), filler...)
	}
	a := newFolder(t)
	a.add(t, frames, false)
	p := New(a, painter{}, slog.New(slog.DiscardHandler))
	p.patience = 100 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r, camera) }))
	defer s.Close()
	for range maxAnswers {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /?%s&durationMs=60000 HTTP/1.1\r\nHost: x\r\n\r\n", from(ms(epoch)))
		if _, err := conn.Read(make([]byte, 1)); err != nil { // it is being answered
			t.Fatal(err)
		}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	for range 2 { // the same connection serves again
		r, err := client.Get(s.URL + "/?" + from(ms(epoch)) + "&durationMs=100")
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r.Body)
		if r.Body.Close(); err != nil || n < 5*0x20000 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		time.Sleep(2 * p.patience) // a deadline left behind would cut the next answer
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	url := newFolder(t).serve(t)
	for q, field := range map[string]string{
		"": "fromMs", "fromMs=x": "fromMs", "fromMs=-1": "fromMs", "fromMs=" + strconv.FormatInt(math.MaxInt64, 10): "fromMs",
		"fromMs=1&durationMs=0": "durationMs", "fromMs=1&durationMs=60001": "durationMs", "fromMs=1&stream=../x": "stream", "fromMs=1&format=jpeg": "format",
	} {
		if r := get(t, url, q); r.status != 400 || r.problem.Field != field || r.problem.Message == "" {
			t.Errorf("%q: %d %+v", q, r.status, r.problem)
		}
	}
	if r := get(t, url, "fromMs=1"); r.status != 404 {
		t.Errorf("empty archive: %d", r.status)
	}
}

func TestFirstByteComesQuickly(t *testing.T) {
	a, _ := adjoining(t, cameratest.VideoOptions{}, media.AAC)
	url := a.serve(t)
	best := time.Hour
	for range 5 {
		begun := time.Now()
		resp, err := http.Get(url + "/v1/cameras/" + camera + "/media?" + from(ms(epoch)+5000))
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(begun))
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if best > 100*time.Millisecond {
		t.Errorf("the first byte took %v", best)
	}
	t.Logf("first byte after %v", best)
}

func TestChromiumPlaysThePast(t *testing.T) {
	a, _ := adjoining(t, cameratest.VideoOptions{BFrames: 1}, media.PCMA)
	got := cameratest.Browse(t, handler(a), `async function feed(append, note) {
		let from = `+strconv.FormatInt(ms(epoch)+3200, 10)+`;
		for (let i = 0; i < 3; i++) {
			const r = await fetch('/v1/cameras/`+camera+`/media?durationMs=1500&fromMs=' + from);
			await append(r.headers.get('Vigie-Mime'), await r.arrayBuffer());
			from = r.headers.get('Vigie-End-Ms');
		}
		await playFor(2);
	}`)
	start := float64(epoch.UnixNano())/1e9 + 3
	if got.Error != "" || got.Ranges != 1 || got.BufferedStart < start-0.1 || got.BufferedStart > start+0.2 || got.BufferedEnd < start+5 ||
		got.CurrentTime < start+2 || got.Frames < 40 || got.AudioBytes == 0 || got.Colours < 20 {
		t.Errorf("from %.3f: %+v", start, got)
	}
}

func FuzzQuery(f *testing.F) {
	for _, q := range []string{"fromMs=1", "fromMs=1795000000000&durationMs=10000&stream=main", "fromMs=-1", "fromMs=9223372036854775807", "fromMs=1&durationMs=60001", "fromMs=1&stream=../x", "fromMs=%31&fromMs=2"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(&http.Request{URL: &url.URL{RawQuery: raw}}, camera)
		if err != nil {
			return
		}
		if d := q.untilMs - q.fromMs; q.fromMs < 0 || d < 1 || d > maxDuration || q.stream == "" || strings.ContainsAny(q.stream, "/.\\") || q.untilMs*int64(time.Millisecond) < 0 {
			t.Fatalf("%q became %+v", raw, q)
		}
	})
}
