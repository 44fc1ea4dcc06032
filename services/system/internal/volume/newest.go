package volume

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Newest returns when the newest recording on the volume at path began, by the names of folders and files alone; the
// zero time when there is none. It reads one day of each camera.
func Newest(path string) time.Time {
	var newest int64
	rec := filepath.Join(path, "vigie/rec")
	for _, camera := range names(rec) {
		days := names(filepath.Join(rec, camera))
		for _, day := range slices.Backward(days) {
			found := false
			for _, file := range names(filepath.Join(rec, camera, day)) {
				start, _, _ := strings.Cut(file, "-")
				if ms, err := strconv.ParseInt(start, 10, 64); err == nil && strings.HasSuffix(file, ".mkv") {
					newest, found = max(newest, ms), true
				}
			}
			if found {
				break
			}
		}
	}
	if newest <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(newest)
}

// names lists a folder in order; one that cannot be read is empty.
func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Name()
	}
	return out
}
