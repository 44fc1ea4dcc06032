package source

import (
	"context"
	"errors"
	"io"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

// Follower reads one stream through all that happens to it: from ring to ring as its camera goes and comes, beginning each
// time with the newest keyframe of a camera that is live. It is lossy: one that does not keep up skips to the newest
// keyframe, and slows nobody. For one goroutine.
type Follower struct {
	ctx            context.Context
	streams        Streams
	camera, stream string
	maxLag         time.Duration

	view    View
	reading context.Context // ends when the view may have changed
	stop    context.CancelFunc
	of      *ring.Ring
	reader  *ring.Reader // of it; nil: there is nothing to come from it
}

// Follow returns a follower, which skips when it is maxLag behind. Close it when done.
func Follow(ctx context.Context, streams Streams, camera, stream string, maxLag time.Duration) *Follower {
	ended, stop := context.WithCancel(ctx)
	stop() // so that the first Read looks
	return &Follower{ctx: ctx, streams: streams, camera: camera, stream: stream, maxLag: maxLag, reading: ended, stop: stop}
}

// View is what Read saw last.
func (f *Follower) View() View { return f.view }

// Read waits for frames and fills dst with what there is. broken tells that what came before does not go on: frames were
// skipped, or the camera was away. It returns no frames when the view may have changed, at first always; with the context's
// error; and with that of Streams.View, once the camera is gone.
func (f *Follower) Read(dst []*media.Frame) (n int, broken bool, err error) {
	for {
		if err := f.ctx.Err(); err != nil {
			return 0, false, err
		}
		if f.reading.Err() != nil {
			broken, err = f.look()
			return 0, broken, err
		}
		if f.reader == nil {
			<-f.reading.Done()
			continue
		}
		n, lost, err := f.reader.Read(f.reading, dst)
		switch {
		case err == nil:
			return n, lost > 0, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			f.close() // this ring gets no more; another one, if any, comes with the next view
		}
	}
}

// Anew goes back to the newest keyframe held.
func (f *Follower) Anew() {
	if f.reader != nil {
		f.reader.Close()
		f.reader = f.of.NewReader(ring.ReaderConfig{Start: ring.NewestKeyframe, MaxLag: f.maxLag})
	}
}

// Close ends it.
func (f *Follower) Close() {
	f.stop()
	f.close()
}

func (f *Follower) close() {
	if f.reader != nil {
		f.reader.Close()
		f.reader = nil
	}
}

// look takes the view anew, and its ring if that is another one.
func (f *Follower) look() (another bool, err error) {
	if f.view, err = f.streams.View(f.camera, f.stream); err != nil {
		return false, err
	}
	f.stop()
	f.reading, f.stop = context.WithCancel(f.ctx)
	go func(changed <-chan struct{}, reading context.Context, stop context.CancelFunc) {
		select {
		case <-changed:
			stop()
		case <-reading.Done():
		}
	}(f.view.Changed, f.reading, f.stop)
	if f.view.Ring == f.of {
		return false, nil
	}
	f.close()
	if f.of = f.view.Ring; f.of == nil {
		return true, nil
	}
	start := ring.NextKeyframe // what is left in the ring of a camera that is away is no live picture
	if f.view.State.Status == api.CameraStateStatusLive {
		start = ring.NewestKeyframe
	}
	f.reader = f.of.NewReader(ring.ReaderConfig{Start: start, MaxLag: f.maxLag})
	return true, nil
}
