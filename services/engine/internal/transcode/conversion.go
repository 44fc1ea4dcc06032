package transcode

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
)

const (
	groupTicks = clockRate / 2 // of pictures that are given together; the first one comes alone, so that it is there at once
	groupBytes = 2 << 20
	// placeWithin is how long a conversion waits for others to end.
	placeWithin = 5 * time.Second
)

// Conversion makes pictures of recorded footage: all of them, unlike those of live streams, so that they can be stepped
// through. Close gives its place to others.
type Conversion struct {
	t   *Transcoder
	ctx context.Context
	in  *media.Run
	out *media.Run
}

// Convert takes a place for footage of a run, and of others of its format. Errors for people are an *answer.Problem.
func (t *Transcoder) Convert(ctx context.Context, run *media.Run) (*Conversion, error) {
	if !t.Available() {
		return nil, noDecoder()
	}
	timer := time.NewTimer(placeWithin)
	defer timer.Stop()
	select {
	case t.conversions <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		p := answer.Refuse(http.StatusServiceUnavailable, "too_many_decoders",
			"The appliance already decodes as many recordings for browsers that cannot as it does at a time. Close some, or use a browser that plays this video.")
		p.Detail.RetryAfterMs = 5000
		return nil, p
	}
	return &Conversion{t: t, ctx: ctx, in: run, out: pictureRun(run)}, nil
}

// pictureRun is a run whose video has become pictures.
func pictureRun(run *media.Run) *media.Run {
	out := &media.Run{Camera: run.Camera, Stream: run.Stream, StartNs: run.StartNs}
	for i, in := range run.Tracks {
		if i == run.Video() {
			w, h := fit(in.Width, in.Height)
			in = media.Track{Codec: media.MJPEG, ClockRate: clockRate, Width: w, Height: h}
		}
		out.Tracks = append(out.Tracks, in)
	}
	return out
}

// Close gives the place back.
func (c *Conversion) Close() { <-c.t.conversions }

// Run is the pictures' run: the footage's, with Motion JPEG for its video.
func (c *Conversion) Run() *media.Run { return c.out }

// Do takes whole GOPs from next until there are no more (nil), and hands over what becomes of them to give: pictures, each
// a keyframe, and the sound of their time, all of Run; next is then the ticks of the picture that follows, 0 for the last.
// give is called from another goroutine, but not after Do has returned. An error of either ends it.
func (c *Conversion) Do(next func() ([]*media.Frame, error), give func(frames []*media.Frame, nextTicks int64) error) error {
	gop, err := next()
	if err != nil || len(gop) == 0 {
		return err
	}
	muxer, err := fmp4.Options{NoAudio: true, JPEG: true, MPEG4: true}.NewMuxer(c.in)
	if err != nil {
		return fmt.Errorf("hand over to the decoder: %w", err)
	}
	fragment, err := muxer.Init()
	if err != nil {
		return err
	}
	track := c.in.Tracks[c.in.Video()]
	g := &gathering{out: c.out, give: give, last: -1}
	w, h := fit(track.Width, track.Height)
	p, err := c.t.run(c.ctx, []string{"-vf", fmt.Sprintf("scale=%d:%d:flags=fast_bilinear:out_range=full,format=yuvj420p", w, h)}, g.picture)
	if err != nil {
		return err
	}
	defer p.kill()
	for len(gop) > 0 {
		if gop[0].Run != muxer.Run() {
			muxer.Switch(gop[0].Run)
		}
		video := gop[:0:0]
		for _, f := range gop {
			if f.Track == f.Run.Video() {
				video = append(video, f)
			} else {
				g.sound(f)
			}
		}
		if err := p.write(muxer.Fragment(fragment, video, 0)); err != nil {
			return err
		}
		fragment = fragment[:0]
		if err := g.failure(); err != nil {
			return err
		}
		if gop, err = next(); err != nil {
			return err
		}
	}
	if err := p.finish(); err != nil {
		return err
	}
	return g.end()
}

// gathering collects what a decoder gives, and sound, into groups.
type gathering struct {
	out  *media.Run
	give func([]*media.Frame, int64) error

	mu       sync.Mutex
	pictures []*media.Frame
	sounds   []*media.Frame
	bytes    int
	last     int64 // ticks of the newest picture
	given    bool
	err      error
}

// picture takes one from the decoder. They come in order.
func (g *gathering) picture(at time.Duration, jpeg []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ticks := ticksOf(at - time.Duration(g.out.StartNs))
	if g.err != nil || ticks <= g.last {
		return
	}
	g.last = ticks
	if n := len(g.pictures); n > 0 && (!g.given || ticks-g.pictures[0].PTSTicks >= groupTicks || g.bytes >= groupBytes) {
		g.err = g.pass(ticks)
	}
	g.pictures = append(g.pictures, &media.Frame{Run: g.out, Track: g.out.Video(), Keyframe: true, PTSTicks: ticks, DTSTicks: ticks, Payload: jpeg})
	g.bytes += len(jpeg)
}

// pass gives the pictures there are, with the sound until the next one; 0: with all of it.
func (g *gathering) pass(nextTicks int64) error {
	group := g.pictures
	untilNs := g.out.TimeNs(g.out.Video(), nextTicks)
	n := 0
	for n < len(g.sounds) && (nextTicks == 0 || g.sounds[n].TimeNs() < untilNs) {
		n++
	}
	group = append(group, g.sounds[:n]...)
	g.sounds = g.sounds[n:]
	g.pictures, g.bytes, g.given = nil, 0, true
	return g.give(group, nextTicks)
}

// sound keeps a frame of sound for the pictures of its time.
func (g *gathering) sound(f *media.Frame) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sounds = append(g.sounds, moved(f, g.out))
}

func (g *gathering) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// end gives what is left.
func (g *gathering) end() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil || len(g.pictures) == 0 {
		return g.err
	}
	return g.pass(0)
}

// moved is a frame at its own instant in another run.
func moved(f *media.Frame, run *media.Run) *media.Frame {
	same := *f
	shift := (f.Run.StartNs - run.StartNs) / 1000 * int64(f.Run.Tracks[f.Track].ClockRate) / 1e6
	same.Run, same.PTSTicks, same.DTSTicks = run, f.PTSTicks+shift, f.DTSTicks+shift
	return &same
}
