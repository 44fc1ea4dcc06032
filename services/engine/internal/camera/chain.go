package camera

import (
	"context"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/ring"
)

// chainConfig is what a chain depends on. It is comparable: a chain is replaced exactly when it changes, so a new name
// or calendar stops no recording.
type chainConfig struct {
	id, stream, url, username, password string
	transport                           api.Transport
	certificate                         string
	silent                              bool // without sound
}

// chain is one running stream: ingest → ring → two recorders for each kind, the second for what is recorded twice.
type chain struct {
	cfg      chainConfig
	ring     *ring.Ring
	bounds   ring.Config // of ring; guarded by Set.change
	ingest   *ingest.Ingest
	standard recorders
	alarm    recorders
	cancel   context.CancelFunc // ends the ingest
	kill     context.CancelFunc // ends the recorders, whatever they still have to write
	done     sync.WaitGroup
}

// recorders record one stream for one reason.
type recorders struct {
	*record.Recorder
	second *record.Recorder // to another volume, while the camera's plan wants that
}

// startChain starts a stream; before says where its standard footage ends and why it does.
func (s *Set) startChain(ctx context.Context, cfg chainConfig, w *when, bounds ring.Config, beforeMs int64, cause index.Cause, changed func()) *chain {
	c := &chain{cfg: cfg, ring: ring.New(bounds), bounds: bounds}
	c.ingest = ingest.New(ingest.Config{
		Camera: cfg.id, Stream: cfg.stream, URL: cfg.url, Username: cfg.username, Password: cfg.password,
		Transport: cfg.transport, NoAudio: cfg.silent, Certificate: cfg.certificate, Trusted: func(key string) { go s.trusted(cfg.id, cfg.url, key) },
		Ring: c.ring, Log: s.cfg.Log,
		Changed: func() {
			st := c.ingest.State()
			if cause, tentative := causeOf(st); st.Status != api.CameraStateStatusConnecting {
				c.standard.Note(time.Now(), cause, tentative)
			}
			changed()
		},
	})
	ended := make(chan struct{})
	rc := record.Config{
		Camera: cfg.id, Stream: cfg.stream, Archive: s.cfg.Archive, Log: s.cfg.Log, Written: s.cfg.Written,
		// Recording need not be woken for each frame: a tenth of a second's worth at a time costs a tenth of the switches.
		Open: func(atNs int64, from uint64) record.Source {
			return c.ring.NewReader(ring.ReaderConfig{Start: ring.At, AtNs: atNs, From: from, Guaranteed: true, Linger: 100 * time.Millisecond})
		},
		Ended: ended, Limits: w.limits, Lost: func() int64 { return c.ingest.State().LostFrames },
	}
	recordersOf := func(kind index.Kind) recorders {
		rc := rc
		rc.Kind, rc.Schedule = kind, w.schedule(cfg.stream, kind)
		second := rc
		second.Duplicate, second.Archive, second.Schedule = true, s.cfg.Second, w.twice(rc.Schedule)
		if kind == index.Standard {
			rc.Before.EndMs, rc.Before.Cause = beforeMs, cause
		}
		return recorders{record.New(rc), record.New(second)}
	}
	c.standard, c.alarm = recordersOf(index.Standard), recordersOf(index.Alarm)

	ctx, c.cancel = context.WithCancel(ctx)
	hard, kill := context.WithCancel(s.hard)
	c.kill = kill
	c.done.Go(func() {
		// The ring is closed behind the last frame, so that the recorders write all there is before they end.
		defer close(ended)
		defer c.ring.Close()
		_ = c.ingest.Run(ctx) // the context's error
	})
	for _, r := range []*record.Recorder{c.standard.Recorder, c.standard.second, c.alarm.Recorder, c.alarm.second} {
		c.done.Go(func() {
			// Ends with the ring. Without a disk that takes anything that may be never: stop gives up after its grace.
			if err := r.Run(hard); err != nil && hard.Err() == nil {
				s.cfg.Log.Error("recorder ended", "camera", cfg.id, "stream", cfg.stream, "err", err)
			}
		})
	}
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

// bound changes the ring's bounds.
func (c *chain) bound(b ring.Config) {
	if b != c.bounds {
		c.bounds = b
		c.ring.Configure(b)
	}
}

// state merges what ingest and recorders say.
func (c *chain) state() api.CameraState {
	st := c.ingest.State()
	if st.Status != api.CameraStateStatusLive {
		return st
	}
	st.RecordingReason = "Nothing of it is to be recorded now."
	for _, rec := range []record.State{c.alarm.State(), c.standard.State()} { // standard has the last word
		switch {
		case rec.Recording:
			st.Recording, st.Volume, st.RecordingReason = true, rec.Volume, ""
		case rec.Scheduled && !st.Recording:
			st.RecordingReason = rec.Reason
		}
	}
	return st
}

// stream is the state of the stream alone.
func (c *chain) stream() api.StreamState {
	out := c.ingest.Stream()
	live := out.Status == api.StreamStateStatusLive
	for _, r := range []struct {
		kind api.RecordingStateKind
		recorders
	}{{api.RecordingStateKindStandard, c.standard}, {api.RecordingStateKindAlarm, c.alarm}} {
		rec, second := r.State(), r.second.State()
		one := api.RecordingState{Kind: r.kind, Scheduled: rec.Scheduled, Recording: rec.Recording && live}
		switch {
		case one.Recording:
			one.Volume = rec.Volume
		case one.Scheduled && live:
			one.Reason = rec.Reason
		case one.Scheduled:
			one.Reason = out.Reason
		}
		switch {
		case !one.Recording: // of which there is no second
		case second.Recording:
			one.Duplicate = second.Volume
		case second.Scheduled:
			one.DuplicateReason = second.Reason
		}
		out.Recordings = append(out.Recordings, one)
	}
	return out
}
