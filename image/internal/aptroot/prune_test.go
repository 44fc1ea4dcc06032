package aptroot

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/image/internal/manifest"
)

func TestPruneKeepsWhatRecentSetsNeed(t *testing.T) {
	dir := t.TempDir()
	r := New(dir, false, slog.New(slog.DiscardHandler))
	hash := func(c string) string { return strings.Repeat(c, 64) }
	for c, request := range map[string]Request{"a": {Names: []string{"recent"}}, "b": {Names: []string{"old"}}} {
		if err := r.record(request, []manifest.Package{{Name: "p", Version: "1", Arch: "all", SHA256: hash(c)}}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	old := now.Add(-keep - time.Hour)
	if err := os.Chtimes(r.setFile(Request{Names: []string{"old"}}), old, old); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"debs/" + hash("a") + ".deb", "debs/" + hash("b") + ".deb", "debs/" + hash("c") + ".deb",
		"unpacked/" + hash("a") + "/f", "unpacked/" + hash("b") + "/f", "unpacked/new-1/f", "download-1/f", "apt/lists/f", "lock"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.prune(now); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			left = append(left, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"apt/lists/f", "debs/" + hash("a") + ".deb", "lock",
		"sets/" + filepath.Base(r.setFile(Request{Names: []string{"recent"}})), "unpacked/" + hash("a") + "/f"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
}
