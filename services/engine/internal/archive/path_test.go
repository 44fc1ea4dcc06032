package archive

import (
	"path/filepath"
	"strings"
	"testing"

	"vigie/services/engine/internal/index"
)

// names are files of a camera's folder, and whether they are segments.
var names = []struct {
	name       string
	durationMs int64
	open, ok   bool
}{
	{"1772366400000-300000-standard-main.mkv", 300_000, false, true},
	{"1772366400000-0-alarm-sub.mkv", 0, false, true},
	{"1772366400000-standard-main.open.mkv", 0, true, true},
	{"0-1-standard-main.mkv", 1, false, true},
	{"1772366400000-300000-standard-main.open.mkv", 0, true, false}, // an open file has no duration yet
	{"1772366400000-standard-main.mkv", 0, false, false},
	{"1772366400000-+5-standard-main.mkv", 0, false, false},
	{"1772366400000-05-standard-main.mkv", 0, false, false},
	{"1772366400000--5-standard-main.mkv", 0, false, false},
	{"1772366400000-99999999999-standard-main.mkv", 0, false, false}, // longer than a segment can be
	{"01772366400000-5-standard-main.mkv", 0, false, false},
	{"-1-5-standard-main.mkv", 0, false, false},
	{"99999999999999999999-5-standard-main.mkv", 0, false, false},
	{"1772366400000-5-holiday-main.mkv", 0, false, false},
	{"1772366400000-5-standard-Main.mkv", 0, false, false},
	{"1772366400000-5-standard-.mkv", 0, false, false},
	{"1772366400000-5-standard-main.mkv.tmp", 0, false, false},
	{"1772366400000-5-standard-main.MKV", 0, false, false},
	{"1772366400000-5-standard-../x.mkv", 0, false, false},
	{".mkv", 0, false, false},
	{".open.mkv", 0, true, false},
	{"", 0, false, false},
}

func TestNamesTellTheSegment(t *testing.T) {
	for _, c := range names {
		k, d, open, ok := parseName("k3f9x2ab", c.name)
		if ok != c.ok || ok && (d != c.durationMs || open != c.open) {
			t.Errorf("%q: %+v of %d ms, open %v, %v", c.name, k, d, open, ok)
		}
	}
}

// FuzzParseName: what passes for a segment's name is the very name that such a segment has, so that no file of another
// name is ever taken, moved or deleted for it.
func FuzzParseName(f *testing.F) {
	for _, c := range names {
		f.Add("k3f9x2ab", c.name)
	}
	f.Add("../../ab", names[0].name)
	f.Fuzz(func(t *testing.T, camera, name string) {
		k, durationMs, open, ok := parseName(camera, name)
		if !ok {
			return
		}
		path := closedPath(k, durationMs)
		if open {
			path = openPath(k)
		}
		if filepath.Base(path) != name || k.Camera != camera || durationMs > index.MaxDurationMs {
			t.Fatalf("%q of %q is taken for %s", name, camera, path)
		}
		if !strings.HasPrefix(path, recDir+"/") || filepath.Clean(path) != path || strings.Count(path, "/") != 4 {
			t.Fatalf("%q of %q leads to %s", name, camera, path)
		}
	})
}
