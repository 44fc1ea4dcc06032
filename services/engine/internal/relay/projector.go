package relay

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pion/rtcp"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/pack"
)

// projector plays one order.
type projector struct {
	order
	reel  reel
	queue *queue
	flows [2]*flow
	want  [2]bool

	run      *media.Run // of the newest frame
	fits     [2]bool    // what it consists of is what the client knows
	anchored bool
	mediaNs  int64     // this instant of the recording is sent at
	rtpNs    int64     // this time of RTP, and at
	wall     time.Time // this time of the clock
	newestNs int64     // of RTP, given so far
	pending  *shot     // not sent yet: what follows tells whether it is the last
}

// shot is a frame with what is to be told of it.
type shot struct {
	frame *media.Frame
	rtpNs int64
	jump  bool
	sets  pack.Sets
}

// play plays to the end of the order, or until ctx ends.
func (g *projector) play(ctx context.Context) {
	defer g.reel.close()
	run := g.forwards
	if g.scale < 0 {
		run = g.backwards
	}
	if err := run(ctx); !errors.Is(err, io.EOF) {
		return
	}
	if g.flush(ctx, true) == nil {
		g.bye(ctx)
	}
}

// forwards ends with io.EOF, or the context's error.
func (g *projector) forwards(ctx context.Context) error {
	for {
		f, jump, err := g.reel.next()
		switch {
		case errors.Is(err, errEdge) && g.toNs == 0 && g.paced:
			if err := g.flush(ctx, false); err != nil {
				return err
			}
			if err := pause(ctx, edgeEvery); err != nil {
				return err
			}
			continue
		case err != nil:
			return io.EOF
		case g.toNs > 0 && f.TimeNs() >= g.toNs:
			if f.Keyframe && kind(f) == 0 {
				return io.EOF
			}
			continue // pictures before the end may yet come: they are in order of decoding
		}
		if err := g.show(ctx, f, jump); err != nil {
			return err
		}
	}
}

// backwards plays GOP by GOP, each forwards, the newest first.
func (g *projector) backwards(ctx context.Context) error {
	for {
		gop, jump, err := g.reel.previous()
		if err != nil || g.toNs > 0 && gop[0].TimeNs() < g.toNs {
			return io.EOF
		}
		for i, f := range gop {
			if err := g.show(ctx, f, i == 0 && (jump || !g.keys)); err != nil {
				return err
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// show sends the frame before, and keeps this one until it is due.
func (g *projector) show(ctx context.Context, f *media.Frame, jump bool) error {
	m := kind(f)
	if m == 1 && g.scale != 1 { // sound makes sense at its own speed only
		return nil
	}
	if jump || !g.anchored {
		if m == 1 {
			g.reel.jump = true // of what came before; the picture begins
			return nil
		}
		if err := g.flush(ctx, jump && g.anchored); err != nil {
			return err
		}
		g.anchor(f)
		if err := g.report(ctx, f.TimeNs()); err != nil {
			return err
		}
	} else if err := g.flush(ctx, false); err != nil {
		return err
	}
	sets := g.know(f)
	if g.flows[m] == nil || !g.want[m] || !g.fits[m] {
		return nil
	}
	s := &shot{frame: f, rtpNs: g.rtpNs + g.scaled(f.TimeNs()-g.mediaNs), jump: jump, sets: sets}
	g.newestNs = max(g.newestNs, s.rtpNs)
	if g.paced {
		if wait := time.Until(g.wall.Add(time.Duration(s.rtpNs - g.rtpNs))); wait > 0 {
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
	}
	g.pending = s
	if !g.onvif { // nobody is told of ends
		return g.flush(ctx, false)
	}
	return nil
}

// anchor begins a piece that does not follow from what came before.
func (g *projector) anchor(f *media.Frame) {
	now := time.Now()
	if g.anchored {
		next := g.newestNs + int64(frameGap)
		g.wall = g.wall.Add(time.Duration(next - g.rtpNs))
		g.rtpNs = next
	}
	if g.wall.Before(now) || !g.anchored {
		g.wall = now
	}
	g.anchored, g.mediaNs, g.newestNs = true, f.TimeNs(), max(g.newestNs, g.rtpNs)
}

// scaled is how far an instant of the recording is from the anchor as it is sent: at other speeds than the usual, as it is
// shown. What is not paced keeps its distances.
func (g *projector) scaled(ns int64) int64 {
	if g.keys && g.scale < 0 {
		ns = -ns
	}
	if !g.paced {
		return ns
	}
	return int64(float64(ns) / max(g.scale, -g.scale))
}

// know takes up what a frame's run consists of, and returns the parameter sets that must go before it.
func (g *projector) know(f *media.Frame) pack.Sets {
	if f.Run == g.run || kind(f) == 1 {
		return nil
	}
	same := g.run != nil && g.run.SameFormat(f.Run)
	g.run = f.Run
	for m, fl := range g.flows {
		g.fits[m] = false
		for i := range f.Run.Tracks {
			if t := &f.Run.Tracks[i]; fl != nil && t.Codec.IsVideo() == (m == 0) {
				g.fits[m] = fl.track.Codec == t.Codec && fl.track.ClockRate == t.ClockRate && fl.track.Channels == t.Channels &&
					(m == 0 || string(fl.track.Config) == string(t.Config))
			}
		}
	}
	t := &f.Run.Tracks[f.Track]
	if same || !t.Codec.HasNALUs() || pack.HasSets(t.Codec, f.Payload) {
		return nil
	}
	return pack.ParameterSets(t)
}

// flush sends the frame that is pending; last tells that nothing follows from it.
func (g *projector) flush(ctx context.Context, last bool) error {
	s := g.pending
	if s == nil {
		return nil
	}
	g.pending = nil
	m := kind(s.frame)
	fl := g.flows[m]
	h := pack.Head{Channel: byte(2 * m), Type: fl.type_, SSRC: fl.ssrc, Sequence: fl.sequence, Timestamp: fl.stamp(s.rtpNs)}
	if g.onvif {
		h.Replay = &pack.Replay{TimeNs: s.frame.TimeNs(), Keyframe: s.frame.Keyframe && m == 0, Last: last, Discontinuity: s.jump, Sequence: g.sequence}
	}
	b, n, err := pack.Append(nil, h, &s.frame.Run.Tracks[s.frame.Track], s.sets, s.frame.Payload)
	if err != nil {
		return nil // it cannot be sent, and nothing else depends on that
	}
	fl.sequence += uint16(n)
	fl.packets += uint32(n)
	fl.bytes += uint32(len(s.frame.Payload))
	one := queued{b: b, rtpNs: s.rtpNs}
	if m == 0 {
		one.ns = s.frame.TimeNs()
	}
	return g.queue.put(ctx, one)
}

// report tells the true time of what is sent from the anchor on. At other speeds than the usual that holds for an instant
// only, and nobody is told.
func (g *projector) report(ctx context.Context, ns int64) error {
	if g.scale != 1 {
		return nil
	}
	for m, fl := range g.flows {
		if fl != nil && g.want[m] {
			if err := g.queue.put(ctx, queued{b: fl.report(m, ns, fl.stamp(g.rtpNs)), rtpNs: g.rtpNs}); err != nil {
				return err
			}
		}
	}
	return nil
}

// bye says that nothing follows (RFC 3550 §6.6).
func (g *projector) bye(ctx context.Context) {
	for m, fl := range g.flows {
		if fl == nil || !g.want[m] {
			continue
		}
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: fl.ssrc}, &rtcp.Goodbye{Sources: []uint32{fl.ssrc}}})
		if err != nil {
			return // cannot be: all of it is ours
		}
		if g.queue.put(ctx, queued{b: append([]byte{'$', byte(2*m + 1), byte(len(b) >> 8), byte(len(b))}, b...), rtpNs: g.newestNs}) != nil {
			return
		}
	}
}
