// Package hostkey keeps the key by which the machine is known over SSH: made once, and the same from then on, whatever is
// restarted. It lies beside the machine's configuration on every data volume, and in a folder that lives as long as the
// machine runs, readable by root alone (0600); it is in no configuration, no export and no log.
//
// A file is one JSON object:
//
//	{"format":"vigie-ssh-host-key","createdMs":ms,"sha256":"<hex, of the key's text>","key":"<OpenSSH's PEM>"}
//
// At boot, of several keys the oldest is the machine's: a disk from another recorder is likely to have come later. Once
// storage has settled the key stays what it is, and a volume that comes later gets it; the one that it brought is kept beside
// as ssh-host-key.replaced.json. A key is made only when somebody asks for one and no volume has any.
//
// Invariants: a key is handed out only when a copy that can be had is written, so that nobody ever sees one that the next
// boot does not know; without volumes it lives in memory, and is written to the first that comes. A damaged copy is named in
// the log and passed over.
//
// All methods may be called from many goroutines. Settle, Detach and Fingerprint never wait for a disk; Attach and Key do,
// but for no longer than patience: a write that hangs on a dying disk goes on by itself and nobody waits for it.
package hostkey

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
)

const (
	file     = "ssh-host-key.json"
	replaced = "ssh-host-key.replaced.json"
	folder   = "vigie/machine" // on a volume

	patience = 5 * time.Second // for the copies
)

// ErrWaiting says that not every disk has been looked at yet: an earlier key may still come.
var ErrWaiting = errors.New("the disks are still being looked at for the earlier host key")

// Keeper holds the key.
type Keeper struct {
	dir string
	now func() time.Time
	log *slog.Logger

	changing sync.Mutex // serialises adoptions and the making of the key; held for patience at most

	mu      sync.Mutex // never held across I/O
	key     *Key       // nil: none
	settled bool
	volumes map[string]*volume // by id, in use
	never   []string           // fingerprints of keys that were taken away
}

// volume is one place for copies.
type volume struct {
	path    string
	writing chan struct{} // holds one while a copy is written
	has     string        // fingerprint of the copy that it has; under the Keeper's mu
}

// New returns a keeper whose running copy is in dir.
func New(dir string, now func() time.Time, log *slog.Logger) *Keeper {
	return &Keeper{dir: dir, now: now, log: log, volumes: map[string]*volume{}}
}

// Open reads the running copy that a former run of the service left.
func (k *Keeper) Open() {
	key, err := read(filepath.Join(k.dir, file))
	switch {
	case err == nil:
		k.mu.Lock()
		k.key, k.settled = key, true // it is the machine's since this boot
		k.mu.Unlock()
	case !errors.Is(err, fs.ErrNotExist):
		k.log.Warn("copy of the SSH host key passed over", "path", k.dir, "err", err)
	}
}

// Settle says that every volume present at boot has been attached.
func (k *Keeper) Settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled = true
}

// Detach forgets a volume.
func (k *Keeper) Detach(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.volumes, id)
}

// Attach takes a mounted volume into use: its key is taken when it is to be believed, and brought up to date.
func (k *Keeper) Attach(id, path string) {
	k.changing.Lock()
	defer k.changing.Unlock()
	v := &volume{path: path, writing: make(chan struct{}, 1)}
	theirs, err := read(filepath.Join(path, folder, file))
	switch {
	case err == nil && k.isForgotten(theirs):
		theirs = nil
	case err == nil:
		v.has = theirs.Fingerprint()
	case !errors.Is(err, fs.ErrNotExist):
		k.log.Warn("copy of the SSH host key passed over", "volume", id, "err", err)
	}
	k.mu.Lock()
	k.volumes[id] = v
	taken := theirs != nil && (k.key == nil || !k.settled && theirs.before(k.key))
	foreign := theirs != nil && !taken && v.has != k.key.Fingerprint()
	if taken {
		k.key = theirs
	}
	k.mu.Unlock()
	if foreign {
		dir := filepath.Join(path, folder)
		k.log.Warn("a volume brings another SSH host key; it is kept beside", "volume", id, "fingerprint", v.has, "path", filepath.Join(dir, replaced))
		if err := os.Rename(filepath.Join(dir, file), filepath.Join(dir, replaced)); err != nil {
			k.log.Warn("copy of the SSH host key", "volume", id, "err", err)
		}
	}
	k.spread()
}

// Fingerprint names the key as ssh-keygen -l does; "" while there is none.
func (k *Keeper) Fingerprint() string {
	if key := k.current(); key != nil {
		return key.Fingerprint()
	}
	return ""
}

// Key returns the key, and makes it if there is none. Before all disks have been looked at it is ErrWaiting.
func (k *Keeper) Key() (*Key, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	key, settled := k.key, k.settled
	k.mu.Unlock()
	if !settled {
		return nil, ErrWaiting
	}
	if key == nil {
		var err error
		if key, err = generate(k.now()); err != nil {
			return nil, err
		}
		k.mu.Lock()
		k.key = key
		k.mu.Unlock()
		k.log.Info("SSH host key made", "fingerprint", key.Fingerprint())
	}
	k.spread()
	if err := k.remember(key); err != nil {
		return nil, err
	}
	return key, nil
}

// remember writes the running copy.
func (k *Keeper) remember(key *Key) error {
	b, err := key.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(k.dir, file), b, 0o600); err != nil {
		return fmt.Errorf("remember the SSH host key: %w", err)
	}
	return nil
}

// spread brings all volumes' copies up to date. Those that do not take it are logged, and tried again next time.
func (k *Keeper) spread() {
	k.mu.Lock()
	key := k.key
	if key == nil {
		k.mu.Unlock()
		return
	}
	waiting, done := 0, make(chan struct{}, len(k.volumes))
	for id, v := range k.volumes {
		if v.has == key.Fingerprint() {
			continue
		}
		waiting++
		go func() {
			if err := k.write(v, key); err != nil {
				k.log.Error("copy of the SSH host key", "volume", id, "err", err)
			}
			done <- struct{}{}
		}()
	}
	k.mu.Unlock()
	late := time.After(patience)
	for range waiting {
		select {
		case <-done:
		case <-late:
			k.log.Error("copy of the SSH host key", "err", "a disk takes too long")
			return
		}
	}
}

func (k *Keeper) write(v *volume, key *Key) error {
	v.writing <- struct{}{}
	defer func() { <-v.writing }()
	b, err := key.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(v.path, folder, file), b, 0o600); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v.has = key.Fingerprint()
	return nil
}

func (k *Keeper) current() *Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key
}

func read(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	return decode(b)
}
