package config

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigie/internal/filesys"
	"vigie/internal/sysconfig"
)

// verifyEvery is how often the copies are read back from their disks.
const verifyEvery = 24 * time.Hour

// Copy is how a volume's copy is. Times are UTC in ms since the Unix epoch, 0: never.
type Copy struct {
	Volume     string
	Generation int64 // as last written or read; 0: there is none
	SizeBytes  int64
	SavedMs    int64  // when what it holds was changed
	CheckedMs  int64  // when it was last written, or read back whole
	DamagedMs  int64  // when it was last found damaged; it was written anew then
	Damage     string // what was damaged
	Problem    string // why it cannot be written or read now
}

// Copies lists the copies, in order of the volumes' ids.
func (k *Keeper) Copies() []Copy {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]Copy, 0, len(k.volumes))
	for _, v := range k.volumes {
		out = append(out, v.copy)
	}
	slices.SortFunc(out, func(a, b Copy) int { return strings.Compare(a.Volume, b.Volume) })
	return out
}

// Run makes what is to be made once when the volumes have been heard, and reads the copies back every day, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	select {
	case <-k.heard:
		k.makeOnce()
	case <-ctx.Done():
		return nil
	}
	t := time.NewTicker(verifyEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		k.mu.Lock()
		var list []*volume
		for _, v := range k.volumes {
			list = append(list, v)
		}
		k.mu.Unlock()
		for _, v := range list {
			go k.verify(v) // a disk that hangs keeps nobody else waiting
		}
	}
}

// verify reads a volume's copy back, and writes it anew when it is not what it is to be.
func (k *Keeper) verify(v *volume) {
	v.writing <- struct{}{}
	ours := k.current() // what is written later waits
	content, err := fromDisk(filepath.Join(v.path, folder, file))
	<-v.writing
	if ours.Generation == 0 {
		return
	}
	damage := ""
	theirs, derr := sysconfig.Decode(content)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		damage = "it was not there"
	case err != nil:
		damage = "it cannot be read: " + err.Error()
	case derr != nil:
		damage = derr.Error()
	case theirs.Generation == ours.Generation:
		if want, err := sysconfig.Encode(ours); err != nil || !bytes.Equal(want, content) {
			damage = "its content is not that of its generation"
		}
	}
	if damage == "" && theirs.Generation == ours.Generation {
		k.note(v, func(c *Copy) { c.CheckedMs = k.now().UnixMilli() })
		return
	}
	if damage != "" { // else a change is about to be written, or could not be
		k.log.Error("configuration copy is damaged and is written anew", "volume", v.id, "reason", damage)
		k.note(v, func(c *Copy) { c.Damage, c.DamagedMs = damage, k.now().UnixMilli() })
	}
	k.mu.Lock()
	here := k.volumes[v.id] == v
	k.mu.Unlock()
	if !here {
		return
	}
	if err := k.write(v); err != nil {
		k.log.Error("configuration copy", "volume", v.id, "err", err)
	}
}

// fromDisk reads a file as it is on its disk, not as memory has it.
func fromDisk(path string) ([]byte, error) {
	f, err := filesys.Open(filesys.OS, path)
	if err != nil {
		return nil, err
	}
	filesys.Uncache(f)
	content, err := io.ReadAll(io.LimitReader(f, sysconfig.MaxSize+1))
	return content, errors.Join(err, f.Close())
}

// note changes what is told of a volume's copy.
func (k *Keeper) note(v *volume, fn func(*Copy)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn(&v.copy)
}

// written notes what came of writing a document to a volume.
func (k *Keeper) written(v *volume, d sysconfig.Document, size int, err error) {
	k.note(v, func(c *Copy) {
		if err != nil {
			c.Problem = err.Error()
			return
		}
		c.Problem, c.Generation, c.SizeBytes, c.SavedMs, c.CheckedMs = "", d.Generation, int64(size), d.SavedMs, k.now().UnixMilli()
	})
}
