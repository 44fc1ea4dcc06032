package playback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// picked is a parsed answer with a keyframe.
type picked struct {
	status                int
	problem               api.Error
	kind, mime            string
	startMs, endMs, skips int64
	body                  []byte
}

func pick(t *testing.T, url, query string) (k picked) {
	t.Helper()
	resp, err := http.Get(url + "/v1/cameras/" + camera + "/keyframe?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	k.status, k.kind, k.mime = resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Vigie-Mime")
	if k.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if k.status != 200 {
		if err := json.Unmarshal(k.body, &k.problem); err != nil {
			t.Fatalf("%s: %v", k.body, err)
		}
		return k
	}
	for name, v := range map[string]*int64{"Vigie-Start-Ms": &k.startMs, "Vigie-End-Ms": &k.endMs, "Vigie-Skipped": &k.skips} {
		if *v, err = strconv.ParseInt(resp.Header.Get(name), 10, 64); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return k
}

// The footage of these tests: a keyframe a second from 0 to 11 in three files, the last of which is open; nothing from 12
// to 20; from 20 to 22 again; and once more what lies between 1 and 3, recorded on alarm.
func stretches(t *testing.T) string {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	a := newFolder(t)
	frames := cameratest.Frames(epoch, v, cameratest.EncodeAudio(t, media.PCMU), 300)
	a.add(t, part(frames, 0, 100), false)
	a.add(t, part(frames, 100, 200), false)
	a.add(t, part(frames, 200, 300), true)
	a.add(t, part(frames, 25, 75), false)
	a.add(t, cameratest.Frames(epoch.Add(20*time.Second), v, nil, 50), false)
	return a.serve(t)
}

func TestTheKeyframeOfAnInstant(t *testing.T) {
	url := stretches(t)
	at := func(seconds float64) int64 { return ms(epoch) + int64(seconds*1000) }
	for _, c := range []struct {
		at         float64
		skip       int
		start, end float64
		skipped    int64
	}{
		{at: 0, start: 0, end: 1},
		{at: 0.999, start: 0, end: 1},
		{at: 1.5, start: 1, end: 2}, // there twice
		{at: 3.5, start: 3, end: 4},
		{at: 4, start: 4, end: 5},      // the first of a file
		{at: 11.5, start: 11, end: 12}, // in the open file
		{at: 15, start: 11, end: 12},   // in a gap
		{at: 21.5, start: 21, end: 22},
		{at: 1000, start: 21, end: 22},
		{at: 6.5, skip: -1, start: 5, end: 6, skipped: -1},
		{at: 6.5, skip: -6, start: 0, end: 1, skipped: -6},
		{at: 6.5, skip: -256, start: 0, end: 1, skipped: -6},
		{at: 21.5, skip: -2, start: 11, end: 12, skipped: -2}, // over the gap
		{at: 21.5, skip: -13, start: 0, end: 1, skipped: -13},
		{at: 0.5, skip: 2, start: 2, end: 3, skipped: 2},
		{at: 0.5, skip: 8, start: 8, end: 9, skipped: 8},
		{at: 11.5, skip: 1, start: 20, end: 21, skipped: 1},
		{at: 0.5, skip: 256, start: 21, end: 22, skipped: 13},
	} {
		k := pick(t, url, fmt.Sprintf("atMs=%d&skip=%d", at(c.at), c.skip))
		if k.status != 200 || abs(k.startMs-at(c.start)) > 1 || abs(k.endMs-at(c.end)) > 1 || k.skips != c.skipped {
			t.Errorf("at %g, skip %d: %d %s, from %d to %d, skipped %d; want from %g to %g, %d", c.at, c.skip, k.status, k.problem.Message, k.startMs-at(0), k.endMs-at(0), k.skips, c.start, c.end, c.skipped)
		}
		if again := pick(t, url, fmt.Sprintf("atMs=%d", k.startMs)); again.startMs != k.startMs {
			t.Errorf("asked for %d again, got %d", k.startMs, again.startMs)
		}
	}
	if k := pick(t, url, fmt.Sprintf("atMs=%d", at(-1))); k.status != 404 || k.problem.Code != "no_footage" || !strings.Contains(k.problem.Message, "2026-03-04 05:06:07") {
		t.Errorf("before all footage: %d %+v", k.status, k.problem)
	}
	for q, field := range map[string]string{"": "atMs", "atMs=x": "atMs", "atMs=-5": "atMs", "atMs=1&skip=257": "skip", "atMs=1&skip=a": "skip", "atMs=1&format=png": "format", "atMs=1&stream=../x": "stream"} {
		if k := pick(t, url, q); k.status != 400 || k.problem.Field != field {
			t.Errorf("%q: %d %+v", q, k.status, k.problem)
		}
	}
}

func TestAKeyframeIsDecodedAlone(t *testing.T) {
	url := stretches(t)
	k := pick(t, url, "atMs="+strconv.FormatInt(ms(epoch)+5500, 10))
	cut := bytes.Index(k.body, []byte("moof")) - 4
	var init fmp4.Init
	var parts fmp4.Parts
	if err := init.Unmarshal(bytes.NewReader(k.body[:cut])); err != nil {
		t.Fatal(err)
	}
	if err := parts.Unmarshal(k.body[cut:]); err != nil {
		t.Fatal(err)
	}
	if len(init.Tracks) != 1 || len(parts) != 1 || len(parts[0].Tracks) != 1 || len(parts[0].Tracks[0].Samples) != 1 || parts[0].Tracks[0].Samples[0].IsNonSyncSample || strings.Contains(k.mime, "flac") {
		t.Errorf("%d tracks, %d fragments, %s", len(init.Tracks), len(parts), k.mime)
	}
	b := pick(t, url, "format=annexb&atMs="+strconv.FormatInt(ms(epoch)+5500, 10))
	if !bytes.HasPrefix(b.body, []byte{0, 0, 0, 1, 0x67}) || b.mime != "" {
		t.Errorf("Annex B begins with %x", b.body[:min(8, len(b.body))])
	}
}

func TestAKeyframeOfMotionJPEGIsAPicture(t *testing.T) {
	a := newFolder(t)
	a.add(t, cameratest.Frames(epoch, cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MJPEG}), nil, 50), false)
	k := pick(t, a.serve(t), "atMs="+strconv.FormatInt(ms(epoch)+500, 10))
	if k.status != 200 || k.kind != "image/jpeg" || !bytes.HasPrefix(k.body, []byte{0xff, 0xd8}) {
		t.Errorf("%d %s", k.status, k.kind)
	}
}

func FuzzPicture(f *testing.F) {
	for _, q := range []string{"atMs=1", "atMs=1795000000000&skip=-256&format=annexb&stream=sub", "atMs=-1", "atMs=9223372036854775807", "atMs=1&skip=99999999999", "atMs=1&format=", "atMs=1&stream=%00"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parsePicture(&http.Request{URL: &url.URL{RawQuery: raw}}, camera)
		if err != nil {
			return
		}
		if q.atMs < 0 || q.atMs*int64(time.Millisecond) < 0 || q.skip < -maxSkip || q.skip > maxSkip || q.stream == "" || strings.ContainsAny(q.stream, "/.\\") {
			t.Fatalf("%q became %+v", raw, q)
		}
	})
}
