package archive

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/deletion"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/protection"
	"vigie/services/engine/internal/retention"
)

// DefaultLimitPercent is how full a volume may get before its oldest recordings go, unless set otherwise.
const DefaultLimitPercent = 95

// Config is what an archive needs. The first four must be set.
type Config struct {
	Index *index.Index
	DB    index.DB // for what is known of volumes: names, limits
	App   string   // program and version, written into segments
	Log   *slog.Logger
	FS    filesys.FS // on which the volumes are; nil: the machine's

	Appliance  func() string          // name of the machine; nil: none
	CameraName func(id string) string // nil: the id
	Clock      func() string          // "synchronised", "unsynchronised"; nil: the latter
	// Targets tells what is kept of a camera's recordings, and whether it is set up; nil: no targets, all are.
	Targets func(camera string) (t retention.Targets, setUp bool)
	Pinned  func(camera string) string // id of the volume that a camera is to be recorded to, "": any; nil: none is pinned
	// SystemDisk tells whether an id is that of a system disk's partition for settings; nil: there are none.
	SystemDisk func(id string) bool

	KeepAll bool // nothing is deleted, neither what is old nor what people had deleted

	StallAfter time.Duration // a disk operation that takes longer fails the volume, see patience; 0: 5 s
	ProbeAfter time.Duration // first look at a failed volume, doubling to 10 min, see heal; 0: 15 s
	KeepEvery  time.Duration // between looks at space; 0: 2 s. What looks less often does so in multiples of it
	TrustAfter time.Duration // how long a clock that nobody synchronises must have run evenly to delete by age; 0: 15 min
}

// Volume is a data volume as the system service tells of it.
type Volume struct {
	ID, Name string
	Path     string // where it is mounted
	ReadOnly bool
	Unusable string // why it cannot be used although its disk is there, for people; then nothing is done with it
	Replaces string // id of the volume, whose disk failed, in the place of which it was made
	Foreign  bool   // it is another machine's, and only read
}

// Archive is all volumes together. Make one with New; Run must run for segments to be synced.
type Archive struct {
	cfg Config
	idx *index.Index
	log *slog.Logger

	protections *protection.Store
	deletions   *deletion.Store
	plans       plans
	holds       holds
	clock       steadiness
	used        usageCache

	mu      sync.Mutex
	broke   map[promiseKey]brokenRow   // promises that were broken
	volumes map[string]*volume         // present ones
	broken  map[string]Volume          // unusable ones
	known   map[string]knownRow        // every volume ever seen
	home    map[string]string          // camera → volume of its last segment, duplicates apart
	second  map[string]string          // camera → volume of its last duplicate
	last    map[string]lastOne         // camera and stream → its last segment
	leaving map[string]<-chan struct{} // volume that goes away → closed once it has let go of its files
	closing sync.WaitGroup             // volumes that go away
	done    bool
}

// lastOne is a stream's last segment.
type lastOne struct {
	uuid    [16]byte
	startMs int64
}

// knownRow is what is kept of a volume in the database, for when it is absent.
type knownRow struct {
	Name         string `json:"name"`
	LimitPercent int    `json:"limitPercent,omitempty"`
	WarnPercent  *int   `json:"warnPercent,omitempty"` // 0: never; nil: see warnAt
	SizeBytes    int64  `json:"sizeBytes,omitempty"`
	Retired      bool   `json:"retired,omitempty"` // nothing new is written to it, see choose
	Foreign      bool   `json:"foreign,omitempty"` // another machine's: it leaves the index with its disk
}

const bucketKnown = "volumes"

// New returns an archive without volumes; it reads what is known of them from the database.
func New(cfg Config) (*Archive, error) {
	if cfg.FS == nil {
		cfg.FS = filesys.OS
	}
	if cfg.StallAfter == 0 {
		cfg.StallAfter = 5 * time.Second
	}
	if cfg.ProbeAfter == 0 {
		cfg.ProbeAfter = 15 * time.Second
	}
	if cfg.KeepEvery == 0 {
		cfg.KeepEvery = 2 * time.Second
	}
	if cfg.Appliance == nil {
		cfg.Appliance = func() string { return "" }
	}
	if cfg.CameraName == nil {
		cfg.CameraName = func(id string) string { return id }
	}
	if cfg.Clock == nil {
		cfg.Clock = func() string { return "unsynchronised" }
	}
	if cfg.TrustAfter == 0 {
		cfg.TrustAfter = 15 * time.Minute
	}
	if cfg.SystemDisk == nil {
		cfg.SystemDisk = func(string) bool { return false }
	}
	if cfg.Pinned == nil {
		cfg.Pinned = func(string) string { return "" }
	}
	if cfg.Targets == nil {
		cfg.Targets = func(string) (retention.Targets, bool) { return retention.Targets{}, true }
	}
	a := &Archive{cfg: cfg, clock: steadiness{since: time.Now(), base: time.Now()}, idx: cfg.Index, log: cfg.Log, volumes: map[string]*volume{}, known: map[string]knownRow{}, home: map[string]string{}, second: map[string]string{}, last: map[string]lastOne{}, leaving: map[string]<-chan struct{}{}}
	err := cfg.DB.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucketKnown, nil, nil) {
			var row knownRow
			if err := json.Unmarshal(v, &row); err != nil {
				return fmt.Errorf("volume %s: %w", k, err)
			}
			a.known[string(k)] = row
		}
		var err error
		a.broke, err = brokenPromises(tx)
		return err
	})
	if err == nil {
		a.protections, err = protection.Open(cfg.DB)
	}
	if err == nil {
		a.deletions, err = deletion.Open(cfg.DB)
	}
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return a, nil
}

// Run watches the volumes until the context ends; then it closes all segments, within StallAfter, and returns nil.
func (a *Archive) Run(ctx context.Context) error {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			a.clock.look(now)
			for _, v := range a.present() {
				v.tick(now)
			}
		case <-ctx.Done():
			a.mu.Lock()
			a.done = true
			a.mu.Unlock()
			a.SetVolumes(nil)
			a.closing.Wait()
			return nil
		}
	}
}

func (a *Archive) present() []*volume {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*volume, 0, len(a.volumes))
	for _, v := range a.volumes {
		out = append(out, v)
	}
	return out
}

// SetVolumes tells which volumes are present. New ones are usable at once, and reconciled in the background; segments on
// those that are gone, or unusable, are ended.
func (a *Archive) SetVolumes(all []Volume) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = map[string]Volume{}
	list := make([]Volume, 0, len(all))
	for _, n := range all {
		if n.Unusable != "" {
			a.broken[n.ID] = n
			continue
		}
		list = append(list, n)
	}
	for id, v := range a.volumes {
		keep := slices.ContainsFunc(list, func(n Volume) bool {
			return n.ID == id && n.Path == v.path && n.ReadOnly == v.isReadOnly()
		})
		if !keep || a.done {
			delete(a.volumes, id)
			a.log.Info("volume goes away", "volume", id)
			gone := make(chan struct{})
			a.leaving[id] = gone
			drop := v.foreign && !a.done && !slices.ContainsFunc(list, func(n Volume) bool { return n.ID == id })
			a.closing.Go(func() {
				defer close(gone)
				v.close()
				if drop {
					a.drop(id)
				}
			})
		}
	}
	if a.done {
		return
	}
	a.dropStrangers(list)
	for _, n := range list {
		if v := a.volumes[n.ID]; v != nil {
			v.mu.Lock()
			v.name = n.Name
			v.mu.Unlock()
		} else {
			v := newVolume(a, n)
			v.before = a.leaving[n.ID]
			v.retired.Store(a.known[n.ID].Retired)
			delete(a.leaving, n.ID)
			a.volumes[n.ID] = v
			a.log.Info("volume comes", "volume", n.ID, "path", n.Path, "readonly", n.ReadOnly)
			v.wg.Go(v.start)
		}
		if row, known := a.known[n.ID]; row.Name != n.Name || row.Foreign != n.Foreign {
			if former, ok := a.known[n.Replaces]; ok && !known {
				row = a.succeed(n.Replaces, former)
			}
			row.Name, row.Foreign = n.Name, n.Foreign
			a.known[n.ID] = row
			go a.remember(n.ID, row) // waits for a disk; nobody waits for it
		}
	}
}

// succeed returns what a volume takes over that was made in the place of another one, of which people are told then that it was
// replaced; mu is held.
func (a *Archive) succeed(id string, former knownRow) knownRow {
	row := knownRow{LimitPercent: former.LimitPercent}
	former.Name += " (replaced)"
	a.known[id] = former
	go a.remember(id, former)
	return row
}

func (a *Archive) remember(id string, row knownRow) error {
	b, err := json.Marshal(row)
	if err == nil {
		err = a.cfg.DB.Update(func(tx *mirror.Tx) error { return tx.Put(bucketKnown, []byte(id), b) })
	}
	if err != nil {
		a.log.Error("cannot store what is known of a volume", "volume", id, "err", err)
	}
	return err
}

// noteSize remembers a volume's size for when it is absent.
func (a *Archive) noteSize(v *volume) {
	v.mu.Lock()
	size := v.size
	v.mu.Unlock()
	a.mu.Lock()
	row := a.known[v.id]
	changed := size != 0 && row.SizeBytes != size
	if changed {
		row.SizeBytes = size
		a.known[v.id] = row
	}
	a.mu.Unlock()
	if changed {
		go a.remember(v.id, row)
	}
}

func (a *Archive) limit(volume string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limitLocked(volume)
}

func (a *Archive) limitLocked(volume string) int {
	if p := a.known[volume].LimitPercent; p != 0 {
		return p
	}
	return DefaultLimitPercent
}

// Recovered waits until every present volume has indexed what a crash left open, or the context ends. From then on
// index.Bounds is right; closing those files and reconciling the rest goes on.
func (a *Archive) Recovered(ctx context.Context) error {
	for _, v := range a.present() {
		select {
		case <-v.recovered:
		case <-v.ctx.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

var errStream = errors.New("the stream cannot be stored")

// Create begins a segment of a run at startNs (UTC) on the volume that suits best, see choose. The error is a sentence for people
// when no volume can take it.
func (a *Archive) Create(run *media.Run, kind index.Kind, startNs int64) (*Segment, error) {
	return a.create(run, run.Stream, kind, startNs)
}

// CreateDuplicate is Create for what is recorded a second time, on another volume than the first.
func (a *Archive) CreateDuplicate(run *media.Run, kind index.Kind, startNs int64) (*Segment, error) {
	return a.create(run, index.Duplicate(run.Stream), kind, startNs)
}

func (a *Archive) create(run *media.Run, stream string, kind index.Kind, startNs int64) (*Segment, error) {
	key := index.Key{Camera: run.Camera, Stream: stream, Kind: kind, StartMs: startNs / 1e6}
	if _, err := index.ParseID(key.ID()); err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	meta := mkv.Meta{App: a.cfg.App, Appliance: a.cfg.Appliance(), CameraName: a.cfg.CameraName(run.Camera),
		Kind: string(kind), Clock: a.cfg.Clock(), StartNs: startNs}
	_, _ = rand.Read(meta.UUID[:])
	track := run.Camera + "/" + stream
	choose, home := a.choose, a.home
	if key.IsDuplicate() {
		choose, home = a.chooseSecond, a.second
	}
	a.mu.Lock()
	last := a.last[track]
	a.mu.Unlock()
	meta.PrevUUID = last.uuid
	// What was begun at this instant already, on a volume that failed or before a clock was set back, keeps its key.
	if d := last.startMs - key.StartMs; last.startMs != 0 && d >= 0 && d < 10 {
		key.StartMs = last.startMs + 1
	}
	for a.taken(key) {
		key.StartMs++
	}
	tried := map[string]bool{}
	for {
		v := choose(run.Camera, tried)
		if v == nil {
			return nil, errors.New(a.refusal(key.IsDuplicate()))
		}
		tried[v.id] = true
		s, err := a.createOn(v, run, key, meta)
		v.mu.Lock()
		v.coming--
		v.mu.Unlock()
		if errors.Is(err, errStream) {
			return nil, err
		}
		if err != nil {
			continue // the volume's state says why
		}
		a.mu.Lock()
		home[run.Camera], a.last[track] = v.id, lastOne{meta.UUID, s.key.StartMs}
		a.mu.Unlock()
		return s, nil
	}
}

// taken tells whether the index has a segment of this key.
func (a *Archive) taken(k index.Key) bool {
	_, found, err := a.idx.Get(k)
	return found && err == nil
}

// createOn makes the file, and gives up waiting, not the work, when the disk hangs.
func (a *Archive) createOn(v *volume, run *media.Run, key index.Key, meta mkv.Meta) (*Segment, error) {
	type result struct {
		s   *Segment
		err error
	}
	made := make(chan result, 1)
	go func() {
		s, err := v.create(run, key, meta)
		made <- result{s, err}
	}()
	within := a.patience(v)
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case r := <-made:
		return r.s, r.err
	case <-t.C:
		v.degrade(Degraded, fmt.Sprintf("The disk has not answered for %v.", within))
		go func() { // if it comes to life again, nobody wants the file any more
			if r := <-made; r.err == nil {
				r.s.Close()
			}
		}()
		return nil, fmt.Errorf("volume %s does not answer", v.id)
	}
}

// refusal says to people why no volume takes a segment.
func (a *Archive) refusal(duplicate bool) string {
	if duplicate {
		return "No other volume takes recordings."
	}
	list := a.present()
	a.mu.Lock()
	broken := slices.SortedFunc(maps.Values(a.broken), func(x, y Volume) int { return strings.Compare(x.ID, y.ID) })
	a.mu.Unlock()
	if len(list) == 0 && len(broken) == 0 {
		return "There is no data volume to record to. Connect a disk, or format one on the system page."
	}
	slices.SortFunc(list, func(x, y *volume) int {
		if x.id < y.id {
			return -1
		}
		return 1
	})
	text := "No volume can be recorded to."
	for _, v := range list {
		v.mu.Lock()
		if v.reason != "" {
			text += fmt.Sprintf(" Volume %s: %s", v.name, v.reason)
		} else if v.size == 0 {
			text += fmt.Sprintf(" Volume %s is being looked at.", v.name)
		} else {
			text += fmt.Sprintf(" Volume %s has no room left.", v.name)
		}
		v.mu.Unlock()
	}
	for _, n := range broken {
		text += fmt.Sprintf(" Volume %s: %s", n.Name, n.Unusable)
	}
	return text
}

// AddGap indexes a span of a camera without frames.
func (a *Archive) AddGap(g index.Gap) error { return a.idx.AddGap(g) }

// put indexes segments. What fails is not lost: the files are there, and are found when the volume is mounted next.
func (a *Archive) put(list ...index.Segment) {
	if err := a.idx.Put(list...); err != nil {
		a.log.Error("cannot index segments", "err", err)
	}
}
