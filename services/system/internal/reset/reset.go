// Package reset takes a machine back to how it came: configuration, accounts, cameras and keys go, on each volume; recordings
// stay, but on the volumes whose recordings are to go too.
//
// What is to go is named once, in the configuration (sysconfig.Document): the databases of web and engine by their UUIDs, the SSH
// host key by its fingerprint. The moment of a reset is that the first volume has this configuration. Before, the machine is as it
// was; from then on it starts as one that nobody has set up, and whatever it finds of what is named is erased before anything
// reads it: on the volumes of today when it starts again, on one that is away now when it comes back.
//
//	1  the volumes whose recordings go get a mark (vigie/machine/reset.json) with the name of this reset
//	2  the configuration of a machine that nobody configured, with the names, is written to each volume: the reset
//	3  the machine restarts
//	4  as each volume is mounted, before anything reads it: the databases and keys that are named are overwritten and removed;
//	   where there is a mark of a reset that took place, the recordings' folder is moved aside in one step; the mark is removed
//	5  what was moved aside is deleted while the machine runs
//
// A power cut before 2 leaves marks of a reset that never took place, which say nothing. One in 4 leaves 4 to be done again.
//
// Overwriting is done where a file lies. What older files left in free space is overwritten by what is recorded; flash disks move
// data by themselves, and are told which blocks are free (by trim) once recordings have been deleted. A disk that is given
// away is made unreadable by its own secure erase alone.
//
// Attach may block on its own volume, and for patience on the others; Reset for twice patience. All methods may be called from
// many goroutines.
package reset

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/services/system/internal/hostkey"
	"vigie/services/system/internal/volume"
)

// patience is for work on all volumes: a dying disk's goes on by itself.
const patience = 8 * time.Second

// Settings is the machine's configuration, which says what is forgotten: a config.Keeper.
type Settings interface {
	Forgotten() []string
	Reset(forget []string) error
}

// Config is what a Resetter is made with.
type Config struct {
	Settings Settings
	Key      *hostkey.Keeper
	Owners   volume.Owners
	Log      *slog.Logger
}

// Resetter resets one machine.
type Resetter struct {
	cfg   Config
	clean chan struct{} // holds one while there may be recordings to be deleted

	mu      sync.Mutex // never held across I/O
	volumes map[string]string
	known   []string // what was forgotten when the volumes were looked through
}

// New returns a Resetter without volumes.
func New(cfg Config) *Resetter {
	return &Resetter{cfg: cfg, clean: make(chan struct{}, 1), volumes: map[string]string{}}
}

// Attach takes up a volume that was mounted, once the configuration has taken up its copy and before anything else reads it. A
// volume that tells of a reset has the others looked through again.
func (r *Resetter) Attach(id, path string) {
	names := r.cfg.Settings.Forgotten()
	r.mu.Lock()
	others := map[string]string{}
	if !slices.Equal(names, r.known) {
		r.known, others = names, maps.Clone(r.volumes)
		delete(others, id)
	}
	r.volumes[id] = path
	r.mu.Unlock()
	if len(names) > 0 {
		r.each(others, func(id, path string) error { return r.sweep(id, path, names) })
		if err := r.sweep(id, path, names); err != nil { // however long it takes: it is shown to nobody before
			r.cfg.Log.Error("reset", "volume", id, "err", err)
		}
		r.cfg.Key.Forget(names)
	}
	select {
	case r.clean <- struct{}{}:
	default:
	}
}

func (r *Resetter) sweep(id, path string, names []string) error {
	n, err := sweep(path, names, r.cfg.Owners)
	if n > 0 {
		r.cfg.Log.Info("what a reset took away is erased", "volume", id, "files", n)
	}
	return err
}

// Detach forgets a volume.
func (r *Resetter) Detach(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.volumes, id)
}

// Reset resets the machine, which must restart then. recordings are the ids of the volumes whose recordings go too. An error
// says that nothing was reset.
func (r *Resetter) Reset(recordings []string) error {
	r.mu.Lock()
	volumes := maps.Clone(r.volumes)
	r.mu.Unlock()
	for _, id := range recordings {
		if volumes[id] == "" {
			return fmt.Errorf("volume %s is not there", id)
		}
	}
	name := newName()
	var mu sync.Mutex
	forget := []string{name}
	failed := r.each(volumes, func(id, path string) error {
		names, err := named(path)
		if err == nil && slices.Contains(recordings, id) {
			err = writeMark(path, name)
		}
		mu.Lock()
		defer mu.Unlock()
		forget = append(forget, names...)
		return err
	})
	for id, err := range failed {
		if slices.Contains(recordings, id) || len(failed) == len(volumes) {
			return fmt.Errorf("volume %s: %w", id, err)
		}
	}
	if key := r.cfg.Key.Fingerprint(); key != "" {
		forget = append(forget, key)
	}
	mu.Lock() // a disk that took too long may still have something to say
	forget = slices.Clone(forget)
	mu.Unlock()
	return r.cfg.Settings.Reset(forget)
}

// Run deletes recordings that were moved aside, until ctx ends.
func (r *Resetter) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.clean:
		}
		r.mu.Lock()
		volumes := maps.Clone(r.volumes)
		r.mu.Unlock()
		for id, path := range volumes {
			done := make(chan struct{})
			go func() {
				defer close(done)
				n, err := volume.RemoveDropped(ctx, path)
				if n > 0 || err != nil && ctx.Err() == nil {
					r.cfg.Log.Info("recordings that were reset are deleted", "volume", id, "files", n, "err", err)
				}
			}()
			select {
			case <-done:
			case <-ctx.Done():
				return nil // a disk that hangs is not waited for
			}
		}
	}
}

var errSlow = errors.New("the disk takes too long")

// each does something on volumes side by side, and returns why it was not done, by volume.
func (r *Resetter) each(volumes map[string]string, do func(id, path string) error) map[string]error {
	type result struct {
		id  string
		err error
	}
	results := make(chan result, len(volumes))
	failed := map[string]error{}
	for id, path := range volumes {
		failed[id] = errSlow
		go func() { results <- result{id, do(id, path)} }()
	}
	late := time.After(patience)
	for range volumes {
		select {
		case got := <-results:
			if failed[got.id] = got.err; got.err == nil {
				delete(failed, got.id)
			} else {
				r.cfg.Log.Error("reset", "volume", got.id, "err", got.err)
			}
		case <-late:
			r.cfg.Log.Error("reset", "err", errSlow)
			return failed
		}
	}
	return failed
}

func newName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "reset-" + hex.EncodeToString(b[:])
}

// databases are those of web and engine: the folder on a volume, and the name of the files in it.
var databases = []struct{ folder, name string }{{"accounts", "accounts"}, {"index", "engine"}}

// Traces names what a volume has that a reset takes away, as far as it can be read.
func Traces(path string) []string {
	names, _ := named(path)
	return names
}

// named returns the names of what a volume has that a reset takes away.
func named(path string) ([]string, error) {
	names := hostkey.OnVolume(path)
	for _, d := range databases {
		owners, err := mirror.Owners(filesys.OS, inVigie(path, d.folder), d.name)
		if err != nil {
			return names, err
		}
		names = append(names, owners...)
	}
	return names, nil
}
