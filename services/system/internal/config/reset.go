package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vigie/internal/atomicfile"
	"vigie/internal/sysconfig"
)

// ErrSealed: the machine was reset, and is about to restart.
var ErrSealed = errors.New("the machine is being reset")

// Forgotten names what was taken away by resets.
func (k *Keeper) Forgotten() []string { return slices.Clone(k.current().Forgotten) }

// Reset writes the configuration of a machine that nobody configured, with what is to be forgotten, in the place of the present
// one. That is the moment of the reset: once one volume has it, it is what the machine starts with. It is not applied, so that
// who asked gets an answer; the machine has to be restarted, and until then nothing is changed any more. An error says that no
// volume took it.
func (k *Keeper) Reset(forget []string) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.sealed {
		return ErrSealed
	}
	if t := k.trial; t != nil {
		k.trial = nil
		t.timer.Stop()
		t.ended(false)
	}
	before := k.current()
	next := sysconfig.Document{
		Generation: before.Generation + 1, SavedMs: k.now().UnixMilli(),
		Resets: before.Resets + 1, Forgotten: union(before.Forgotten, forget),
	}
	if _, err := sysconfig.Encode(next); err != nil {
		return err
	}
	k.set(next)
	if err := k.spread(); err != nil {
		k.set(before)
		return err
	}
	k.sealed = true
	return nil
}

// newer says whether a volume's document comes after ours. A machine that was reset does not become again what it was by a disk
// that was away meanwhile, however much was changed there: where one of the two was reset more often, and the other one's volumes
// still have something of what was taken away then, that is the newer. Another recorder's resets are none of ours.
func (k *Keeper) newer(theirs, ours sysconfig.Document, path string) bool {
	switch {
	case theirs.Resets > ours.Resets:
		k.mu.Lock()
		paths := []string{path}
		for _, v := range k.volumes {
			paths = append(paths, v.path)
		}
		k.mu.Unlock()
		if k.has(theirs.Forgotten, paths...) {
			return true
		}
	case theirs.Resets < ours.Resets && k.has(ours.Forgotten, path):
		return false
	}
	return theirs.Generation > ours.Generation
}

// has says whether volumes have anything of what is named.
func (k *Keeper) has(names []string, volumes ...string) bool {
	return k.Traces != nil && slices.ContainsFunc(volumes, func(path string) bool {
		return slices.ContainsFunc(k.Traces(path), func(name string) bool { return slices.Contains(names, name) })
	})
}

// DropReplaced removes the configuration that is kept beside on a volume, if there is one.
func DropReplaced(volume string) error {
	dir := filepath.Join(volume, folder)
	if err := os.Remove(filepath.Join(dir, replaced)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return atomicfile.SyncDir(dir)
}

// union is the names of both, those of b last; of too many the oldest are left out.
func union(a, b []string) []string {
	out := slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
	for _, name := range b {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out[max(0, len(out)-sysconfig.MaxForgotten):]
}
