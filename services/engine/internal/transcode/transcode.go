package transcode

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/source"
)

const (
	maxWidth, maxHeight = 1280, 720
	minApart            = 75 * time.Millisecond // of two pictures: every second one of a camera of 25 a second
	maxLag              = time.Second           // behind the camera before pictures are left out
	patience            = 10 * time.Second      // for a picture, when several have been given
	lingering           = 5 * time.Second       // of a decoder that nobody watches: a page that reloads comes back
	ringBytes           = 4 << 20
)

// Config is what a Transcoder works with.
type Config struct {
	Streams source.Streams
	Program string   // FFmpeg, a static binary; where there is none, everything is refused
	Confine []string // the command that confines it: the path of the program is appended, and its arguments
	Most    int      // streams at a time
	Log     *slog.Logger
}

// Transcoder offers streams as JPEG pictures. Make one with New.
type Transcoder struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	// These bound how many are made at a time.
	stills, conversions chan struct{}

	mu   sync.Mutex
	jobs map[string]*job
	wait sync.WaitGroup
}

// New returns a Transcoder that does nothing yet.
func New(cfg Config) *Transcoder {
	t := &Transcoder{cfg: cfg, jobs: map[string]*job{}, stills: make(chan struct{}, max(1, cfg.Most)), conversions: make(chan struct{}, max(1, cfg.Most))}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Close ends all decoders and waits for them.
func (t *Transcoder) Close() {
	t.cancel()
	t.wait.Wait()
}

// Available tells whether there is a decoder.
func (t *Transcoder) Available() bool {
	_, err := os.Stat(t.cfg.Program)
	return err == nil
}

func key(camera, stream string) string { return camera + "/" + stream }

// View is what there is of a stream as pictures. Its ring is nil unless somebody watches.
func (t *Transcoder) View(camera, stream string) (source.View, error) {
	v, err := t.cfg.Streams.View(camera, stream)
	if err != nil {
		return source.View{}, err
	}
	t.mu.Lock()
	j := t.jobs[key(camera, stream)]
	t.mu.Unlock()
	if j == nil {
		v.Ring = nil
		return v, nil
	}
	return j.look(), nil
}

// Watch has a stream made into pictures until leave is called.
func (t *Transcoder) Watch(camera, stream string) (leave func(), err error) {
	if !t.Available() {
		return nil, noDecoder()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.jobs[key(camera, stream)]
	if j == nil {
		if len(t.jobs) >= t.cfg.Most || t.ctx.Err() != nil {
			p := answer.Refuse(http.StatusServiceUnavailable, "too_many_decoders",
				"The appliance already decodes as many streams for browsers that cannot as it does at a time. Close some, or watch with a browser that shows this video.")
			p.Detail.RetryAfterMs = 5000
			return nil, p
		}
		away, err := t.cfg.Streams.Watch(camera, stream)
		if err != nil {
			return nil, err
		}
		j = newJob(t, camera, stream)
		t.jobs[key(camera, stream)] = j
		t.wait.Go(func() {
			defer away()
			j.run()
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.jobs[key(camera, stream)] == j {
				delete(t.jobs, key(camera, stream))
			}
		})
	}
	j.watchers++
	if j.end != nil {
		j.end.Stop()
		j.end = nil
	}
	return sync.OnceFunc(func() { t.leave(j) }), nil
}

func (t *Transcoder) leave(j *job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j.watchers--; j.watchers > 0 {
		return
	}
	j.end = time.AfterFunc(lingering, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if j.watchers > 0 {
			return
		}
		j.cancel()
		if t.jobs[key(j.camera, j.stream)] == j {
			delete(t.jobs, key(j.camera, j.stream)) // who comes now gets another, while this one ends
		}
	})
}

func newJob(t *Transcoder, camera, stream string) *job {
	j := &job{t: t, camera: camera, stream: stream, changed: make(chan struct{}), log: t.cfg.Log.With("camera", camera, "stream", stream),
		out: ring.New(ring.Config{MaxBytes: ringBytes, MaxAge: maxLag, BudgetBytes: ringBytes})}
	j.ctx, j.cancel = context.WithCancel(t.ctx)
	return j
}
