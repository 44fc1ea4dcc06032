package volume

import "testing"

func TestNewestIsReadFromNamesAlone(t *testing.T) {
	dir := t.TempDir()
	if got := Newest(dir); !got.IsZero() {
		t.Errorf("nothing recorded: %v", got)
	}
	for _, name := range []string{
		"k3f9x2ab/20260101/1767225600000-60000-standard-main.mkv", "k3f9x2ab/20260102/1767312000000-60000-standard-main.mkv",
		"k3f9x2ab/20260102/1767312060000-standard-main.open.mkv", "k3f9x2ab/20260103/9999999999999.tmp", "k3f9x2ab/notes.txt",
		"00000000/20250101/1735689600000-1-standard-main.mkv", "00000000/20250101/x.mkv",
	} {
		put(t, dir, "vigie/rec/"+name, "")
	}
	if got := Newest(dir).UnixMilli(); got != 1767312060000 {
		t.Errorf("got %d", got)
	}
}
