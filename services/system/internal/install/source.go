package install

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vigie/installer/systemimage"
)

// mediumFile is where the image is on the medium of live mode.
const mediumFile = "system.img"

// Source is where the image that this machine runs may lie.
type Source struct {
	Node string
	Slot bool // the node is a slot; else it has the file system of a medium
}

// ErrNoSource is wrapped when nothing has the image that this machine runs.
var ErrNoSource = errors.New("the medium that this machine was started from is not there, or cannot be read; put it in again")

// Trusted are the keys whose images this machine takes.
func (i *Installer) Trusted() ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(filepath.Join(i.cfg.Root, systemimage.TrustedFile))
	if err != nil {
		return nil, fmt.Errorf("trusted keys: %w", err)
	}
	return systemimage.ParseTrusted(text)
}

// open returns the image of this machine's own version from the first source that has it.
func (i *Installer) open(ctx context.Context, sources []Source) (image *systemimage.Image, done func(), err error) {
	trusted, err := i.Trusted()
	if err != nil {
		return nil, nil, err
	}
	why := []error{ErrNoSource}
	for _, s := range sources {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		image, done, err := i.openOne(s, trusted)
		if err == nil {
			return image, done, nil
		}
		why = append(why, fmt.Errorf("%s: %w", filepath.Base(s.Node), err))
	}
	return nil, nil, errors.Join(why...)
}

func (i *Installer) openOne(s Source, trusted []ed25519.PublicKey) (image *systemimage.Image, done func(), err error) {
	name, done := s.Node, func() {}
	if !s.Slot {
		dir := filepath.Join(i.cfg.Scratch, "medium")
		if done, err = mount(s.Node, dir); err != nil {
			return nil, nil, err
		}
		name = filepath.Join(dir, mediumFile)
	}
	f, err := os.Open(name)
	if err != nil {
		done()
		return nil, nil, err
	}
	unmount := done
	done = func() { f.Close(); unmount() }
	if image, err = i.check(f, trusted); err != nil {
		done()
		return nil, nil, err
	}
	return image, done, nil
}

func (i *Installer) check(f *os.File, trusted []ed25519.PublicKey) (*systemimage.Image, error) {
	size, err := f.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	image, err := systemimage.Open(f, size, trusted)
	if err != nil {
		return nil, err
	}
	if image.Version != i.cfg.Version {
		return nil, fmt.Errorf("it has version %s, this machine runs %s", image.Version, i.cfg.Version)
	}
	return image, nil
}

// mount mounts a medium, read-only.
func mount(node, dir string) (unmount func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount(node, dir, "iso9660", flags, ""); err != nil {
		return nil, errors.Join(fmt.Errorf("mount the medium: %w", err), os.Remove(dir))
	}
	return func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		_ = os.Remove(dir)
	}, nil
}
