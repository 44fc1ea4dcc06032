package cameratest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"
)

// Playback is what a page says of a video element that played.
type Playback struct {
	Error         string  `json:"error"`
	CurrentTime   float64 `json:"currentTime"`
	Width         int     `json:"width"`
	Height        int     `json:"height"`
	Frames        int     `json:"frames"`     // decoded
	AudioBytes    int     `json:"audioBytes"` // decoded
	BufferedStart float64 `json:"bufferedStart"`
	BufferedEnd   float64 `json:"bufferedEnd"`
	Ranges        int     `json:"ranges"`
	Colours       int     `json:"colours"` // different pixels of a picture read back by a canvas
	Mimes         string  `json:"mimes"`
	Notes         string  `json:"notes"`
}

// page plays what feed(append, note) appends. feed gets a function that appends bytes to the SourceBuffer of a type.
const page = `<!doctype html><meta charset=utf-8><video id=v muted></video><script>
const v = document.getElementById('v'), notes = [], mimes = [];
let done = false;
async function report(error) {
  if (done) return; done = true;
  const c = document.createElement('canvas'); c.width = 64; c.height = 48;
  const g = c.getContext('2d', {willReadFrequently: true}); g.drawImage(v, 0, 0, 64, 48);
  const b = v.buffered;
  await fetch('/report', {method: 'POST', body: JSON.stringify({
    error: error || (v.error ? v.error.message : ''), currentTime: v.currentTime, width: v.videoWidth, height: v.videoHeight,
    frames: v.webkitDecodedFrameCount | 0, audioBytes: v.webkitAudioDecodedByteCount | 0,
    bufferedStart: b.length ? b.start(0) : 0, bufferedEnd: b.length ? b.end(b.length - 1) : 0, ranges: b.length,
    colours: new Set(new Uint32Array(g.getImageData(0, 0, 64, 48).data.buffer)).size, mimes: mimes.join(' | '), notes: notes.join(' ')})});
}
window.onerror = (m) => report(String(m));
window.onunhandledrejection = (e) => report(String(e.reason));
v.onerror = () => report(v.error.message);
const source = new MediaSource(); v.src = URL.createObjectURL(source);
let buffer, queue = Promise.resolve();
function append(mime, bytes) {
  return queue = queue.then(() => new Promise((ok, bad) => {
    if (!MediaSource.isTypeSupported(mime)) return bad(new Error('unsupported ' + mime));
    if (!buffer) { buffer = source.addSourceBuffer(mime); mimes.push(mime); }
    else if (mimes[mimes.length - 1] !== mime) { buffer.changeType(mime); mimes.push(mime); }
    buffer.onupdateend = ok; buffer.onerror = () => bad(new Error('append failed'));
    buffer.appendBuffer(bytes);
  }));
}
async function playFor(seconds) {
  const start = v.buffered.start(v.buffered.length - 1);
  v.currentTime = start; v.play();
  const limit = performance.now() + 30000;
  while (v.currentTime < start + seconds) {
    if (v.error) throw new Error(v.error.message);
    if (performance.now() > limit) throw new Error('stuck at ' + (v.currentTime - start) + ' s');
    await new Promise(r => setTimeout(r, 20));
  }
}
source.onsourceopen = async () => { try { await feed(append, n => notes.push(n)); await report(''); } catch (e) { report(String(e)); } };
%FEED%
</script>`

// Browse lets Chromium open a page whose script defines async function feed(append, note), with h serving what it
// fetches, and returns what the page reports in the end.
func Browse(t testing.TB, h http.Handler, feed string) Playback {
	t.Helper()
	reports := make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write(bytes.Replace([]byte(page), []byte("%FEED%"), []byte(feed), 1))
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		select {
		case reports <- body:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	profile := t.TempDir()
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--user-data-dir="+profile, "--remote-debugging-port=0", server.URL+"/page")
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	select {
	case body := <-reports:
		var p Playback
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatalf("report %q: %v", body, err)
		}
		return p
	case <-time.After(60 * time.Second):
		t.Fatalf("the browser reported nothing: %s", log.String())
	}
	return Playback{}
}
