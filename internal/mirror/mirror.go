package mirror

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"vigie/internal/filesys"
)

const (
	lockTimeout = 5 * time.Second // for the bbolt file's lock: a predecessor may still be dying

	defaultStall  = 5 * time.Second
	defaultRotate = 8 << 20
	defaultVerify = 24 * time.Hour
	maxPending    = 64 << 20 // of unwritten journal for one copy
)

// Config is what a database needs to know. Path and Name are required.
type Config struct {
	Path string // bbolt file, in a tmpfs; its folder exists
	Name string // of the files in each folder: letters, digits, dashes
	Log  *slog.Logger
	FS   filesys.FS // on which the folders are, not Path; nil: the machine's

	// Forgotten are the UUIDs, in hexadecimal, of databases that are not taken up from any folder: see Erase.
	Forgotten []string

	StallAfter  time.Duration // a disk operation that takes longer fails the copy; 0: 5 s
	RotateBytes int64         // a journal this long asks for a new snapshot; 0: 8 MiB
	Adopted     func()        // called when AddDir has brought the content, see there; it must not wait for the database
	VerifyEvery time.Duration // how often each copy is read back; 0: a day
	// Rewritten is called when a copy that was found damaged has been written anew; it may be called before Open returns. It
	// must not wait for the database.
	Rewritten  func(volume, why string)
	RetryAfter time.Duration // first retry of a failed copy, doubling to 30 s; 0: 1 s
}

// Dir is a folder for a copy: on a volume, made beforehand by its owner or made here if its parent exists.
type Dir struct {
	ID   string // of the volume
	Path string
	// ReadOnly: what the folder holds may be taken up, and nothing is written to it; it has no entry in Copies.
	ReadOnly bool
}

// Status values of a copy.
const (
	StatusOK      = "ok"      // holds every acknowledged update
	StatusStale   = "stale"   // being brought up to date
	StatusCorrupt = "corrupt" // what was found is damaged, and is being replaced
	StatusFailed  = "failed"  // cannot be written; tried again later
)

// Copy is the state of one copy.
type Copy struct {
	ID         string
	Status     string
	Reason     string // when not ok, or what was kept aside
	Generation uint64 // on disk there

	SnapshotMs int64 // UTC of its newest snapshot, ms; 0: not known
	SizeBytes  int64 // of the newest snapshot and the journal since
	CheckedMs  int64 // when it was last read back whole, ms; 0: not since it was made

	DamagedMs int64  // when it was last found damaged and written anew, ms, as Damages knows; 0: never
	Damage    string // what was damaged then
}

// DB is an open database.
type DB struct {
	cfg Config
	log *slog.Logger

	epoch time.Time // of clock

	id   uint64     // this process's branch
	wmu  sync.Mutex // serialises updates; taken before mu
	bolt atomic.Pointer[bolt.DB]

	imageSize atomic.Int64  // of the last snapshot, bytes
	turns     chan struct{} // holds one entry while a copy rotates

	mu       sync.Mutex
	st       state // written under wmu and mu
	copies   []*copyDir
	gen      uint64 // committed in RAM
	durable  uint64 // on at least one copy
	tail     *tail  // nil: no rebuild is under way
	volatile bool   // some update is in RAM alone
	changed  chan struct{}
	closed   bool

	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("database is closed")

// Open takes up the newest intact state in RAM or in dirs, or makes a new database, and starts mirroring to dirs. It
// returns once a folder holds the whole state, or none can. Recovery says what was found; it is valid even with an
// error only if non-zero. A folder that cannot be used is no error: its copy is failed and tried again.
func Open(cfg Config, dirs []Dir) (*DB, Recovery, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.FS == nil {
		cfg.FS = filesys.OS
	}
	if cfg.StallAfter == 0 {
		cfg.StallAfter = defaultStall
	}
	if cfg.RotateBytes == 0 {
		cfg.RotateBytes = defaultRotate
	}
	if cfg.VerifyEvery == 0 {
		cfg.VerifyEvery = defaultVerify
	}
	if cfg.RetryAfter == 0 {
		cfg.RetryAfter = time.Second
	}
	db := &DB{cfg: cfg, log: cfg.Log.With("database", cfg.Name), epoch: time.Now(), turns: make(chan struct{}, 1), id: rand.Uint64(), changed: make(chan struct{})}
	scans := make([]*found, len(dirs))
	var wg sync.WaitGroup
	for i, d := range dirs {
		wg.Go(func() { scans[i] = scan(cfg.FS, d, cfg.Name) })
	}
	wg.Wait()
	rec, err := db.takeUp(scans)
	if err != nil {
		return nil, rec, fmt.Errorf("open database %s: %w", cfg.Name, err)
	}
	for _, f := range rec.Copies {
		if f.Reason != "" {
			db.log.Warn("index copy", "volume", f.ID, "status", f.Status, "reason", f.Reason)
		}
	}
	db.log.Info("database opened", "source", rec.Source, "generation", rec.Generation, "replayed", rec.Replayed)
	db.ctx, db.stop = context.WithCancel(context.Background())
	for i, d := range dirs {
		db.add(d, scans[i])
	}
	db.wg.Go(db.monitor)
	db.settle()
	return db, rec, nil
}

// takeUp chooses among RAM and the folders, and opens the choice.
func (db *DB) takeUp(scans []*found) (Recovery, error) {
	var rec Recovery
	path := db.cfg.Path
	os.Remove(path + ".load")
	ram, ramState, ramErr := openRAM(path)
	if ramErr != nil && !errors.Is(ramErr, os.ErrNotExist) {
		if errors.Is(ramErr, bolterrors.ErrTimeout) {
			return rec, fmt.Errorf("%s is in use by another process", path)
		}
		db.log.Warn("database in RAM cannot be used", "err", ramErr)
	}
	for _, f := range order(scans) {
		if db.forgets(f) {
			continue
		}
		if ram != nil && (f.uuid != ramState.uuid && ramState.generation > 0 || f.uuid == ramState.uuid && f.generation <= ramState.generation) {
			continue
		}
		if ram != nil {
			ram.Close()
			ram = nil
		}
		b, s, n, err := f.load(path)
		if err != nil {
			f.ok = false
			f.notes = append(f.notes, err.Error())
			continue
		}
		db.bolt.Store(b)
		db.st = s
		rec.Source, rec.Replayed, rec.TornBytes = f.dir.ID, n, f.tornBytes
		break
	}
	if db.bolt.Load() == nil && ram != nil {
		db.bolt.Store(ram)
		db.st, rec.Source = ramState, "ram"
	}
	if db.bolt.Load() == nil {
		os.Remove(path)
		b, s, err := create(path)
		if err != nil {
			return rec, err
		}
		db.bolt.Store(b)
		db.st, rec.Source = s, "new"
	}
	db.gen = db.st.generation
	rec.Generation = db.gen
	for _, f := range scans {
		rec.Copies = append(rec.Copies, db.describe(f))
		if f.ok && f.uuid == db.st.uuid && f.generation == db.gen {
			db.durable = db.gen
		}
	}
	return rec, nil
}

// forgets says whether a folder's database is one that must not come back.
func (db *DB) forgets(f *found) bool {
	return slices.Contains(db.cfg.Forgotten, hex.EncodeToString(f.uuid[:]))
}

// describe compares what a folder holds with the state taken up.
func (db *DB) describe(f *found) Found {
	r := Found{ID: f.dir.ID, Generation: f.generation, Status: "ok"}
	switch {
	case f.err != nil:
		r.Status, r.Reason = "failed", f.err.Error()
	case f.none:
		r.Status = "empty"
	case f.corrupt():
		r.Status, r.Reason = "corrupt", joinNotes(f.notes)
	case !f.ok:
		r.Status, r.Reason = "corrupt", "no usable snapshot"
	case f.uuid != db.st.uuid:
		r.Status, r.Reason = "foreign", "it belongs to another database and is kept aside"
	case !past(db.st.branches, db.st.generation, f.branch, f.generation):
		r.Status, r.Reason = "diverged", fmt.Sprintf("it holds changes up to generation %d that the database in use lacks, and is kept aside", f.generation)
	case f.generation < db.st.generation:
		r.Status = "stale"
	}
	return r
}

// settle waits until a copy is ok or none is on the way.
func (db *DB) settle() {
	for {
		db.mu.Lock()
		waiting, changed := false, db.changed
		for _, c := range db.copies {
			switch c.status {
			case StatusOK:
				db.mu.Unlock()
				return
			case StatusStale, StatusCorrupt:
				waiting = true
			}
		}
		db.mu.Unlock()
		if !waiting {
			return
		}
		<-changed
	}
}

// broadcast wakes everybody who waits for a copy's state; mu is held.
func (db *DB) broadcast() {
	close(db.changed)
	db.changed = make(chan struct{})
}

// Update runs fn in a transaction. When fn returns an error (or panics) nothing changes and the error is returned. A nil
// error means that the change is on at least one disk, or that none can take it: see Volatile. An update that changes
// nothing costs no I/O.
func (db *DB) Update(fn func(tx *Tx) error) error {
	gen, err := db.commit(fn)
	if err != nil || gen == 0 {
		return err
	}
	db.waitDurable(gen)
	return nil
}

// commit carries fn out in RAM and queues the frame for each copy. It returns 0 when nothing was changed.
func (db *DB) commit(fn func(tx *Tx) error) (uint64, error) {
	db.wmu.Lock()
	defer db.wmu.Unlock()
	if db.isClosed() {
		return 0, ErrClosed
	}
	btx, err := db.bolt.Load().Begin(true)
	if err != nil {
		return 0, fmt.Errorf("begin update: %w", err)
	}
	defer btx.Rollback() // does nothing after a commit
	tx := &Tx{btx: btx}
	if err := fn(tx); err != nil {
		return 0, err
	}
	if tx.n == 0 {
		return 0, nil
	}
	s := db.st
	s.branches = slices.Clone(s.branches)
	s.addBranch(db.id, s.generation)
	s.generation++
	if err := s.write(btx); err != nil {
		return 0, fmt.Errorf("write generation: %w", err)
	}
	if err := btx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	fr := frame{generation: s.generation, timeMs: time.Now().UnixMilli(), payload: tx.ops}
	b := fr.appendTo(make([]byte, 0, frameHeaderSize+len(tx.ops)), &header{uuid: s.uuid, branch: db.id})
	db.mu.Lock()
	defer db.mu.Unlock()
	db.st, db.gen = s, s.generation
	if t := db.tail; t != nil {
		if t.size += len(fr.payload); t.size <= maxPending {
			t.frames = append(t.frames, fr)
		}
	}
	for _, c := range db.copies {
		c.enqueue(b, s.generation)
	}
	return s.generation, nil
}

// waitDurable returns when a copy holds gen on disk, or no copy can be waited for.
func (db *DB) waitDurable(gen uint64) {
	for {
		db.mu.Lock()
		if db.durable >= gen {
			if db.volatile {
				db.volatile = false
				db.log.Info("changes are on disk again")
			}
			db.mu.Unlock()
			return
		}
		hope := false
		for _, c := range db.copies {
			hope = hope || c.status != StatusFailed
		}
		if !hope || db.closed {
			if !db.volatile {
				db.volatile = true
				db.log.Error("no disk can take changes; they are kept in RAM alone")
			}
			db.mu.Unlock()
			return
		}
		changed := db.changed
		db.mu.Unlock()
		<-changed
	}
}

// View runs fn in a read transaction, which sees the state of one instant. Keep it short.
func (db *DB) View(fn func(tx *Tx) error) error {
	if db.isClosed() {
		return ErrClosed
	}
	return db.view(func(btx *bolt.Tx) error { return fn(&Tx{btx: btx}) })
}

// view retries when the database was exchanged under it by adopt.
func (db *DB) view(fn func(btx *bolt.Tx) error) error {
	for {
		b := db.bolt.Load()
		btx, err := b.Begin(false)
		if err != nil {
			if db.bolt.Load() != b {
				continue
			}
			return err
		}
		return errors.Join(fn(btx), btx.Rollback())
	}
}

func (db *DB) state() state {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.st
}

// clock is a monotonic time in ns, never 0: a step of the wall clock must not look like a disk that hangs.
func (db *DB) clock() int64 { return int64(time.Since(db.epoch)) + 1 }

func (db *DB) isClosed() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.closed
}

// Generation is the number of updates committed since the database was created.
func (db *DB) Generation() uint64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.gen
}

// Volatile tells whether some committed update is on no disk.
func (db *DB) Volatile() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.durable < db.gen && (db.volatile || len(db.copies) == 0)
}

// Copies returns the state of each copy, in the order in which the folders were given.
func (db *DB) Copies() []Copy {
	db.mu.Lock()
	defer db.mu.Unlock()
	list := make([]Copy, len(db.copies))
	for i, c := range db.copies {
		list[i] = Copy{ID: c.dir.ID, Status: c.status, Reason: c.reason, Generation: c.synced, SnapshotMs: c.snapMs, SizeBytes: c.snapSize + c.journalSize, CheckedMs: c.checkedMs}
	}
	return list
}

// Check verifies the structure of the database in RAM: every page is used once, keys are in order. It takes time in
// proportion to its size.
func (db *DB) Check() error {
	if db.isClosed() {
		return ErrClosed
	}
	return db.view(checkTx)
}

// check verifies the structure of a bbolt file.
func check(b *bolt.DB) error { return b.View(checkTx) }

func checkTx(btx *bolt.Tx) (err error) {
	var errs []error
	for err := range btx.Check() {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Close writes what is queued, within Config.StallAfter, and closes the database. A copy whose disk hangs is left
// behind.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	db.broadcast()
	db.mu.Unlock()
	db.wmu.Lock() // an update under way has queued its frames
	defer db.wmu.Unlock()
	db.stop()
	done := make(chan struct{})
	go func() {
		db.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(db.cfg.StallAfter):
	}
	return db.bolt.Load().Close()
}
