// Package kernel picks what the image needs out of Debian's kernel package: the signed kernel itself, and modules by
// the lists of kernel-config, with everything those need.
//
// Module files are used as Debian ships them (signed, xz-compressed); the kernel unpacks them itself. A list that names
// a module the kernel does not have is an error: lists must not rot.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Kernel is an unpacked kernel package.
type Kernel struct {
	Release string // as in uname -r
	Image   string // file of the signed kernel
	Config  string // file of its build configuration

	dir     string // the folder of modules
	index   index
	builtin map[string]bool
}

// Open reads a kernel package unpacked in dir. Such a package has no module index yet; one is made with depmod beside
// the modules unless that has been done before.
func Open(ctx context.Context, dir string) (*Kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return nil, fmt.Errorf("kernel package %s: want one kernel in boot/, found %d", dir, len(images))
	}
	release := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	k := &Kernel{
		Release: release,
		Image:   images[0],
		Config:  filepath.Join(dir, "boot", "config-"+release),
		dir:     filepath.Join(dir, "usr", "lib", "modules", release),
	}
	if _, err := os.Stat(filepath.Join(k.dir, "modules.dep")); errors.Is(err, fs.ErrNotExist) {
		if err := depmod(ctx, dir, release); err != nil {
			return nil, err
		}
	}
	if k.index, err = readIndex(k.dir); err != nil {
		return nil, err
	}
	builtin, err := os.ReadFile(filepath.Join(k.dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("read list of built-in modules: %w", err)
	}
	k.builtin = map[string]bool{}
	for line := range strings.Lines(string(builtin)) {
		k.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return k, nil
}

// depmod indexes the modules below root/usr/lib/modules. The program looks in root/lib/modules.
func depmod(ctx context.Context, root, release string) error {
	link := filepath.Join(root, "lib")
	if err := os.Symlink("usr/lib", link); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("prepare module index: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "depmod", "-b", root, release).CombinedOutput(); err != nil {
		return fmt.Errorf("depmod: %w: %s", err, out)
	}
	return nil
}

// Select returns the modules that wanted names, and all that they need, as paths relative to the module folder, sorted.
//
// An entry of wanted is a module name, or a folder of the kernel's source tree, ending in a slash, that stands for all
// modules below it. What is built into the kernel counts as there.
func (k *Kernel) Select(wanted []string) ([]string, error) {
	var names []string
	for _, w := range wanted {
		folder, isFolder := strings.CutSuffix(w, "/")
		found := false
		for _, m := range k.index.names() {
			if isFolder && strings.HasPrefix(k.index.file[m], "kernel/"+folder+"/") || m == canonical(w) {
				names = append(names, m)
				found = true
			}
		}
		if !found && !k.builtin[canonical(w)] {
			return nil, fmt.Errorf("kernel %s has no module %s", k.Release, w)
		}
	}
	return k.index.closure(names), nil
}

// moduleName is the name of a module given its file: "kernel/fs/xfs/xfs.ko.xz" is xfs.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return canonical(name)
}

// canonical makes the two spellings of a name one, as the kernel does.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }
