// Package ingest fetches one stream of one camera over RTSP and pushes its frames into a ring.
//
// It owns the connection, the way from RTP packets to frames on UTC, and the camera's state in words. It keeps trying:
// after a failure it waits 0.5 s, doubling to 30 s, with jitter, and forgets the back-off once a session was stable.
//
// Invariants:
//   - A run begins with a keyframe; a frame is pushed only when every frame that it builds on was pushed. After a loss
//     the rest of the GOP is left out and counted.
//   - Decode times of a track of a run always grow. How they relate to UTC is told at type stamper.
//   - Access unit delimiters and filler data are left out of payloads; everything else a camera puts into an access
//     unit stays, parameter sets and SEI included.
//   - A codec or parameter sets that change in mid-stream begin a run, and cost no frame.
//   - User and password never reach the log, a state or an error.
//
// A session plays over one transport (type way); which ones are tried, and in which order, is told at type ways. How RTSP is
// spoken is told at method session.play, which of a camera's medias are fetched at choose, what is made of the packets at
// type intake; connections, within TLS or through HTTP, at type dialer, multicast at type groups; which certificates are trusted at type trust; when a session has come to nothing at intake.judge.
//
// Concurrency: Run belongs to one goroutine; State may be called from anywhere. Frames are made in the RTSP client's
// read loop, which must never block: the ring does not. A camera that is down costs one timer.
package ingest

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

const (
	minBackoff  = 500 * time.Millisecond
	maxBackoff  = 30 * time.Second
	stableAfter = 20 * time.Second // of frames, after which the back-off is forgotten
)

// Config describes a stream to fetch. Ring and Log must be set.
type Config struct {
	Camera   string // camera id
	Stream   string // "main", "sub"
	URL      string // as ParseURL returns it
	Username string
	Password string
	// Transport is how to fetch; auto, or nothing, takes what works.
	Transport api.Transport
	// Certificate is the key of the one that the camera is known by (see ValidKey); empty: the first is trusted.
	Certificate string
	NoAudio     bool // the sound is not fetched
	Ring        *ring.Ring
	Log         *slog.Logger
	Now         func() time.Time // UTC; nil: time.Now
	Changed     func()           // called after each change of status, from any goroutine; must not block; may be nil
	// Trusted is called, from any goroutine, when frames came from a camera known by another certificate than before: the
	// first, or one that is vouched for. It must not block; may be nil.
	Trusted func(key string)
}

// Ingest fetches one stream. Make one with New.
type Ingest struct {
	cfg     Config
	log     *slog.Logger
	started time.Time // base of the session clock
	limits  limits
	clocks  clockMemory // of Run's sessions
	ways    *ways       // of Run
	trust   *trust

	mu         sync.Mutex
	state      api.CameraState // without what is derived on reading
	way        way             // of the present session
	refused    string          // key of the certificate that was refused last
	left       []string        // what the camera offers that cannot be fetched, as of its last session
	meter      meter
	tracks     []media.Track
	run        *media.Run
	sessions   int64         // that delivered frames
	liveSince  time.Duration // session clock
	sessionRun bool          // this session has delivered a frame
	times      api.StreamClock
	timesAt    time.Duration // session clock
}

// New returns an Ingest that does nothing until Run.
func New(cfg Config) *Ingest {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	i := &Ingest{cfg: cfg, log: cfg.Log.With("camera", cfg.Camera, "stream", cfg.Stream), started: time.Now(), limits: defaultLimits(),
		ways: waysTo(cfg.URL, cfg.Transport), trust: &trust{pin: cfg.Certificate}}
	i.times = api.StreamClock{Source: api.StreamClockSourceArrival}
	i.state = api.CameraState{Status: api.CameraStateStatusConnecting, SinceMs: cfg.Now().UnixMilli()}
	return i
}

// Run fetches until the context ends and returns its error.
func (i *Ingest) Run(ctx context.Context) error {
	backoff := minBackoff
	for {
		err := i.ways.round(ctx, func(w way) outcome { return i.session(ctx, w) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if i.stable() {
			backoff = minBackoff
		}
		wait := min(maxBackoff, backoff*3/4+rand.N(backoff/2))
		backoff = min(2*backoff, maxBackoff)
		i.offline(err, wait)
		if !i.rest(ctx, wait) {
			return ctx.Err()
		}
	}
}

// rest waits, letting go of footage that gets too old meanwhile.
func (i *Ingest) rest(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		i.cfg.Ring.Expire()
		return true
	case <-ctx.Done():
		return false
	}
}

// session fetches once, by one way.
func (i *Ingest) session(ctx context.Context, w way) outcome {
	address, err := ParseURL(i.cfg.URL)
	if err != nil {
		return outcome{err: err}
	}
	address.Username, address.Password = i.cfg.Username, i.cfg.Password
	i.mu.Lock()
	i.sessionRun, i.way = false, w
	i.mu.Unlock()
	stamp := newStamper(i.cfg.Camera, i.cfg.Stream, &i.clocks, func() (time.Time, time.Duration) { return i.cfg.Now(), i.clock() }, i.push)
	s := &session{
		address: address, way: w, trust: i.trust, limits: i.limits, clock: i.clock, lost: i.lost, silent: i.cfg.NoAudio,
		report: stamp.senderReport, waits: i.waiting,
		chosen: func(c choice) {
			i.setLeft(c.left)
		},
		deliver: func(u unit) {
			before := stamp.dropped
			stamp.add(u)
			i.noteTimes(stamp)
			if n := stamp.dropped - before; n > 0 {
				i.lost(n)
			}
		},
	}
	err = s.run(ctx)
	stamp.flush() // the read loop has ended
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.sessionRun {
		i.meter.end(i.clock())
	}
	return outcome{err: err, came: s.came.Load(), frames: i.sessionRun}
}

// push takes a frame in the read loop.
func (i *Ingest) push(f *media.Frame) {
	i.cfg.Ring.Push(f)
	now := i.clock()
	video := f.Track == 0
	i.mu.Lock()
	turned := !i.sessionRun
	if turned {
		i.meter.restart()
	}
	i.meter.frame(now, len(f.Payload), video)
	if video && f.Keyframe {
		i.meter.keyframe(f.DTSTicks, i.run == f.Run)
	}
	if turned {
		i.sessionRun, i.liveSince = true, now
		i.sessions++
		i.state.Status, i.state.SinceMs = api.CameraStateStatusLive, i.cfg.Now().UnixMilli()
		i.state.Code, i.state.Reason, i.state.RetryMs = "", "", 0
		i.refused = ""
	}
	newRun := i.run != f.Run
	i.run, i.tracks = f.Run, f.Run.Tracks
	i.mu.Unlock()
	if turned {
		i.changed()
		i.trusted()
	}
	if newRun {
		v := &f.Run.Tracks[0]
		i.log.Info("run begins", "codec", v.Codec, "width", v.Width, "height", v.Height, "audio", audioName(f.Run), "start", time.Unix(0, f.Run.StartNs).UTC())
	}
}

// Clock says how the camera's clock relates to ours, as of the last seconds of its last session.
func (i *Ingest) Clock() api.StreamClock {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.times
}

// noteTimes keeps what the read loop's stamper knows for Clock, now and then.
func (i *Ingest) noteTimes(s *stamper) {
	now := i.clock()
	if now-i.timesAt < time.Second {
		return
	}
	i.timesAt = now
	c := s.clockState()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.times = c
}

func (i *Ingest) stable() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sessionRun && i.clock()-i.liveSince >= stableAfter
}

func (i *Ingest) lost(n int64) {
	i.mu.Lock()
	i.state.LostFrames += n
	i.mu.Unlock()
}

func (i *Ingest) changed() {
	if i.cfg.Changed != nil {
		i.cfg.Changed()
	}
}

func (i *Ingest) clock() time.Duration { return time.Since(i.started) }

func audioName(r *media.Run) string {
	if len(r.Tracks) < 2 {
		return "none"
	}
	return string(r.Tracks[1].Codec)
}
