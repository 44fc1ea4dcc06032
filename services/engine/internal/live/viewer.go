package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/source"
)

// viewer is one WebSocket.
type viewer struct {
	conn    *websocket.Conn
	streams source.Streams
	camera  string
	stream  string
	options fmp4.Options
	log     *slog.Logger
	talked  atomic.Bool // the client sent something that is not expected
	peer    *peer       // nil: MP4 over the WebSocket

	follower *source.Follower
	told     api.LiveMessage

	mux     *fmp4.Muxer // nil until the first run, and while the run cannot be shown
	run     *media.Run
	pending []*media.Frame // of run, not sent yet
	bytes   int            // payload of pending
	video   bool           // pending has video
	buf     []byte
}

// listen handles pongs, closes and the offer, and ends the viewer when the client closes, is gone, or says anything else.
func (v *viewer) listen(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	if v.peer != nil && !v.peer.listen(ctx, v.conn) {
		v.talked.Store(true)
		return
	}
	if _, _, err := v.conn.Reader(ctx); err == nil {
		v.talked.Store(true)
	}
}

// ping finds clients that are gone without a word.
func (v *viewer) ping(ctx context.Context, cancel context.CancelFunc) {
	t := time.NewTicker(pingPeriod)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		patience, done := context.WithTimeout(ctx, pingPeriod)
		err := v.conn.Ping(patience)
		done()
		if err != nil {
			cancel()
			return
		}
	}
}

// serve sends until the client or the camera is gone.
func (v *viewer) serve(ctx context.Context) error {
	v.follower = source.Follow(ctx, v.streams, v.camera, v.stream, maxLag)
	defer v.follower.Close()
	var frames [32]*media.Frame
	for {
		n, broken, err := v.follower.Read(frames[:])
		if err != nil {
			if ctx.Err() == nil {
				return v.conn.Close(websocket.StatusNormalClosure, "the camera was removed")
			}
			return err
		}
		if broken {
			v.drop()
		}
		if err := v.state(ctx, v.follower.View()); err != nil {
			return err
		}
		for _, f := range frames[:n] {
			err := v.add(ctx, f)
			if errors.Is(err, errAnew) { // what else was read comes again, or is not wanted
				v.follower.Anew()
				break
			}
			if err != nil {
				return err
			}
		}
		if err := v.flush(ctx, false); err != nil {
			return err
		}
		clear(frames[:n])
	}
}

// add queues a frame, sending what must go before it.
func (v *viewer) add(ctx context.Context, f *media.Frame) error {
	if v.peer != nil {
		return v.pass(ctx, f)
	}
	if f.Run != v.run {
		if err := v.flush(ctx, true); err != nil {
			return err
		}
		if err := v.begin(ctx, f.Run); err != nil {
			return err
		}
	}
	if v.mux == nil || !v.mux.Takes(f.Track) {
		return nil
	}
	if v.bytes >= maxMessage && f.Track == f.Run.Video() {
		if err := v.write(ctx, f.DTSTicks); err != nil {
			return err
		}
	}
	v.pending = append(v.pending, f)
	v.bytes += len(f.Payload)
	v.video = v.video || f.Track == f.Run.Video()
	return nil
}

// begin sends the initialisation segment of a run, unless the one before serves.
func (v *viewer) begin(ctx context.Context, run *media.Run) error {
	old := v.run
	v.run = run
	if v.mux != nil && old.SameFormat(run) {
		v.mux.Switch(run)
		return nil
	}
	m, err := v.options.NewMuxer(run)
	var init []byte
	if err == nil {
		init, err = m.Init()
	}
	if err != nil {
		v.mux = nil
		v.log.Info("stream cannot be shown", "err", err)
		reason := "The camera's stream is recorded but cannot be shown in a browser."
		if u := new(fmp4.UnplayableError); errors.As(err, &u) {
			return v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeUnplayable, Reason: fmt.Sprintf("Browsers cannot show %s video.", u.Codec)})
		}
		return v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeState, Status: string(api.CameraStateStatusLive), Reason: reason})
	}
	v.mux = m
	if err := v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeInit, Mime: m.Mime()}); err != nil {
		return err
	}
	return v.binary(ctx, init)
}

// flush sends what is pending if it is worth a fragment; all of it when the run is over.
func (v *viewer) flush(ctx context.Context, over bool) error {
	switch {
	case len(v.pending) == 0:
		return nil
	case over:
	case !v.video && v.audioHeld() < maxAudioHeld:
		return nil // goes with the next picture
	case !v.mux.CanEstimate(v.pending):
		return nil // the first picture of a run: how long it lasts shows with the second
	}
	return v.write(ctx, 0)
}

// audioHeld is the time that pending covers; it has no video.
func (v *viewer) audioHeld() time.Duration {
	first, last := v.pending[0], v.pending[len(v.pending)-1]
	return time.Duration(last.TimeNs() - first.TimeNs())
}

// write sends pending as one fragment. nextDTS is that of the following picture, 0 when unknown.
func (v *viewer) write(ctx context.Context, nextDTS int64) error {
	v.buf = v.mux.Fragment(v.buf[:0], v.pending, nextDTS)
	v.drop()
	err := v.binary(ctx, v.buf)
	if cap(v.buf) > 2*maxMessage {
		v.buf = nil
	}
	return err
}

// drop forgets what is pending.
func (v *viewer) drop() {
	clear(v.pending)
	v.pending, v.bytes, v.video = v.pending[:0], 0, false
}

// state tells the camera's state when it is worth telling: when it changes, and at first when there is no picture.
func (v *viewer) state(ctx context.Context, view source.View) error {
	m := api.LiveMessage{Type: api.LiveMessageTypeState, Status: string(view.State.Status), Reason: view.State.Reason}
	first := v.told == api.LiveMessage{}
	if m == v.told {
		return nil
	}
	v.told = m
	if first && view.State.Status == api.CameraStateStatusLive {
		return nil
	}
	return v.text(ctx, m)
}

func (v *viewer) text(ctx context.Context, m api.LiveMessage) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	return v.message(ctx, websocket.MessageText, b)
}

func (v *viewer) binary(ctx context.Context, b []byte) error {
	return v.message(ctx, websocket.MessageBinary, b)
}

func (v *viewer) message(ctx context.Context, t websocket.MessageType, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Ending a write's context would break the connection before the client is told why; what ends a write that hangs is
	// that the viewer hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return v.conn.Write(ctx, t, b)
}
