package camera

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/ring"
)

// chainConfig is what a chain depends on. It is comparable: a chain is replaced exactly when it changes, so a new name
// stops no recording.
type chainConfig struct {
	id, url, username, password string
	transport                   api.Transport
}

// chain is one running camera: ingest → ring → recorder.
type chain struct {
	cfg     chainConfig
	ring    *ring.Ring
	ingest  *ingest.Ingest
	record  *record.Recorder
	offline atomic.Bool        // since the recorder last asked
	cancel  context.CancelFunc // ends the ingest
	kill    context.CancelFunc // ends the recorder, whatever it still has to write
	done    sync.WaitGroup
}

// startChain starts a camera; before says where its footage ends and why it does.
func (s *Set) startChain(ctx context.Context, cfg chainConfig, beforeMs int64, cause index.Cause, changed func()) *chain {
	c := &chain{cfg: cfg, ring: ring.New(s.cfg.Ring)}
	c.ingest = ingest.New(ingest.Config{
		Camera: cfg.id, Stream: MainStream, URL: cfg.url, Username: cfg.username, Password: cfg.password,
		Transport: cfg.transport, Ring: c.ring, Log: s.cfg.Log,
		Changed: func() {
			st := c.ingest.State()
			if st.Status == api.CameraStateStatusOffline {
				c.offline.Store(true)
			}
			if cause, tentative := causeOf(st); st.Status != api.CameraStateStatusConnecting {
				c.record.Note(time.Now(), cause, tentative)
			}
			changed()
		},
	})
	// Recording need not be woken for each frame: a tenth of a second's worth at a time costs a tenth of the switches.
	reader := c.ring.NewReader(ring.ReaderConfig{Start: ring.Oldest, Guaranteed: true, Linger: 100 * time.Millisecond})
	rc := record.Config{
		Camera: cfg.id, Stream: MainStream, Kind: index.Standard, Source: reader, Archive: s.cfg.Archive, Log: s.cfg.Log,
		Written: s.cfg.Written, Offline: func() bool { return c.offline.Swap(false) },
		Lost: func() int64 { return c.ingest.State().LostFrames },
	}
	rc.Before.EndMs, rc.Before.Cause = beforeMs, cause
	c.record = record.New(rc)

	ctx, c.cancel = context.WithCancel(ctx)
	hard, kill := context.WithCancel(s.hard)
	c.kill = kill
	c.done.Go(func() {
		// The ring is closed behind the last frame, so that the recorder writes all there is before it ends.
		defer c.ring.Close()
		_ = c.ingest.Run(ctx) // the context's error
	})
	c.done.Go(func() {
		defer reader.Close()
		// Ends with the ring. Without a disk that takes anything that may be never: stop gives up after its grace.
		if err := c.record.Run(hard); err != nil && hard.Err() == nil {
			s.cfg.Log.Error("recorder ended", "camera", cfg.id, "err", err)
		}
	})
	return c
}

// stop ends the chain and waits for it. What the ring still holds is written; after grace, what no disk has taken is
// given up.
func (c *chain) stop(grace time.Duration) {
	c.cancel()
	defer c.kill()
	defer time.AfterFunc(grace, c.kill).Stop()
	c.done.Wait()
}

// state merges what ingest and recorder say.
func (c *chain) state() api.CameraState {
	st := c.ingest.State()
	rec := c.record.State()
	st.Recording = rec.Recording && st.Status == api.CameraStateStatusLive
	if st.Recording {
		st.Volume = rec.Volume
	} else if st.Status == api.CameraStateStatusLive {
		st.RecordingReason = rec.Reason
	}
	return st
}
