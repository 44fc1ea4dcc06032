// Package config keeps the machine configuration (internal/sysconfig): one copy in a folder that lives as long as the
// machine runs, and one on every data volume.
//
// At boot the copy with the highest generation on any volume is taken (but see newer); a corrupt one is named in the log and passed
// over. Once storage has settled, a configured machine is the authority: a volume that comes later gets its
// configuration and does not give it one, so that a disk from another recorder cannot rename this one. A copy that
// would be lost this way is kept beside as config.replaced.json. Every day the copies are read back from their disks; one
// that is damaged is written anew.
//
// A change that the boot options ask for is made once in a start (Once).
//
// Invariants: Change returns nil only when the new document is on the disk of at least one attached volume (when there
// is one), and was tried on all; it is applied only then. A volume's copy is never replaced by an older one. What is on
// trial (Try) is applied and nowhere else: it ends with this process.
//
// All methods may be called from many goroutines. Settle, Detach and Config never wait for a disk. Attach does, and is
// for the disk's own job; Change waits for the slowest volume, but not longer than its patience: a write that hangs on
// a dying disk goes on by itself and nobody waits for it.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vigie/internal/atomicfile"
	"vigie/internal/sysconfig"
)

const (
	file     = "config.json"
	replaced = "config.replaced.json"
	folder   = "vigie/machine" // on a volume

	patience = 5 * time.Second // for the copies of a change
)

var errSlow = errors.New("the disk takes too long")

// Keeper holds the configuration.
type Keeper struct {
	dir   string
	apply func(sysconfig.Config)
	now   func() time.Time
	log   *slog.Logger

	// Once is made once in this start of the machine; nil: nothing is. To be set before Open; under changing from then on.
	Once *Once
	// Traces names what a volume has that a reset would take away; nil: nothing. To be set before Open.
	Traces func(volume string) []string

	changing sync.Mutex // serialises changes, adoptions and calls of apply; held for patience at most
	trial    *trial     // nil: none; under changing
	sealed   bool       // it was reset; under changing

	mu      sync.Mutex // never held across I/O
	doc     sysconfig.Document
	settled bool
	volumes map[string]*volume // by id, in use
	heard   chan struct{}      // closed when settled
}

// volume is one place for copies.
type volume struct {
	id, path string
	writing  chan struct{} // holds one while a copy is written or read back
	copy     Copy          // under Keeper.mu
}

// New returns a keeper whose running copy is in dir. apply is told each new configuration, in order, and must not
// call back.
func New(dir string, apply func(sysconfig.Config), now func() time.Time, log *slog.Logger) *Keeper {
	return &Keeper{dir: dir, apply: apply, now: now, log: log, volumes: map[string]*volume{}, heard: make(chan struct{})}
}

// Open reads the running copy that a former run of the service left, and applies what it says, or the defaults.
func (k *Keeper) Open() error {
	if err := os.MkdirAll(k.dir, 0o750); err != nil {
		return err
	}
	doc, err := read(filepath.Join(k.dir, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("configuration copy passed over", "path", k.dir, "err", err)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	k.openOnce()
	k.set(doc)
	k.apply(k.effective(doc.Config))
	return nil
}

// Config returns the saved configuration, without what is on trial.
func (k *Keeper) Config() sysconfig.Config { return k.current().Config.Clone() }

// Settle says that every volume present at boot has been attached.
func (k *Keeper) Settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.settled {
		k.settled = true
		close(k.heard)
	}
}

// Detach forgets a volume.
func (k *Keeper) Detach(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.volumes, id)
}

// Attach takes a mounted volume into use: its copy is taken when it is to be believed, and brought up to date.
func (k *Keeper) Attach(id, path string) {
	theirs, err := read(filepath.Join(path, folder, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("configuration copy passed over", "volume", id, "err", err)
	}
	v := &volume{id: id, path: path, writing: make(chan struct{}, 1), copy: Copy{Volume: id}}
	k.mu.Lock()
	k.volumes[id] = v
	k.mu.Unlock()
	if err == nil && k.adopt(id, path, theirs) {
		return
	}
	ours := k.current()
	if ours.Generation == 0 {
		return
	}
	if err == nil && theirs.Generation == ours.Generation && theirs.Resets == ours.Resets {
		if b, err := sysconfig.Encode(theirs); err == nil {
			k.written(v, theirs, len(b), nil)
		}
		return
	}
	if err == nil && k.newer(theirs, ours, path) {
		dir := filepath.Join(path, folder)
		k.log.Warn("a volume from elsewhere brings a configuration; it is kept beside", "volume", id, "path", filepath.Join(dir, replaced))
		if err := os.Rename(filepath.Join(dir, file), filepath.Join(dir, replaced)); err != nil {
			k.log.Warn("configuration copy", "volume", id, "err", err)
		}
	}
	if err := k.write(v); err != nil {
		k.log.Error("configuration copy", "volume", id, "err", err)
	}
}

// adopt takes a volume's document when it is newer and this machine is not an authority of its own.
func (k *Keeper) adopt(id, path string, theirs sysconfig.Document) bool {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	ours, settled := k.doc, k.settled
	k.mu.Unlock()
	if !k.newer(theirs, ours, path) || settled && ours.Generation > 0 || k.sealed {
		return false
	}
	k.log.Info("configuration taken", "volume", id, "generation", theirs.Generation)
	theirs.Forgotten = union(ours.Forgotten, theirs.Forgotten)
	once := k.due()
	if once {
		k.Once.Edit(&theirs.Config)
		theirs.Generation++
		theirs.SavedMs = k.now().UnixMilli()
	}
	k.set(theirs)
	if err := k.spread(); err != nil {
		k.log.Error("configuration copy", "err", err)
	} else if once {
		k.endOnce()
	}
	k.apply(k.effective(theirs.Config))
	return true
}

// Change edits the configuration, or refuses with a *sysconfig.FieldError and changes nothing. Volumes that do not
// take the copy are logged; it is an error when there are volumes and none takes it.
func (k *Keeper) Change(edit func(*sysconfig.Config)) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.change(edit)
}

// change is Change for who holds changing.
func (k *Keeper) change(edit func(*sysconfig.Config)) error {
	if k.sealed {
		return ErrSealed
	}
	before := k.current()
	next := before
	next.Config = next.Config.Clone()
	once := k.due()
	if once {
		k.Once.Edit(&next.Config)
	}
	edit(&next.Config)
	if err := errors.Join(next.Config.Validate(), k.effective(next.Config).Validate()); err != nil {
		return err
	}
	next.Generation++
	next.SavedMs = k.now().UnixMilli()
	k.set(next)
	if err := k.spread(); err != nil {
		k.set(before)
		return err
	}
	if once {
		k.endOnce()
	}
	k.apply(k.effective(next.Config))
	return nil
}

// spread writes the document everywhere, to all volumes at once. The running copy must succeed, and one volume's when
// there are any.
func (k *Keeper) spread() error {
	k.mu.Lock()
	done := make(chan error, len(k.volumes))
	waiting := len(k.volumes)
	for _, v := range k.volumes {
		go func() {
			err := k.write(v)
			if err != nil {
				k.log.Error("configuration copy", "volume", v.id, "err", err)
			}
			done <- err
		}()
	}
	k.mu.Unlock()
	var errs []error
	taken, late := 0, time.After(patience)
	for range waiting {
		select {
		case err := <-done:
			if err == nil {
				taken++
			} else {
				errs = append(errs, err)
			}
			continue
		case <-late:
			errs = append(errs, errSlow)
		}
		break
	}
	if waiting > 0 && taken == 0 {
		return fmt.Errorf("no volume takes the configuration: %w", errors.Join(errs...))
	}
	b, err := sysconfig.Encode(k.current())
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(k.dir, file), b, 0o640)
}

// write brings a volume's copy up to date with the document of the moment.
func (k *Keeper) write(v *volume) error {
	v.writing <- struct{}{}
	defer func() { <-v.writing }()
	d := k.current()
	b, err := sysconfig.Encode(d)
	if err != nil {
		return err
	}
	err = atomicfile.Write(filepath.Join(v.path, folder, file), b, 0o600)
	k.written(v, d, len(b), err)
	return err
}

func (k *Keeper) current() sysconfig.Document {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.doc
}

func (k *Keeper) set(d sysconfig.Document) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.doc = d
}

func read(path string) (sysconfig.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return sysconfig.Document{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, sysconfig.MaxSize+1))
	if err != nil {
		return sysconfig.Document{}, err
	}
	return sysconfig.Decode(b)
}
