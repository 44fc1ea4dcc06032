package ingest

import (
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/history"
	"vigie/services/engine/internal/media"
)

// State returns the stream's state; what concerns recording is left empty.
func (i *Ingest) State() api.CameraState {
	now := i.clock()
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.state
	if s.Status == api.CameraStateStatusLive {
		s.BitrateBps, s.FramesPerSecond = i.meter.rates(now)
		s.GopMs = i.meter.gopTicks / 90
	}
	s.Tracks = apiTracks(i.tracks)
	s.Reconnects = max(0, i.sessions-1)
	return s
}

// Stream returns the same as one of a camera's streams; what concerns recording is left empty.
func (i *Ingest) Stream() api.StreamState {
	s := i.State()
	clock := i.Clock()
	i.mu.Lock()
	defer i.mu.Unlock()
	out := api.StreamState{
		Name: api.StreamName(i.cfg.Stream), Status: api.StreamStateStatus(s.Status), Code: s.Code, Reason: s.Reason,
		SinceMs: s.SinceMs, RetryMs: s.RetryMs, Tracks: s.Tracks, BitrateBps: s.BitrateBps, FramesPerSecond: s.FramesPerSecond,
		GopMs: s.GopMs, Reconnects: s.Reconnects, LostFrames: s.LostFrames, Certificate: i.refused,
		Recordings: []api.RecordingState{},
	}
	if s.Status == api.CameraStateStatusLive {
		out.Transport = i.way.name(i.cfg.URL)
		out.Clock = clock
		out.LeftOut = slices.Clone(i.left)
	}
	return out
}

// Counters returns what the history of the stream is made of.
func (i *Ingest) Counters() history.Counters {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.meter.total
	c.Began = i.started
	if i.sessionRun && i.state.Status == api.CameraStateStatusLive {
		c.Online += i.clock() - i.meter.since
	}
	c.Lost, c.Reconnects = i.state.LostFrames, max(0, i.sessions-1)
	return c
}

// offline notes why a round ended and when the next begins.
func (i *Ingest) offline(err error, wait time.Duration) {
	f := faultOf(err, i.cfg.Username != "", true)
	now := i.cfg.Now()
	i.mu.Lock()
	turned := i.state.Status != api.CameraStateStatusOffline || i.state.Code != f.Code
	if i.state.Status != api.CameraStateStatusOffline {
		i.state.SinceMs = now.UnixMilli()
	}
	i.state.Status, i.state.Code, i.state.Reason = api.CameraStateStatusOffline, f.Code, f.Reason
	i.state.RetryMs = now.Add(wait).UnixMilli()
	i.refused = f.Key
	i.mu.Unlock()
	if turned {
		i.log.Warn("camera is offline", "code", f.Code, "err", f.Err)
		i.changed()
	}
}

// setLeft notes what of the camera's offer cannot be fetched, and logs it when it is news.
func (i *Ingest) setLeft(left []string) {
	i.mu.Lock()
	news := !slices.Equal(i.left, left)
	i.left = left
	i.mu.Unlock()
	if !news {
		return
	}
	for _, text := range left {
		i.log.Info("not all that the camera offers is fetched", "reason", text)
	}
}

// waiting notes that the camera sends, but no keyframe yet. The session goes on.
func (i *Ingest) waiting() {
	i.mu.Lock()
	i.state.Code, i.state.Reason, i.state.RetryMs = "no_keyframe", "The camera sends video; its first keyframe is waited for. Set its keyframe interval (GOP) to a few seconds.", 0
	i.mu.Unlock()
	i.changed()
}

// trusted tells which certificate the camera is known by from now on.
func (i *Ingest) trusted() {
	if key := i.trust.accepted(); key != "" && key != i.trust.known() {
		i.trust.pinTo(key)
		i.log.Info("the camera is known by its certificate from now on", "key", key)
		if i.cfg.Trusted != nil {
			i.cfg.Trusted(key)
		}
	}
}

// apiTracks describes tracks as the API does.
func apiTracks(tracks []media.Track) []api.Track {
	var out []api.Track
	for i := range tracks {
		t := &tracks[i]
		if t.Codec.IsVideo() {
			out = append(out, api.Track{Kind: api.TrackKindVideo, Codec: string(t.Codec), Width: t.Width, Height: t.Height})
		} else {
			out = append(out, api.Track{Kind: api.TrackKindAudio, Codec: string(t.Codec), SampleRateHz: t.SampleRate, Channels: t.Channels})
		}
	}
	return out
}
