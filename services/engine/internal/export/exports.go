package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/api"
)

const (
	mostRows    = 100 // exports at a time
	mostPlans   = 8   // held in memory; others are made anew when they are needed
	mostRunning = 3   // read at a time
	mostListed  = 200 // files of an export in an answer
)

// Config is what exports need.
type Config struct {
	DB       DB
	Keys     *Keys
	Archive  Archive
	Software string
	Media    Media
	Log      *slog.Logger
	// Appliance is the machine's name, Zone the name of its time zone.
	Appliance func() string
	Zone      func() string
	// CameraName returns a camera's name, of one that is no longer set up too; "": there is no such camera.
	CameraName func(id string) string
}

// Exports are all exports. Make one with Open; Run must run for them to be prepared.
type Exports struct {
	cfg      Config
	slots    chan struct{}
	todo     chan *job
	carriers chan struct{} // has one when there may be something to write to a medium

	mu   sync.Mutex
	jobs map[string]*job

	syncEvery int64 // bytes written to a medium
}

// job is an export.
type job struct {
	mu       sync.Mutex // of what follows but plan's making
	row      row
	bundle   *bundle // nil: the plan is not in memory
	tag      string
	failure  string
	waiting  string        // why an export to a medium does not go on
	prepared chan struct{} // closed once the first plan has been made, or failed
	used     time.Time
	users    int
	ctx      context.Context // ends when the export is removed
	cancel   context.CancelFunc
	meter    meter

	planning sync.Mutex // held while the plan is made; taken before mu
}

// Open reads the exports that there are.
func Open(cfg Config) (*Exports, error) {
	x := &Exports{cfg: cfg, slots: make(chan struct{}, mostRunning), todo: make(chan *job, mostRows), carriers: make(chan struct{}, 1), syncEvery: syncEvery, jobs: map[string]*job{}}
	list, err := load(cfg.DB)
	if err != nil {
		return nil, fmt.Errorf("open exports: %w", err)
	}
	for _, r := range list {
		j := newJob(r)
		x.jobs[r.ID] = j
		if r.Files == nil && len(x.todo) < cap(x.todo) {
			x.todo <- j
		} else {
			close(j.prepared)
		}
	}
	return x, nil
}

func newJob(r row) *job {
	j := &job{row: r, prepared: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// Run prepares exports until ctx ends; then nothing is read for any of them any more.
func (x *Exports) Run(ctx context.Context) {
	if _, _, err := x.cfg.Keys.Key(); err != nil && !errors.Is(err, ErrNoKey) {
		x.cfg.Log.Error("exports cannot be signed", "err", err)
	}
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, j := range x.jobs {
			j.cancel()
		}
	}()
	var carrying sync.WaitGroup
	defer carrying.Wait()
	carrying.Go(func() { x.carry(ctx) })
	for {
		select {
		case j := <-x.todo:
			x.prepare(ctx, j)
			select {
			case x.carriers <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// prepare makes an export's first plan.
func (x *Exports) prepare(ctx context.Context, j *job) {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(j.ctx, cancel)()
	defer cancel()
	_, err := x.planned(ctx, j)
	if ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failure = sentence(err)
		x.cfg.Log.Warn("export cannot be made", "export", j.row.ID, "err", err)
	}
	close(j.prepared)
}

// planned returns what an export is made of, and makes its plan when it is not in memory.
func (x *Exports) planned(ctx context.Context, j *job) (*bundle, error) {
	j.planning.Lock()
	defer j.planning.Unlock()
	key, _, err := x.cfg.Keys.Key()
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	r, b := j.row, j.bundle
	j.used = time.Now()
	j.mu.Unlock()
	if b != nil {
		return b, nil
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC
	}
	about := r.about(x.cfg.Software)
	defer x.hold(j)()
	p, err := makePlan(ctx, x.cfg.Archive, r.wish())
	if err != nil {
		return nil, err
	}
	if len(p.files) == 0 {
		return nil, errNothing
	}
	if err := p.settle(about, zone); err != nil {
		return nil, err
	}
	b = newBundle(p, about, key, zone)
	b.files[0].alone = r.Medium == nil && b.alone(r.Zip)
	size, err := b.size(ctx, r.Zip)
	if r.Medium != nil {
		size, err = b.folderSize()
	}
	if err != nil {
		return nil, err
	}
	first := r.Files == nil
	if first { // from now on the plan comes out the same although recording goes on
		r.Cameras = p.until()
	}
	r.Files, r.SizeBytes, r.Warnings = describe(p), size, p.warnings
	if r.FileCount, r.Name = len(p.files), b.name(r.Zip); r.Medium != nil {
		r.Name = b.folderName()
	}
	if first {
		if err := store(x.cfg.DB, r); err != nil {
			return nil, fmt.Errorf("store export: %w", err)
		}
	}
	j.mu.Lock()
	r.DoneMs, r.Medium = j.row.DoneMs, j.row.Medium
	j.row, j.bundle, j.tag = r, b, p.tag(about, key.Public())
	j.mu.Unlock()
	x.evict(j)
	return b, nil
}

// evict lets go of plans that nobody uses, the least recently used first, but for one.
func (x *Exports) evict(but *job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var held []*job
	for _, j := range x.jobs {
		j.mu.Lock()
		if j.bundle != nil && j.users == 0 && j != but {
			held = append(held, j)
		}
		j.mu.Unlock()
	}
	slices.SortFunc(held, func(a, b *job) int { return a.used.Compare(b.used) })
	for ; len(held) >= mostPlans; held = held[1:] {
		held[0].mu.Lock()
		if held[0].users == 0 {
			held[0].bundle = nil
		}
		held[0].mu.Unlock()
	}
}

// hold keeps what an export is made of from being deleted while it is read.
func (x *Exports) hold(j *job) (release func()) {
	j.mu.Lock()
	r := j.row
	j.mu.Unlock()
	var all []func()
	for _, c := range r.Cameras {
		all = append(all, x.cfg.Archive.Hold(c.ID, r.FromMs, r.ToMs))
	}
	return func() {
		for _, release := range all {
			release()
		}
	}
}

// describe is a plan as answers show it.
func describe(p *plan) []api.ExportFile {
	out := []api.ExportFile{}
	for _, f := range p.files[:min(len(p.files), mostListed)] {
		out = append(out, api.ExportFile{Name: f.name, Camera: f.camera.ID, StartMs: f.startNs / 1e6, EndMs: ceil(f.endNs, 1e6),
			SizeBytes: f.size(), Because: api.ExportFileBecause(f.because)})
	}
	return out
}

// Create notes an export and has it prepared. The error is an *answer.Problem when the request is at fault.
func (x *Exports) Create(ctx context.Context, q api.ExportRequest, by string) (api.Export, error) {
	if _, _, err := x.cfg.Keys.Key(); errors.Is(err, ErrNoKey) {
		return api.Export{}, refuseNoKey()
	} else if err != nil {
		return api.Export{}, err
	}
	if q.Medium != "" {
		x.acquaint(ctx, q.Medium)
	}
	r, err := x.check(q, time.Now())
	if err != nil {
		return api.Export{}, err
	}
	r.ID, r.By, r.CreatedMs = strings.ToLower(rand.Text()[:16]), by, time.Now().UnixMilli()
	r.Zone, r.Appliance = x.cfg.Zone(), x.cfg.Appliance()
	j := newJob(r)
	x.mu.Lock()
	full := len(x.jobs) >= mostRows
	if !full {
		x.jobs[r.ID] = j
	}
	x.mu.Unlock()
	if full {
		return api.Export{}, refuseMany()
	}
	if err := store(x.cfg.DB, r); err != nil {
		x.mu.Lock()
		delete(x.jobs, r.ID)
		x.mu.Unlock()
		return api.Export{}, fmt.Errorf("store export: %w", err)
	}
	x.cfg.Log.Info("export is made", "export", r.ID, "by", by, "cameras", len(r.Cameras), "from_ms", r.FromMs, "to_ms", r.ToMs)
	x.todo <- j // has room for all there can be
	t := time.NewTimer(preparedWithin)
	defer t.Stop()
	select {
	case <-j.prepared:
	case <-t.C:
	case <-ctx.Done():
	}
	return j.view(), nil
}

// preparedWithin is how long the answer to making an export waits for its plan.
const preparedWithin = 3 * time.Second

func (x *Exports) get(id string) (*job, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	j := x.jobs[id]
	if j == nil {
		return nil, Unknown()
	}
	return j, nil
}

// Get returns one export.
func (x *Exports) Get(id string) (api.Export, error) {
	j, err := x.get(id)
	if err != nil {
		return api.Export{}, err
	}
	return j.view(), nil
}

// List returns all exports, the newest first.
func (x *Exports) List() []api.Export {
	x.mu.Lock()
	jobs := make([]*job, 0, len(x.jobs))
	for _, j := range x.jobs {
		jobs = append(jobs, j)
	}
	x.mu.Unlock()
	out := make([]api.Export, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, j.view())
	}
	slices.SortFunc(out, func(a, b api.Export) int {
		if a.CreatedMs != b.CreatedMs {
			return int(b.CreatedMs - a.CreatedMs)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Remove forgets an export; what is being read for it ends.
func (x *Exports) Remove(id string) error {
	j, err := x.get(id)
	if err != nil {
		return err
	}
	j.cancel()
	j.mu.Lock() // who notes how far it has come sees that it is removed, or has done so before
	err = remove(x.cfg.DB, id)
	j.mu.Unlock()
	if err != nil {
		return fmt.Errorf("remove export: %w", err)
	}
	x.mu.Lock()
	delete(x.jobs, id)
	x.mu.Unlock()
	return nil
}

// SigningKey is what is told of the key: how to know it again.
func (x *Exports) SigningKey() (api.SigningKey, error) {
	key, created, err := x.cfg.Keys.Key()
	if errors.Is(err, ErrNoKey) {
		return api.SigningKey{}, refuseNoKey()
	}
	if err != nil {
		return api.SigningKey{}, err
	}
	p := key.Public()
	return api.SigningKey{PublicKey: p.String(), Fingerprint: p.Fingerprint(), ApplianceID: p.ID(), CreatedMs: created}, nil
}

// view is the export as answers show it.
func (j *job) view() api.Export {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &j.row
	e := api.Export{ID: r.ID, FromMs: r.FromMs, ToMs: r.WantedToMs, By: r.By, Note: r.Note, CreatedMs: r.CreatedMs, Cameras: []api.ExportCamera{},
		Stream: api.StreamName(r.Cameras[0].Stream), Files: r.Files, FileCount: r.FileCount, SizeBytes: r.SizeBytes, Name: r.Name, Warnings: r.Warnings, Container: api.ExportContainerMkv}
	if r.Container == mp4File {
		e.Container = api.ExportContainerMp4
	}
	for _, c := range r.Cameras {
		e.Cameras = append(e.Cameras, api.ExportCamera{ID: c.ID, Name: c.Name})
	}
	if r.Medium != nil {
		e.Medium = api.ExportMedium{ID: r.Medium.ID, Name: r.Medium.Name, Folder: r.Medium.Folder}
	}
	m := j.meter.read(time.Now())
	e.DoneBytes, e.BytesPerSecond = m.bytes, m.perSecond
	switch {
	case j.failure != "":
		e.Status, e.Message = api.ExportStatusFailed, j.failure
	case r.Files == nil:
		e.Status = api.ExportStatusPreparing
	case j.users > 0:
		e.Status = api.ExportStatusRunning
		if m.perSecond > 0 {
			e.RemainingMs = (r.SizeBytes - m.bytes) * 1000 / m.perSecond
		}
	case r.DoneMs > 0:
		e.Status = api.ExportStatusDone
	case r.Medium != nil:
		e.Status, e.Message = api.ExportStatusWaiting, j.waiting
	default:
		e.Status, e.Message = api.ExportStatusReady, j.meter.trouble()
	}
	return e
}
