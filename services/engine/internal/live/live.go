// Package live sends a camera's stream to viewers as it comes: fragmented MP4 over a WebSocket, or by WebRTC (package
// rtc), for which the WebSocket carries offer and answer and is the lifeline: web ends it with the user's session, and
// the pictures end with it.
//
// What the client cannot decode comes as JPEG pictures if it asks (package transcode), in the same way.
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
	"vigie/services/engine/internal/rtc"
	"vigie/services/engine/internal/source"
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

// Live serves viewers. Make one with New.
type Live struct {
	cameras source.Streams
	jpeg    source.Streams // the same as JPEG pictures
	rtc     *rtc.Endpoint
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	count   int
	viewers sync.WaitGroup
}

// New returns a Live without viewers. jpeg offers the cameras' streams once more, as JPEG pictures.
func New(cameras, jpeg source.Streams, rtc *rtc.Endpoint, log *slog.Logger) *Live {
	l := &Live{cameras: cameras, jpeg: jpeg, rtc: rtc, log: log}
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

// wish is what a viewer wants.
type wish struct {
	stream  string
	options fmp4.Options
	media   string // mp4, webrtc, jpeg
}

func wishes(r *http.Request) (w wish, err error) {
	q := r.URL.Query()
	w = wish{stream: cmp.Or(q.Get("stream"), "main"), options: fmp4.Options{JPEG: true}, media: cmp.Or(q.Get("media"), "mp4")}
	switch q.Get("audio") {
	case "", "true":
	case "false":
		w.options.NoAudio = true
	default:
		return w, answer.Field("audio", "bad_audio", "Say audio=true for a stream with sound, audio=false for one without.")
	}
	switch w.media {
	case "mp4", "webrtc", "jpeg":
		return w, nil
	default:
		return w, answer.Field("media", "bad_media", "Say media=mp4 for MP4 over the WebSocket, media=webrtc for WebRTC, media=jpeg for JPEG pictures made of the video.")
	}
}

// ServeHTTP is one viewer of a camera's stream.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request, camera string) {
	wish, err := wishes(r)
	if err != nil {
		answer.Fail(w, err)
		return
	}
	streams := l.cameras
	if wish.media == "jpeg" {
		streams = l.jpeg
	}
	if _, err := streams.View(camera, wish.stream); err != nil {
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
	leave, refusal := streams.Watch(camera, wish.stream)
	if refusal == nil {
		defer leave()
	} else if wish.media != "jpeg" {
		answer.Fail(w, refusal)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // see the package comment
	if err != nil {
		return // answered
	}
	defer conn.CloseNow()
	v := &viewer{conn: conn, streams: streams, camera: camera, stream: wish.stream, options: wish.options, log: l.log.With("camera", camera, "stream", wish.stream)}
	if refusal != nil { // a page cannot read the answer to a handshake
		ctx, cancel := context.WithTimeout(l.ctx, writeTimeout)
		defer cancel()
		if v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeRefused, Reason: refusal.Error()}) == nil {
			_ = conn.Close(websocket.StatusTryAgainLater, "no pictures are made of this stream now")
		}
		return
	}
	// The request's context ends with the hijacking. Reading has a context of its own, as ending it breaks the connection.
	ctx, cancel := context.WithCancel(l.ctx)
	reading, hangUp := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	if wish.media == "webrtc" {
		v.peer = newPeer(l.rtc, cancel)
		defer v.peer.close()
	}
	context.AfterFunc(ctx, func() { time.AfterFunc(goodbyeTimeout, hangUp) })
	helpers.Go(func() { v.listen(reading, cancel) })
	helpers.Go(func() { v.ping(ctx, cancel) })
	defer helpers.Wait()
	defer hangUp()
	defer cancel()
	if err = v.serve(ctx); err != nil && ctx.Err() == nil {
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
