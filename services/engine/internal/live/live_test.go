package live

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/coder/websocket"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/rtc"
	"vigie/services/engine/internal/source"
)

// cameras knows one camera, "k3f9x2ab".
type cameras struct {
	mu      sync.Mutex
	ring    *ring.Ring
	state   func() api.CameraState
	changed chan struct{}
	gone    bool
	watched map[string]int
}

func (c *cameras) Watch(_, stream string) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched == nil {
		c.watched = map[string]int{}
	}
	c.watched[stream]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watched[stream]--
	}, nil
}

func (c *cameras) View(id, stream string) (source.View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != "k3f9x2ab" || c.gone || stream != "main" && stream != "sub" {
		return source.View{}, answer.Refuse(http.StatusNotFound, "no_camera", "There is no such camera.")
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return source.View{Ring: c.ring, State: c.state(), Changed: c.changed}, nil
}

// change changes something and tells the viewers.
func (c *cameras) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func fixed(status api.CameraStateStatus) func() api.CameraState {
	return func() api.CameraState { return api.CameraState{Status: status} }
}

// serve starts a Live.
func serve(t *testing.T, c *cameras) (l *Live, url string) {
	t.Helper()
	l = New(c, c, rtc.New(rtc.Config{}), slog.New(slog.DiscardHandler))
	server := httptest.NewUnstartedServer(handler(l))
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
		return ctx
	}
	server.Start()
	t.Cleanup(func() { l.Close(); server.Close() })
	return l, server.URL
}

func handler(l *Live) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cameras/{camera}/live", func(w http.ResponseWriter, r *http.Request) { l.ServeHTTP(w, r, r.PathValue("camera")) })
	return mux
}

// client is a viewer.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	init bool // the next binary message is an initialisation segment
}

func dial(t *testing.T, url string, query ...string) *client {
	t.Helper()
	d := net.Dialer{}
	conn, _, err := websocket.Dial(t.Context(), url+"/v1/cameras/k3f9x2ab/live"+strings.Join(query, ""), &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, address)
			if err == nil {
				c.(*net.TCPConn).SetReadBuffer(32 << 10)
			}
			return c, err
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { conn.CloseNow() })
	return &client{t: t, conn: conn}
}

// next returns the next message: a LiveMessage, an initialisation segment or fragments.
func (c *client) next() (*api.LiveMessage, *fmp4.Init, fmp4.Parts) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	typ, b, err := c.conn.Read(ctx)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	if typ == websocket.MessageText {
		var m api.LiveMessage
		if err := json.Unmarshal(b, &m); err != nil {
			c.t.Fatal(err)
		}
		c.init = m.Type == api.LiveMessageTypeInit
		return &m, nil, nil
	}
	if c.init {
		c.init = false
		var i fmp4.Init
		if err := i.Unmarshal(bytes.NewReader(b)); err != nil {
			c.t.Fatalf("initialisation segment: %v", err)
		}
		return nil, &i, nil
	}
	var p fmp4.Parts
	if err := p.Unmarshal(b); err != nil {
		c.t.Fatalf("fragment: %v", err)
	}
	return nil, nil, p
}

func (c *client) expectInit() *fmp4.Init {
	c.t.Helper()
	if m, _, _ := c.next(); m == nil || m.Type != api.LiveMessageTypeInit || !strings.HasPrefix(m.Mime, "video/mp4; codecs=\"avc1.") {
		c.t.Fatalf("got %+v, want an init message", m)
	}
	_, i, _ := c.next()
	if i == nil {
		c.t.Fatal("no initialisation segment after the message")
	}
	return i
}

func (c *client) expectState(status api.CameraStateStatus, reason string) {
	c.t.Helper()
	if m, _, _ := c.next(); m == nil || m.Type != api.LiveMessageTypeState || m.Status != string(status) || m.Reason != reason {
		c.t.Fatalf("got %+v, want state %s", m, status)
	}
}

// videoSamples returns the video of fragments: number of samples, whether the first is a keyframe, its decode time.
func videoSamples(p fmp4.Parts) (n int, key bool, base uint64) {
	for _, part := range p {
		for _, t := range part.Tracks {
			if t.ID == 1 {
				if n == 0 {
					key, base = !t.Samples[0].IsNonSyncSample, t.BaseTime
				}
				n += len(t.Samples)
			}
		}
	}
	return n, key, base
}

func TestStartsAtTheNewestKeyframeAndGoesOnFrameByFrame(t *testing.T) {
	v, a := cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.AAC)
	frames := cameratest.Frames(time.Now(), v, a, 50)
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 1 << 20}), state: fixed(api.CameraStateStatusLive)}
	_, url := serve(t, c)
	at := 0
	push := func(video int) {
		for video > 0 || at < len(frames) && frames[at].Track == 1 {
			c.ring.Push(frames[at])
			if frames[at].Track == 0 {
				video--
			}
			at++
		}
	}
	push(40) // the newest keyframe is 25
	w := dial(t, url)
	if i := w.expectInit(); len(i.Tracks) != 2 || i.Tracks[0].TimeScale != 90000 || i.Tracks[1].TimeScale != 48000 {
		t.Errorf("initialisation segment of %d tracks", len(i.Tracks))
	}
	_, _, p := w.next()
	n, key, base := videoSamples(p)
	start := frames[0].Run.StartNs
	if want := start/1e9*90000 + start%1e9*90000/1e9 + 25*3600; !key || base != uint64(want) {
		t.Fatalf("starts with keyframe %v at %d, want %d", key, base, want)
	}
	for n < 15 { // what the ring held comes at once, in a few batches
		_, _, p = w.next()
		more, _, _ := videoSamples(p)
		n += more
	}
	next := base + 15*3600
	for range 8 {
		push(1)
		_, _, p := w.next()
		for n, _, base = videoSamples(p); n == 0; n, _, base = videoSamples(p) {
			_, _, p = w.next() // audio that came after a picture was sent
		}
		if n != 1 || base != next {
			t.Fatalf("%d pictures at %d, want one at %d", n, base, next)
		}
		next += 3600
	}
}

func TestSoundIsLeftOutWhereItIsNotWanted(t *testing.T) {
	frames := cameratest.Frames(time.Now(), cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.AAC), 30)
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 1 << 20}), state: fixed(api.CameraStateStatusLive)}
	_, url := serve(t, c)
	for _, f := range frames {
		c.ring.Push(f)
	}
	w := dial(t, url, "?audio=false")
	if i := w.expectInit(); len(i.Tracks) != 1 {
		t.Errorf("%d tracks", len(i.Tracks))
	}
	for seen := 0; seen < 5; { // the newest keyframe is 25
		_, _, p := w.next()
		n, _, _ := videoSamples(p)
		seen += n
		for _, part := range p {
			for _, track := range part.Tracks {
				if track.ID != 1 {
					t.Fatal("there is sound")
				}
			}
		}
	}
}

func TestNewInitOnlyWhenTheFormatChanges(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25})
	small := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25, Size: "160x120"})
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 1 << 20}), state: fixed(api.CameraStateStatusLive)}
	_, url := serve(t, c)
	now := time.Now()
	pushAll := func(frames []*media.Frame) {
		for _, f := range frames {
			c.ring.Push(f)
		}
	}
	pushAll(cameratest.Frames(now, v, nil, 25))
	w := dial(t, url)
	w.expectInit()
	count := 0
	take := func(want int) {
		t.Helper()
		for count < want {
			_, _, p := w.next()
			if p == nil {
				t.Fatal("a message that is no fragment")
			}
			n, _, _ := videoSamples(p)
			count += n
		}
	}
	take(25)
	pushAll(cameratest.Frames(now.Add(10*time.Second), v, nil, 25)) // the camera reconnected
	take(50)
	pushAll(cameratest.Frames(now.Add(20*time.Second), small, nil, 25))
	w.expectInit()
	take(75)
}

func TestStatesAndRingsComeAndGo(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25})
	old := ring.New(ring.Config{MaxBytes: 1 << 20})
	for _, f := range cameratest.Frames(time.Now().Add(-time.Minute), v, nil, 25) {
		old.Push(f)
	}
	offline := func() api.CameraState {
		return api.CameraState{Status: api.CameraStateStatusOffline, Reason: "The camera does not answer."}
	}
	c := &cameras{ring: old, state: offline}
	l, url := serve(t, c)
	w := dial(t, url)
	w.expectState(api.CameraStateStatusOffline, "The camera does not answer.") // and none of the old footage
	c.change(func() { c.state = fixed(api.CameraStateStatusLive) })
	w.expectState(api.CameraStateStatusLive, "")
	for _, f := range cameratest.Frames(time.Now(), v, nil, 25) {
		old.Push(f)
	}
	w.expectInit()
	total := 0
	for total < 25 {
		_, _, p := w.next()
		n, _, _ := videoSamples(p)
		total += n
	}
	// The camera's settings change: its ring is closed, there is none, then another.
	c.change(func() { c.ring, c.state = nil, fixed(api.CameraStateStatusDisabled); old.Close() })
	w.expectState(api.CameraStateStatusDisabled, "")
	fresh := ring.New(ring.Config{MaxBytes: 1 << 20})
	c.change(func() { c.ring, c.state = fresh, fixed(api.CameraStateStatusLive) })
	w.expectState(api.CameraStateStatusLive, "")
	for _, f := range cameratest.Frames(time.Now(), v, nil, 25) {
		fresh.Push(f)
	}
	if _, _, p := w.next(); len(p) == 0 { // the format is the same: no new initialisation segment
		t.Error("no fragment from the new ring")
	}
	c.change(func() { c.gone = true })
	for {
		if _, _, err := w.conn.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("removed: %v", err)
			}
			break
		}
	}
	for end := time.Now().Add(5 * time.Second); l.Viewers() != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d viewers are left", l.Viewers())
		}
	}
}

func TestSlowViewerSkipsToAKeyframe(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 10})
	frames := cameratest.Frames(time.Now(), v, nil, 100)
	filler := bytes.Repeat([]byte{0, 0, 0xff, 0xfc, 6}, 1)
	filler = append(filler, make([]byte, 0xfffb)...) // an SEI of 64 KiB makes each frame large
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 4 << 20}), state: fixed(api.CameraStateStatusLive)}
	_, url := serve(t, c)
	push := func(f *media.Frame) {
		big := *f
		big.Payload = append(append([]byte{}, f.Payload...), filler...)
		c.ring.Push(&big)
	}
	push(frames[0])
	push(frames[1])
	w := dial(t, url)
	w.expectInit()
	begun := time.Now()
	for i, f := range frames[2:] { // the viewer sleeps meanwhile
		time.Sleep(time.Until(begun.Add(time.Duration(i) * 40 * time.Millisecond)))
		push(f)
	}
	seen, skipped, next := 0, false, uint64(0)
	for {
		_, _, p := w.next()
		n, key, base := videoSamples(p)
		if next != 0 && base != next {
			skipped = true
			if !key {
				t.Fatal("after the skip comes no keyframe")
			}
		}
		next = base + uint64(n)*3600
		seen += n
		start := frames[0].Run.StartNs
		if base+uint64(n)*3600 == uint64(start/1e9*90000+start%1e9*90000/1e9+100*3600) {
			break
		}
	}
	if !skipped || seen > 80 {
		t.Errorf("skipped: %v; %d of 100 pictures sent", skipped, seen)
	}
}

func TestAStreamIsWatchedAsLongAsThereAreViewers(t *testing.T) {
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 1 << 20}), state: fixed(api.CameraStateStatusLive)}
	l, url := serve(t, c)
	watched := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.watched["sub"]
	}
	ws, _, err := websocket.Dial(t.Context(), url+"/v1/cameras/k3f9x2ab/live?stream=sub", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := watched(); n != 1 {
		t.Errorf("%d watch, want 1", n)
	}
	ws.CloseNow()
	for end := time.Now().Add(10 * time.Second); l.Viewers() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the viewer stays")
		}
	}
	if n := watched(); n != 0 {
		t.Errorf("%d watch after all have left", n)
	}
}

func TestRefusals(t *testing.T) {
	c := &cameras{state: fixed(api.CameraStateStatusDisabled)}
	l, url := serve(t, c)
	resp, err := http.Get(url + "/v1/cameras/nothere1/live")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var e api.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || resp.StatusCode != 404 || e.Code != "no_camera" {
		t.Errorf("%d %+v %v", resp.StatusCode, e, err)
	}
	resp, err = http.Get(url + "/v1/cameras/k3f9x2ab/live?audio=perhaps")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || resp.StatusCode != 400 || e.Field != "audio" {
		t.Errorf("%d %+v %v", resp.StatusCode, e, err)
	}
	// A client that talks is let go.
	w := dial(t, url)
	w.expectState(api.CameraStateStatusDisabled, "")
	if err := w.conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after a message: %v", err)
	}
	// Stopping tells the viewers.
	w = dial(t, url)
	w.expectState(api.CameraStateStatusDisabled, "")
	closed := make(chan struct{})
	go func() { l.Close(); close(closed) }()
	if _, _, err := w.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("stopping: %v", err)
	}
	<-closed
	if _, resp, err := websocket.Dial(t.Context(), url+"/v1/cameras/k3f9x2ab/live", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the stop: %v", err)
	}
}

// From a camera over RTSP to a picture in a browser.
func TestChromiumPlaysLive(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{}), Audio: cameratest.EncodeAudio(t, media.PCMA)})
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 4 << 20})}
	in := ingest.New(ingest.Config{Camera: "k3f9x2ab", Stream: "main", URL: cam.URL, Ring: c.ring, Log: slog.New(slog.DiscardHandler),
		Changed: func() { c.change(func() {}) }})
	c.state = in.State
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { in.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	l := New(c, c, rtc.New(rtc.Config{}), slog.New(slog.DiscardHandler))
	defer l.Close()
	got := cameratest.Browse(t, handler(l), `async function feed(append, note) {
		const begun = performance.now();
		const ws = new WebSocket(location.origin.replace('http', 'ws') + '/v1/cameras/k3f9x2ab/live');
		ws.binaryType = 'arraybuffer';
		let mime, done, fail, messages = 0; const finished = new Promise((ok, bad) => { done = ok; fail = bad; });
		ws.onmessage = e => {
			if (typeof e.data === 'string') { const m = JSON.parse(e.data); if (m.type === 'init') mime = m.mime; return; }
			append(mime, e.data).catch(fail);
			if (++messages === 30) done();
		};
		ws.onclose = () => fail(new Error('closed'));
		await finished;
		await playFor(1);
		note('lag', (Date.now() / 1000 - v.buffered.end(v.buffered.length - 1)).toFixed(3));
	}`)
	if got.Error != "" || got.Width != 320 || got.Frames < 20 || got.AudioBytes == 0 || got.Colours < 20 || got.Ranges != 1 {
		t.Errorf("got %+v", got)
	}
	now := float64(time.Now().UnixMilli()) / 1000
	if got.BufferedEnd < now-10 || got.BufferedEnd > now+1 {
		t.Errorf("buffered to %.3f, now is %.3f", got.BufferedEnd, now)
	}
	t.Logf("%+v", got)
}
