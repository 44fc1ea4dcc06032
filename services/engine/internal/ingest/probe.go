package ingest

import (
	"context"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
)

// probeTimeout bounds a camera test.
const probeTimeout = 10 * time.Second

// Probe connects to a camera, waits for its first keyframe and says what it sends, and by which transport. certificate is
// as in Config. It takes 10 s at most. The error is a *Fault unless ctx ended first.
func Probe(ctx context.Context, a Address, transport api.Transport, certificate string) (api.CameraTest, error) {
	begun := time.Now()
	timeout, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	l := defaultLimits()
	l.request = probeTimeout / 2 // so that another way can be tried
	p := &probe{address: a, limits: l, begun: begun, trust: &trust{pin: certificate}}
	err := waysTo(a.URL, transport).round(timeout, func(w way) outcome { return p.session(timeout, w) })
	switch {
	case p.found != nil:
		return *p.found, nil
	case ctx.Err() != nil:
		return api.CameraTest{}, ctx.Err()
	case timeout.Err() == nil:
		return api.CameraTest{}, err
	case p.connected:
		return api.CameraTest{}, faultOf(errNoKeyframe, false, true)
	}
	return api.CameraTest{}, faultOf(timeout.Err(), false, false)
}

// probe is a camera test under way.
type probe struct {
	address   Address
	limits    limits
	begun     time.Time
	trust     *trust
	connected bool
	found     *api.CameraTest
}

func (p *probe) session(ctx context.Context, w way) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type keyframe struct {
		tracks []media.Track
		at     time.Duration
	}
	first := make(chan keyframe, 1)
	var connected atomic.Bool
	var left []string
	s := &session{
		address: p.address, way: w, trust: p.trust, limits: p.limits,
		clock:  func() time.Duration { return time.Since(p.begun) },
		lost:   func(int64) {},
		report: func(int, time.Duration, int64) {},
		chosen: func(c choice) { connected.Store(true); left = c.left },
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
	err := s.run(ctx)
	p.connected = p.connected || connected.Load()
	select {
	case k := <-first:
		p.found = &api.CameraTest{Transport: w.name(p.address.URL), Tracks: apiTracks(k.tracks),
			FirstKeyframeMs: k.at.Milliseconds(), Certificate: p.trust.accepted(), LeftOut: left}
		return outcome{err: err, came: true, frames: true}
	default:
		return outcome{err: err, came: s.came.Load()}
	}
}
