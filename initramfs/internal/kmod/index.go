// Package kmod finds and loads kernel modules.
//
// It reads the text files that depmod(8) makes: modules.dep (files and what they need), modules.softdep (what should
// be loaded before or after, if it is there), modules.alias (device and feature names as patterns) and modules.builtin.
// Module names are kept with "_" for "-", as the kernel does. Parameters and exclusions come from the kernel command
// line ("module.parameter=value", "modprobe.blacklist=a,b"), as for modprobe(8).
//
// An Index and a Plan are values without side effects; only Loader speaks to the kernel. Decompression is the
// kernel's (finit_module with MODULE_INIT_COMPRESSED_FILE). A Loader may be used by many goroutines; the kernel itself
// makes two loads of one module wait for each other.
package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Index is what depmod wrote about one kernel's modules. Read-only once made.
type Index struct {
	files    map[string]string   // module → file, relative to the modules' folder
	needs    map[string][]string // module → modules, those to load first at the end
	pre      map[string][]string // softdeps, by name or alias
	post     map[string][]string
	builtin  map[string]bool
	aliases  map[string][]alias // by the literal start of the pattern
	prefixes []int              // the lengths of those starts, ascending
}

type alias struct{ pattern, module string }

// ReadIndex reads the files in dir (lib/modules/<release>). Only modules.dep must be there.
func ReadIndex(dir fs.FS) (*Index, error) {
	x := &Index{
		files: map[string]string{}, needs: map[string][]string{}, pre: map[string][]string{}, post: map[string][]string{},
		builtin: map[string]bool{}, aliases: map[string][]alias{},
	}
	for _, file := range []struct {
		name string
		add  func(line string) error
		must bool
	}{
		{"modules.dep", x.addDep, true},
		{"modules.softdep", x.addSoftdep, false},
		{"modules.alias", x.addAlias, false},
		{"modules.builtin", x.addBuiltin, false},
	} {
		text, err := fs.ReadFile(dir, file.name)
		if errors.Is(err, fs.ErrNotExist) && !file.must {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("module index: %w", err)
		}
		// One string for the whole file: the index' own strings are parts of it.
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if err := file.add(line); err != nil {
				return nil, fmt.Errorf("module index: %s: %w", file.name, err)
			}
		}
	}
	lengths := map[int]bool{}
	for start := range x.aliases {
		if !lengths[len(start)] {
			lengths[len(start)] = true
			x.prefixes = append(x.prefixes, len(start))
		}
	}
	slices.Sort(x.prefixes)
	return x, nil
}

// addDep takes "kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz".
func (x *Index) addDep(line string) error {
	file, rest, ok := strings.Cut(line, ":")
	if !ok || !fs.ValidPath(file) {
		return fmt.Errorf("line %q", line)
	}
	name := moduleName(file)
	x.files[name] = file
	for _, f := range strings.Fields(rest) {
		x.needs[name] = append(x.needs[name], moduleName(f))
	}
	return nil
}

// addSoftdep takes "softdep xfs pre: crc32c post: a b".
func (x *Index) addSoftdep(line string) error {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "softdep" {
		return fmt.Errorf("line %q", line)
	}
	name, into := underscores(words[1]), x.pre
	for _, w := range words[2:] {
		switch w {
		case "pre:":
			into = x.pre
		case "post:":
			into = x.post
		default:
			into[name] = append(into[name], underscores(w))
		}
	}
	return nil
}

// addAlias takes "alias pci:v00008086d*sv* e1000".
func (x *Index) addAlias(line string) error {
	words := strings.Fields(line)
	if len(words) != 3 || words[0] != "alias" {
		return fmt.Errorf("line %q", line)
	}
	pattern := underscores(words[1])
	start := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		start = pattern[:i]
	}
	x.aliases[start] = append(x.aliases[start], alias{pattern, underscores(words[2])})
	return nil
}

func (x *Index) addBuiltin(line string) error {
	x.builtin[moduleName(line)] = true
	return nil
}

// Len is the number of modules.
func (x *Index) Len() int { return len(x.files) }

// Resolve returns the modules that a name or an alias stands for, in order of name. byAlias tells the two apart.
// What is built into the kernel needs no module: it resolves to none, and found is true.
func (x *Index) Resolve(name string) (modules []string, byAlias, found bool) {
	name = underscores(name)
	if x.files[name] != "" {
		return []string{name}, false, true
	}
	if x.builtin[name] {
		return nil, false, true
	}
	for _, n := range x.prefixes {
		if n > len(name) {
			break
		}
		for _, a := range x.aliases[name[:n]] {
			if !match(a.pattern, name) {
				continue
			}
			found = true
			if x.files[a.module] != "" {
				modules = append(modules, a.module)
			}
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules), true, found
}

// match is fnmatch(3) without flags, which path.Match is but for "/": those in a name are no separators here.
func match(pattern, name string) bool {
	if strings.Contains(name, "/") || strings.Contains(pattern, "/") {
		pattern, name = strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(name, "/", "\x01")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// moduleName is the name of the module in a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return underscores(name)
}

// underscores replaces "-" outside of brackets, where it makes a range.
func underscores(s string) string {
	if !strings.Contains(s, "-") {
		return s
	}
	b, inside := []byte(s), false
	for i, c := range b {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '-' && !inside:
			b[i] = '_'
		}
	}
	return string(b)
}
