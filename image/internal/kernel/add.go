package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"vigie/image/internal/tree"
)

// indexes are the files of a module folder that the image's module loader reads. The binary twins that depmod also
// makes are for another loader.
func indexes() []string {
	return []string{"modules.alias", "modules.builtin", "modules.dep", "modules.softdep"}
}

// Add puts modules into a tree at lib/modules/<release> below prefix, with an index of just these. Scratch is a folder
// for temporary files, which the caller removes after the tree is written.
func (k *Kernel) Add(ctx context.Context, t *tree.Tree, prefix string, modules []string, scratch string) error {
	root, err := os.MkdirTemp(scratch, "modules-")
	if err != nil {
		return fmt.Errorf("make folder to index modules: %w", err)
	}
	staged := filepath.Join(root, "usr", "lib", "modules", k.Release)
	for _, f := range append([]string{"modules.builtin", "modules.builtin.modinfo", "modules.order"}, modules...) {
		if err := link(filepath.Join(k.dir, f), filepath.Join(staged, f)); err != nil {
			return fmt.Errorf("stage module %s: %w", f, err)
		}
	}
	if err := depmod(ctx, root, k.Release); err != nil {
		return err
	}
	to := path.Join(prefix, "lib", "modules", k.Release)
	for _, f := range append(indexes(), modules...) {
		t.Copy(path.Join(to, f), 0o644, filepath.Join(staged, f))
	}
	return nil
}

// link makes a file appear at another path, by copy where a hard link is impossible.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
