package aptroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vigie/image/internal/manifest"
)

// keep is how long a recorded set that no build used stays in the cache.
const keep = 14 * 24 * time.Hour

// prune removes sets that were not used for long, packages of no set, and what interrupted runs left. A kernel weighs
// half a gigabyte, and there is a new one every few weeks.
func (r *Root) prune(now time.Time) error {
	used := map[string]bool{}
	sets, err := filepath.Glob(filepath.Join(r.dir, "sets", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range sets {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("look at package set: %w", err)
		}
		if now.Sub(info.ModTime()) > keep {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("forget package set: %w", err)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read package set: %w", err)
		}
		var list []manifest.Package
		if json.Unmarshal(text, &list) != nil {
			continue // unreadable sets are fetched anew
		}
		for _, p := range list {
			used[p.SHA256] = true
		}
	}
	var errs []error
	for _, pattern := range []string{"debs/*", "unpacked/*", "download-*"} {
		paths, err := filepath.Glob(filepath.Join(r.dir, pattern))
		errs = append(errs, err)
		for _, p := range paths {
			if !used[strings.TrimSuffix(filepath.Base(p), ".deb")] {
				errs = append(errs, os.RemoveAll(p))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tidy package cache: %w", err)
	}
	return nil
}
