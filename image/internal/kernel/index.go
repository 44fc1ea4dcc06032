package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// index is what depmod found out (modules.dep(5), modules.softdep): names are canonical.
type index struct {
	file  map[string]string   // module → path relative to the module folder
	needs map[string][]string // module → modules or aliases that must, or should, be there with it
	alias map[string][]string // alias without wildcards → modules
}

func readIndex(dir string) (index, error) {
	dep, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return index{}, fmt.Errorf("read module dependencies: %w", err)
	}
	softdep, err := os.ReadFile(filepath.Join(dir, "modules.softdep"))
	if err != nil {
		return index{}, fmt.Errorf("read soft module dependencies: %w", err)
	}
	alias, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return index{}, fmt.Errorf("read module aliases: %w", err)
	}
	return parseIndex(string(dep), string(softdep), string(alias))
}

func parseIndex(dep, softdep, alias string) (index, error) {
	x := index{file: map[string]string{}, needs: map[string][]string{}, alias: map[string][]string{}}
	for line := range strings.Lines(dep) {
		file, needed, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			return index{}, fmt.Errorf("modules.dep: no colon in %q", line)
		}
		name := moduleName(file)
		x.file[name] = file
		for _, n := range strings.Fields(needed) {
			x.needs[name] = append(x.needs[name], moduleName(n))
		}
	}
	for line := range strings.Lines(softdep) {
		word := strings.Fields(line)
		if len(word) < 3 || word[0] != "softdep" {
			continue // a comment
		}
		name := canonical(word[1])
		for _, w := range word[2:] {
			if w != "pre:" && w != "post:" {
				x.needs[name] = append(x.needs[name], canonical(w))
			}
		}
	}
	for line := range strings.Lines(alias) {
		if word := strings.Fields(line); len(word) == 3 && word[0] == "alias" && !strings.ContainsAny(word[1], "*?[") {
			name := canonical(word[1])
			x.alias[name] = append(x.alias[name], canonical(word[2]))
		}
	}
	return x, nil
}

func (x index) names() []string {
	names := make([]string, 0, len(x.file))
	for n := range x.file {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// closure returns the files of the named modules and of all they need. Soft dependencies are often aliases
// ("crypto-crc32c"): all modules with that alias are taken. One that nothing answers to is built in, or is about
// hardware of another kind, and is passed over, as modprobe does.
func (x index) closure(names []string) []string {
	taken := map[string]bool{}
	var files []string
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if taken[name] {
			continue
		}
		taken[name] = true
		if file, ok := x.file[name]; ok {
			files = append(files, file)
			names = append(names, x.needs[name]...)
		} else {
			names = append(names, x.alias[name]...)
		}
	}
	sort.Strings(files)
	return files
}
