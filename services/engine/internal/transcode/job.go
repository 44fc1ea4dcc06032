package transcode

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/source"
)

// job is one stream that is made into pictures.
type job struct {
	t              *Transcoder
	camera, stream string
	out            *ring.Ring
	log            *slog.Logger
	ctx            context.Context
	cancel         context.CancelFunc

	watchers int         // under Transcoder.mu, like end
	end      *time.Timer // ends the job; nil while somebody watches

	mu      sync.Mutex
	state   api.CameraState
	failure string // why there is no picture although the camera is live
	changed chan struct{}
}

// look is the job's view.
func (j *job) look() source.View {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := source.View{Ring: j.out, State: j.state, Changed: j.changed}
	if j.failure != "" && v.State.Reason == "" {
		v.State.Reason = j.failure
	}
	return v
}

// become takes over the camera's state.
func (j *job) become(state api.CameraState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	news := state.Status != j.state.Status || state.Reason != j.state.Reason
	if j.state = state; news {
		j.tell()
	}
}

// failing says why there is no picture; empty: there is.
func (j *job) failing(why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != why {
		j.failure = why
		j.tell()
	}
}

// over has whoever watches look for the camera again.
func (j *job) over() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tell()
}

// tell says that look says something else now; mu is held.
func (j *job) tell() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// run makes pictures until the job is cancelled or the camera is gone.
func (j *job) run() {
	defer j.over()
	defer j.out.Close()
	f := source.Follow(j.ctx, j.t.cfg.Streams, j.camera, j.stream, maxLag)
	defer f.Close()
	p := &pipeline{job: j}
	defer p.stop()
	var frames [32]*media.Frame
	for {
		n, broken, err := f.Read(frames[:])
		if err != nil {
			return
		}
		if n == 0 {
			j.become(f.View().State)
		}
		if broken {
			p.waiting = true
		}
		for _, frame := range frames[:n] {
			if err := p.take(frame); err != nil && j.ctx.Err() == nil {
				p.fail(err)
			}
		}
		clear(frames[:n])
	}
}

// many pictures, and a decoder has worked well.
const many = 100

// pipeline is a stream's way through a decoder. take, fail and stop belong to the job's goroutine.
type pipeline struct {
	job      *job
	run      *media.Run // of the newest frame
	muxer    *fmp4.Muxer
	process  *process
	waiting  bool // for a keyframe
	fragment []byte
	failures int
	idle     time.Time // no decoder is started before

	mu  sync.Mutex // push comes from the process's goroutine too
	out *media.Run // of the pictures; nil: none yet
	end int64      // decode time that the next picture must be after, in ticks of out
}

// take passes on one frame.
func (p *pipeline) take(f *media.Frame) error {
	if f.Run != p.run {
		if err := p.begin(f.Run); err != nil {
			return err
		}
	}
	if f.Track != f.Run.Video() {
		p.sound(f)
		return nil
	}
	if p.muxer == nil || p.waiting && !f.Keyframe {
		return nil
	}
	if p.process == nil {
		if !f.Keyframe || time.Now().Before(p.idle) {
			p.waiting = true
			return nil
		}
		if err := p.start(); err != nil {
			return err
		}
	}
	p.waiting = false
	p.fragment = p.muxer.Fragment(p.fragment[:0], []*media.Frame{f}, 0)
	return p.process.write(p.fragment)
}

// begin goes over to another run; a decoder that can go on does.
func (p *pipeline) begin(run *media.Run) error {
	old := p.run
	p.run, p.waiting = run, true
	if p.muxer != nil && old.SameFormat(run) && run.StartNs >= old.StartNs {
		p.muxer.Switch(run)
		return nil
	}
	p.stop()
	p.muxer = nil
	video := run.Video()
	if video < 0 {
		return nil
	}
	m, err := fmp4.Options{NoAudio: true, JPEG: true, MPEG4: true}.NewMuxer(run)
	if err != nil {
		return fmt.Errorf("hand over to the decoder: %w", err)
	}
	p.muxer = m
	return nil
}

// start starts a decoder, and a run of pictures.
func (p *pipeline) start() error {
	init, err := p.muxer.Init()
	if err != nil {
		return err
	}
	t := p.run.Tracks[p.run.Video()]
	out := pictureRun(p.run)
	p.mu.Lock()
	p.out, p.end = out, -1
	p.mu.Unlock()
	p.process, err = p.job.t.start(p.job.ctx, t.Width, t.Height, p.picture)
	if err != nil {
		return err
	}
	return p.process.write(init)
}

// picture takes one from the decoder.
func (p *pipeline) picture(at time.Duration, jpeg []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ticks := ticksOf(at - time.Duration(p.out.StartNs))
	if ticks <= p.end {
		return // pictures come in order
	}
	p.end = ticks
	p.job.out.Push(&media.Frame{Run: p.out, Track: p.out.Video(), Keyframe: true, PTSTicks: ticks, DTSTicks: ticks, ArrivalNs: time.Now().UnixNano(), Payload: jpeg})
	p.job.failing("")
}

// sound passes on a frame of sound, at its own instant.
func (p *pipeline) sound(f *media.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil || p.end < 0 || f.Track >= len(p.out.Tracks) || p.out.Tracks[f.Track].Codec != f.Run.Tracks[f.Track].Codec {
		return
	}
	p.job.out.Push(moved(f, p.out))
}

// fail ends the decoder after an error, and says so; the next one comes later and later.
func (p *pipeline) fail(err error) {
	if p.process != nil {
		if cause := p.process.cause(); cause != nil {
			err = cause
		}
		if p.process.given.Load() > many {
			p.failures = 0
		}
	}
	p.stop()
	p.failures++
	p.idle = time.Now().Add(min(time.Second<<min(p.failures-1, 5), 30*time.Second))
	p.job.log.Warn("video cannot be made into pictures", "err", err)
	p.job.failing("The appliance cannot make pictures of this video; it tries again. It is recorded as usual.")
}

// stop ends the decoder, if one runs.
func (p *pipeline) stop() {
	if p.process != nil {
		p.process.kill()
		p.process = nil
	}
}
