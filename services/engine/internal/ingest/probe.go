package ingest

import (
	"context"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
)

// probeTimeout bounds a camera test.
const probeTimeout = 10 * time.Second

// Probe connects to a camera, waits for its first keyframe and says what it sends. It takes 10 s at most. The error is
// a *Fault unless ctx ended first.
func Probe(ctx context.Context, a Address) (api.CameraTest, error) {
	begun := time.Now()
	timeout, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	type keyframe struct {
		tracks []media.Track
		at     time.Duration
	}
	first := make(chan keyframe, 1)
	connected := make(chan struct{}, 1)
	s := &session{
		address: a, transport: api.TransportTCP, limits: defaultLimits(),
		clock:  func() time.Duration { return time.Since(begun) },
		lost:   func(int64) {},
		report: func(int, time.Duration, int64) {},
		chosen: func(choice) { connected <- struct{}{} },
		deliver: func(u unit) {
			if u.track == 0 && u.key {
				select {
				case first <- keyframe{u.tracks, u.arrival}:
					cancel()
				default:
				}
			}
		},
	}
	err := s.run(timeout)
	select {
	case k := <-first:
		return api.CameraTest{Tracks: apiTracks(k.tracks), FirstKeyframeMs: k.at.Milliseconds()}, nil
	default:
	}
	switch {
	case ctx.Err() != nil:
		return api.CameraTest{}, ctx.Err()
	case timeout.Err() == nil:
		return api.CameraTest{}, err
	}
	select {
	case <-connected:
		return api.CameraTest{}, faultOf(errNoKeyframe, false, true)
	default:
		return api.CameraTest{}, faultOf(timeout.Err(), false, false)
	}
}
