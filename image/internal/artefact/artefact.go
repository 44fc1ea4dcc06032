// Package artefact makes system.img, one version of Vigie as one file: package systemimage of the installer has its form.
package artefact

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"vigie/image/internal/squashfs"
	"vigie/image/internal/tree"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

// Parts is what it is made from.
type Parts struct {
	Kernel, Initrd string // files
	CommandLine    string // of the kernel
	Manifest       systemimage.Manifest
	Key            ed25519.PrivateKey
}

// Write makes the image at out, all times in it being when.
func (p Parts) Write(ctx context.Context, out string, when time.Time) (err error) {
	boot, err := loader.Boot(p.Manifest.BuiltS, p.CommandLine)
	if err != nil {
		return err
	}
	var t tree.Tree
	t.File(loader.BootFile, 0o644, boot)
	t.Copy(loader.Kernel, 0o644, p.Kernel)
	t.Copy(loader.Initrd, 0o644, p.Initrd)
	if err := squashfs.Write(ctx, &t, out, squashfs.Plain, when); err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("seal the system image: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("seal the system image: %w", err)
	}
	seal, err := systemimage.Seal(f, size, p.Manifest, p.Key)
	if err != nil {
		return err
	}
	if _, err := f.Write(seal); err != nil {
		return fmt.Errorf("seal the system image: %w", err)
	}
	// What was written is what would be taken.
	image, err := systemimage.Open(f, size+int64(len(seal)), []ed25519.PublicKey{p.Key.Public().(ed25519.PublicKey)})
	if err != nil {
		return fmt.Errorf("check the system image: %w", err)
	}
	return image.Verify(f, nil)
}

// Key reads the signing key at path. Where none is named it is one of this machine's own, in the cache, made when it is
// first needed: what that signs is trusted by images of this machine alone.
func Key(path, cache string) (ed25519.PrivateKey, error) {
	own := path == ""
	if own {
		path = filepath.Join(cache, "test-signing-key.pem")
	}
	text, err := os.ReadFile(path)
	if own && errors.Is(err, os.ErrNotExist) {
		if text, err = systemimage.NewPrivateKey(); err != nil {
			return nil, err
		}
		if err = os.MkdirAll(cache, 0o755); err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	key, err := systemimage.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", path, err)
	}
	return key, nil
}
