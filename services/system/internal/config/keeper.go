// Package config keeps the machine configuration (internal/sysconfig): one copy in a folder that lives as long as the
// machine runs, and one on every data volume.
//
// At boot the copy with the highest generation on any volume is taken; a corrupt one is named in the log and passed
// over. Once storage has settled, a configured machine is the authority: a volume that comes later gets its
// configuration and does not give it one, so that a disk from another recorder cannot rename this one. A copy that
// would be lost this way is kept beside as config.replaced.json.
//
// Invariant: Change returns nil only when the new document is on the disk of at least one attached volume (when there
// is one), and was tried on all; it is applied only then. All methods may be called from many goroutines; those that write to volumes may block as
// long as these do.
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
)

// Keeper holds the configuration.
type Keeper struct {
	dir   string
	apply func(sysconfig.Config)
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex // held across writes: changes are rare, and their order matters
	doc     sysconfig.Document
	settled bool
	volumes map[string]string // id → path, in use
}

// New returns a keeper whose running copy is in dir. apply is told each new configuration, in order, and must not
// call back.
func New(dir string, apply func(sysconfig.Config), now func() time.Time, log *slog.Logger) *Keeper {
	return &Keeper{dir: dir, apply: apply, now: now, log: log, volumes: map[string]string{}}
}

// Open reads the running copy that a former run of the service left, and applies what it says, or the defaults.
func (k *Keeper) Open() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := os.MkdirAll(k.dir, 0o750); err != nil {
		return err
	}
	doc, err := read(filepath.Join(k.dir, file))
	if err == nil {
		k.doc = doc
	} else if !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("configuration copy passed over", "path", k.dir, "err", err)
	}
	k.apply(k.doc.Config.Clone())
	return nil
}

// Config returns the configuration in force.
func (k *Keeper) Config() sysconfig.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.doc.Config.Clone()
}

// Settle says that every volume present at boot has been attached.
func (k *Keeper) Settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled = true
}

// Attach takes a mounted volume into use: its copy is taken when it is to be believed, and brought up to date.
func (k *Keeper) Attach(id, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.volumes[id] = path
	theirs, err := read(filepath.Join(path, folder, file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		k.log.Warn("configuration copy passed over", "volume", id, "err", err)
	case theirs.Generation > k.doc.Generation && (!k.settled || k.doc.Generation == 0):
		k.log.Info("configuration taken", "volume", id, "generation", theirs.Generation)
		k.doc = theirs
		if err := k.spread(); err != nil {
			k.log.Error("configuration copy", "err", err)
		}
		k.apply(k.doc.Config.Clone())
		return
	}
	if err == nil && theirs.Generation == k.doc.Generation || k.doc.Generation == 0 && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil && theirs.Generation > k.doc.Generation {
		dir := filepath.Join(path, folder)
		k.log.Warn("a volume from elsewhere brings a configuration; it is kept beside", "volume", id, "path", filepath.Join(dir, replaced))
		if err := os.Rename(filepath.Join(dir, file), filepath.Join(dir, replaced)); err != nil {
			k.log.Warn("configuration copy", "volume", id, "err", err)
		}
	}
	if err := k.write(path); err != nil {
		k.log.Error("configuration copy", "volume", id, "err", err)
	}
}

// Detach forgets a volume.
func (k *Keeper) Detach(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.volumes, id)
}

// Change edits the configuration, or refuses with a *sysconfig.FieldError and changes nothing. Volumes that do not
// take the copy are logged; it is an error when there are volumes and none takes it.
func (k *Keeper) Change(edit func(*sysconfig.Config)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.doc
	next.Config = next.Config.Clone()
	edit(&next.Config)
	if err := next.Config.Validate(); err != nil {
		return err
	}
	next.Generation++
	next.SavedMs = k.now().UnixMilli()
	before := k.doc
	k.doc = next
	if err := k.spread(); err != nil {
		k.doc = before
		return err
	}
	k.apply(k.doc.Config.Clone())
	return nil
}

// spread writes the document everywhere. The running copy must succeed, and one volume's when there are any.
func (k *Keeper) spread() error {
	var errs []error
	for id, path := range k.volumes {
		if err := k.write(path); err != nil {
			k.log.Error("configuration copy", "volume", id, "err", err)
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 && len(errs) == len(k.volumes) {
		return fmt.Errorf("no volume takes the configuration: %w", errors.Join(errs...))
	}
	b, err := sysconfig.Encode(k.doc)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(k.dir, file), b, 0o640)
}

func (k *Keeper) write(volume string) error {
	b, err := sysconfig.Encode(k.doc)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(volume, folder, file), b, 0o600)
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
