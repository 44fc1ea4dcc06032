// Package live sends a camera's stream to viewers as it comes: fragmented MP4 over a WebSocket, or by WebRTC (package
// rtc), for which the WebSocket carries offer and answer and is the lifeline: web ends it with the user's session, and
// the pictures end with it.
//
// A viewer starts with the newest keyframe held in the ring and then gets one fragment for each video frame, with the
// audio that came before it; the messages are those of the operation `live` in internal/api/openapi.yaml. A viewer that
// reads too slowly skips to the newest keyframe: it costs a bounded buffer and slows nobody. One that takes nothing for
// writeTimeout, or answers no ping, is let go.
//
// It must not slow recording: its readers in the ring are lossy. It authenticates nobody; web does, and web checks the
// origin of a WebSocket's request too.
//
// Concurrency: ServeHTTP may be called from many goroutines, each call is one viewer and lasts as long as it. Close
// ends them all and waits for them.
package live

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/rtc"
)

const (
	maxViewers     = 256
	maxLag         = 2 * time.Second  // behind the newest frame before a viewer skips
	writeTimeout   = 10 * time.Second // for one message
	pingPeriod     = 20 * time.Second
	goodbyeTimeout = time.Second // for the client to answer a close
	maxMessage     = 1 << 20     // bytes after which a message is sent, unless one frame alone is larger
	maxAudioHeld   = 200 * time.Millisecond
)

// View is what there is to see of a camera at one moment.
type View struct {
	Ring    *ring.Ring // nil: the camera is not fetched
	State   api.CameraState
	Changed <-chan struct{} // closed once Ring or State.Status may have changed, or the camera is gone; then look again
}

// Cameras is where a viewer finds its stream. Errors are for the client, an *answer.Problem.
type Cameras interface {
	// View must not block.
	View(camera, stream string) (View, error)
	// Watch has a stream fetched until leave is called.
	Watch(camera, stream string) (leave func(), err error)
}

// Live serves viewers. Make one with New.
type Live struct {
	cameras Cameras
	rtc     *rtc.Endpoint
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	count   int
	viewers sync.WaitGroup
}

// New returns a Live without viewers.
func New(cameras Cameras, rtc *rtc.Endpoint, log *slog.Logger) *Live {
	l := &Live{cameras: cameras, rtc: rtc, log: log}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Close ends all viewers and waits for them.
func (l *Live) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.viewers.Wait()
}

// Viewers returns how many there are.
func (l *Live) Viewers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// enter counts a viewer in, unless there are too many.
func (l *Live) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.count >= maxViewers {
		return false
	}
	l.count++
	l.viewers.Add(1)
	return true
}

func (l *Live) leave() {
	l.mu.Lock()
	l.count--
	l.mu.Unlock()
	l.viewers.Done()
}

// wishes reads what a viewer wants.
func wishes(r *http.Request) (stream string, options fmp4.Options, webrtc bool, err error) {
	q := r.URL.Query()
	options.JPEG = true
	switch q.Get("audio") {
	case "", "true":
	case "false":
		options.NoAudio = true
	default:
		return "", options, false, answer.Field("audio", "bad_audio", "Say audio=true for a stream with sound, audio=false for one without.")
	}
	switch q.Get("media") {
	case "", "mp4":
	case "webrtc":
		webrtc = true
	default:
		return "", options, false, answer.Field("media", "bad_media", "Say media=mp4 for MP4 over the WebSocket, media=webrtc for WebRTC.")
	}
	return cmp.Or(q.Get("stream"), "main"), options, webrtc, nil
}

// ServeHTTP is one viewer of a camera's stream.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request, camera string) {
	stream, options, webrtc, err := wishes(r)
	if err != nil {
		answer.Fail(w, err)
		return
	}
	if _, err := l.cameras.View(camera, stream); err != nil {
		answer.Fail(w, err)
		return
	}
	if !l.enter() {
		p := answer.Refuse(http.StatusServiceUnavailable, "too_many_viewers", "Too many live pictures are being watched. Close some and try again.")
		p.Detail.RetryAfterMs = 5000
		answer.Fail(w, p)
		return
	}
	defer l.leave()
	leave, err := l.cameras.Watch(camera, stream)
	if err != nil {
		answer.Fail(w, err)
		return
	}
	defer leave()
	view, err := l.cameras.View(camera, stream)
	if err != nil {
		answer.Fail(w, err)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // see the package comment
	if err != nil {
		return // answered
	}
	defer conn.CloseNow()
	v := &viewer{conn: conn, cameras: l.cameras, camera: camera, stream: stream, options: options, log: l.log.With("camera", camera, "stream", stream)}
	// The request's context ends with the hijacking. Reading has a context of its own, as ending it breaks the connection.
	ctx, cancel := context.WithCancel(l.ctx)
	reading, hangUp := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	if webrtc {
		v.peer = newPeer(l.rtc, cancel)
		defer v.peer.close()
	}
	context.AfterFunc(ctx, func() { time.AfterFunc(goodbyeTimeout, hangUp) })
	helpers.Go(func() { v.listen(reading, cancel) })
	helpers.Go(func() { v.ping(ctx, cancel) })
	defer helpers.Wait()
	defer hangUp()
	defer cancel()
	if err = v.serve(ctx, view); err != nil && ctx.Err() == nil {
		v.log.Debug("viewer ends", "err", err)
	}
	cancel()
	var refused *rtc.Refusal
	switch { // best effort: the client may be gone
	case errors.As(err, &refused):
		_ = conn.Close(websocket.StatusNormalClosure, "WebRTC is refused")
	case l.ctx.Err() != nil:
		_ = conn.Close(websocket.StatusGoingAway, "the service is stopping")
	case v.talked.Load():
		_ = conn.Close(websocket.StatusPolicyViolation, "nothing is expected from the client")
	}
}
