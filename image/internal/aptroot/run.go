package aptroot

import (
	"context"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
)

// Run runs a program of a package of the set with the loader and the libraries of the set, not this machine's.
func (s Set) Run(ctx context.Context, pkg, program string, args ...string) error {
	const libraries = "usr/lib/x86_64-linux-gnu"
	var path []string
	for _, p := range s {
		path = append(path, filepath.Join(p.Dir, libraries))
	}
	sort.Strings(path)
	loader := filepath.Join(s["libc6"].Dir, libraries, "ld-linux-x86-64.so.2")
	command := append([]string{"--library-path", strings.Join(path, ":"), filepath.Join(s[pkg].Dir, program)}, args...)
	if _, err := run(ctx, "", loader, command...); err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}
