package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrUnknown is wrapped when a name or alias stands for no module.
var ErrUnknown = errors.New("no such module")

// Loader loads modules of the running kernel.
type Loader struct {
	dir      string
	index    *Index
	settings Settings
	insert   func(file, params string) error

	mu     sync.Mutex
	loaded map[string]bool
	count  int
}

// NewLoader takes the index of the modules in dir.
func NewLoader(dir string, index *Index, settings Settings) *Loader {
	return &Loader{dir: dir, index: index, settings: settings, insert: Insert, loaded: map[string]bool{}}
}

// Load loads what a name or an alias stands for with all that it needs. It waits for the modules' own
// initialisation, which for a driver with a broken device can take long.
func (l *Loader) Load(name string) error {
	steps, err := l.index.Plan(name, l.settings)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range steps {
		l.mu.Lock()
		done := l.loaded[s.Module]
		l.mu.Unlock()
		if done {
			continue
		}
		err := l.insert(filepath.Join(l.dir, filepath.FromSlash(s.File)), s.Params)
		if errors.Is(err, unix.EEXIST) {
			err = nil
		} else if err == nil {
			l.mu.Lock()
			l.count++
			l.mu.Unlock()
		}
		switch {
		case err == nil:
			l.mu.Lock()
			l.loaded[s.Module] = true
			l.mu.Unlock()
		case !s.Optional:
			errs = append(errs, fmt.Errorf("module %s: %w", s.Module, err))
		}
	}
	return errors.Join(errs...)
}

// Count is the number of modules that this Loader put into the kernel.
func (l *Loader) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Insert hands one module file to the kernel.
func Insert(file, params string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(file, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	return unix.FinitModule(int(f.Fd()), params, flags)
}
