package volume

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/xfstest"
)

// filled is a volume with some recordings, unmounted.
func filled(t *testing.T) (node, path string) {
	t.Helper()
	node = loop(t, 320*mib)
	if err := Format(t.Context(), node, 0, id, false, func(string) {}); err != nil {
		t.Fatal(err)
	}
	path = mounted(t, node)
	if _, err := Prepare(path, id, Identity{ID: id, Name: "Gate", CreatedMs: 5}, false); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(path, "vigie/rec/camera/20261126")
	if err := os.MkdirAll(day, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1000-60000-standard-main.mkv", "61000-60000-standard-main.mkv"} {
		if err := os.WriteFile(filepath.Join(day, name), make([]byte, mib), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	leave(t, node, path)
	return node, path
}

func leave(t *testing.T, node, path string) {
	t.Helper()
	if err := Leave(t.Context(), node, path, 10*time.Second); err != nil {
		t.Fatal(err)
	}
}

// damage changes a file system as no program should.
func damage(t *testing.T, node string, commands ...string) {
	t.Helper()
	args := []string{"-x"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	if out, err := exec.Command("xfs_db", append(args, node)...).CombinedOutput(); err != nil {
		t.Fatalf("xfs_db: %v %s", err, out)
	}
}

func examine(t *testing.T, node string, mode Mode) Findings {
	t.Helper()
	last := Stage{}
	f, err := Examine(t.Context(), node, 0, mode, func(s Stage) {
		if s.Percent < last.Percent || s.Percent > 100 || s.Words() == "" {
			t.Errorf("after %+v comes %+v", last, s)
		}
		last = s
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, f)
	}
	if last.Phase < 2 || !f.Log && last.Phase != 7 {
		t.Errorf("it came to %+v only", last)
	}
	return f
}

// written is how many sectors were ever written to a disk.
func written(t *testing.T, node string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(node), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))[6]
}

func TestADamagedVolumeIsFoundAndMended(t *testing.T) {
	node, path := filled(t)
	if f := examine(t, node, Look); f.Damaged || f.Log || f.Count > 0 {
		t.Fatalf("a sound one: %+v", f)
	}
	// The free space list of the first group: the kernel refuses to mount, or stops at the first write.
	damage(t, node, "agf 0", "write -d bnoroot 5", "write -d freeblks 77")
	before := written(t, node)
	f := examine(t, node, Look)
	if !f.Damaged || f.Log || f.Count == 0 || len(f.Lines) == 0 {
		t.Errorf("found %+v", f)
	}
	if now := written(t, node); now != before {
		t.Errorf("looking has written to the disk: %s sectors before, %s now", before, now)
	}
	if f := examine(t, node, Mend); !f.Damaged || f.Log {
		t.Errorf("mended: %+v", f)
	}
	if f := examine(t, node, Look); f.Damaged {
		t.Errorf("it is not mended: %+v", f)
	}
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	if got := names(filepath.Join(path, "vigie/rec/camera/20261126")); len(got) != 2 || Strays(path) != 0 {
		t.Errorf("recordings %v, %d strays", got, Strays(path))
	}
	if who, err := Prepare(path, id, Identity{}, false); err != nil || who.Name != "Gate" {
		t.Errorf("got %+v, %v", who, err)
	}
	leave(t, node, path)
}

// TestWhatARepairHasTakenTheNameOfIsFoundAgain: the root folder is lost, and then the folder with the identity itself.
func TestWhatARepairHasTakenTheNameOfIsFoundAgain(t *testing.T) {
	node, path := filled(t)
	who := Identity{ID: id, Name: "Gate", CreatedMs: 5}
	damage(t, node, "sb 0", "addr rootino", "write -d core.mode 0100644")
	if err := Mount(node, path, MinSize, false); err == nil {
		t.Error("it is mounted without a root folder")
	}
	if f := examine(t, node, Mend); !f.Damaged {
		t.Errorf("found %+v", f)
	}
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(path, id, Identity{}, false); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	if err := Restore(path, who); err != nil {
		t.Fatal(err)
	}
	if got := names(filepath.Join(path, "vigie/rec/camera/20261126")); len(got) != 2 || Strays(path) != 0 {
		t.Errorf("recordings %v, %d strays", got, Strays(path))
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(path, "vigie"), &st); err != nil {
		t.Fatal(err)
	}
	leave(t, node, path)
	damage(t, node, fmt.Sprint("inode ", st.Ino), "write -d core.mode 0")
	examine(t, node, Mend)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	if n := Strays(path); n < 4 {
		t.Errorf("%d strays", n)
	}
	for range 2 {
		if err := Restore(path, who); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Prepare(path, id, Identity{}, false); err != nil || got != who {
		t.Errorf("got %+v, %v", got, err)
	}
	leave(t, node, path)
}

// TestRecordingsWithoutNamesGoToTheEngine: the folder of a day is lost, and what a stranger has put there lost its name too.
func TestRecordingsWithoutNamesGoToTheEngine(t *testing.T) {
	node, path := filled(t)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	if n, err := HandOver(path, true); n != 0 || err != nil || len(names(filepath.Join(path, handedOver))) != 0 {
		t.Errorf("of a sound volume %d, %v", n, err)
	}
	day := filepath.Join(path, "vigie/rec/camera/20261126")
	for _, name := range names(day) {
		if err := os.Chown(filepath.Join(day, name), engineUser, group); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(day, "notes.txt"), []byte("a stranger's"), 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(day, &st); err != nil {
		t.Fatal(err)
	}
	leave(t, node, path)
	damage(t, node, fmt.Sprint("inode ", st.Ino), "write -d core.mode 0")
	examine(t, node, Mend)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	lost := names(filepath.Join(path, lostFolder))
	if len(lost) != 3 {
		t.Fatalf("lost are %v", lost)
	}
	if n, err := HandOver(path, true); n != 2 || err != nil || Strays(path) != 1 {
		t.Errorf("handed over %d, %v; left are %d", n, err, Strays(path))
	}
	if n, err := HandOver(path, true); n != 0 || err != nil {
		t.Errorf("again %d, %v", n, err)
	}
	handed := filepath.Join(path, handedOver)
	got := names(handed)
	if len(got) != 2 || !slices.Contains(lost, got[0]) || !slices.Contains(lost, got[1]) {
		t.Fatalf("handed over are %v of %v", got, lost)
	}
	// The next repair uses a number again.
	if err := os.Link(filepath.Join(handed, got[0]), filepath.Join(path, lostFolder, got[0])); err != nil {
		t.Fatal(err)
	}
	if n, err := HandOver(path, true); n != 1 || err != nil || len(names(handed)) != 3 {
		t.Errorf("one more: %d, %v, %v", n, err, names(handed))
	}
	if err := unix.Stat(handed, &st); err != nil || st.Uid != engineUser || st.Mode&0o777 != 0o750 {
		t.Errorf("the folder is %+v, %v", st, err)
	}
	leave(t, node, path)
}

// TestALogThatWasNotCarriedOutIsNotThrownAwayUnasked: the power went while it was mounted.
func TestALogThatWasNotCarriedOutIsNotThrownAwayUnasked(t *testing.T) {
	node, path := filled(t)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "vigie/late"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	xfstest.GoDown(t, path, xfstest.LogWritten)
	leave(t, node, path)
	before := written(t, node)
	for _, mode := range []Mode{Look, Mend} {
		if f := examine(t, node, mode); !f.Log {
			t.Errorf("mode %d: %+v", mode, f)
		}
	}
	if now := written(t, node); now != before {
		t.Errorf("the disk was written to: %s sectors before, %s now", before, now)
	}
	if f := examine(t, node, DropLog); f.Log {
		t.Errorf("without the log: %+v", f)
	}
	if f := examine(t, node, Look); f.Damaged || f.Log {
		t.Errorf("afterwards: %+v", f)
	}
}

// TestAVolumeInUseIsLeftAsItIs: a file is open on it, be it mounted or detached.
func TestAVolumeInUseIsLeftAsItIs(t *testing.T) {
	node, path := filled(t)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(path, "vigie/volume.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Leave(t.Context(), node, path, 200*time.Millisecond); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(path, "vigie")); err != nil {
		t.Errorf("it is mounted no more: %v", err)
	}
	if err := Unmount(path); err != nil {
		t.Fatal(err)
	}
	if err := Leave(t.Context(), node, path, 200*time.Millisecond); !errors.Is(err, ErrHeld) {
		t.Errorf("detached: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	leave(t, node, path)
}

func TestAVolumeIsRenamed(t *testing.T) {
	dir := t.TempDir()
	who, err := Prepare(dir, "", Identity{ID: id, Name: "Gate", CreatedMs: 5}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := Rename(dir, "Yard"); err != nil {
		t.Fatal(err)
	}
	who.Name = "Yard"
	if got, err := Prepare(dir, "", Identity{}, false); err != nil || got != who {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := Rename(t.TempDir(), "Yard"); err == nil {
		t.Error("what is no volume was renamed")
	}
}

func TestWhatXfsRepairSaysIsReadWithCare(t *testing.T) {
	var stages []Stage
	out := "Phase 1 - find\nPhase 3 - for each AG...\n        - agno = 0\n        - agno = 2\n        - agno = 99999999999\n        - agno = 1\nPhase 9\nPhase \nPhase 6 - check"
	var f Findings
	f.read(strings.NewReader(out), 4, func(s Stage) { stages = append(stages, s) })
	if want := []Stage{{1, 0}, {3, 5}, {3, 25}, {6, 70}}; !slices.Equal(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	f = Findings{}
	f.read(strings.NewReader("bad \x1b[2Jmagic\n\n  \n"+strings.Repeat("y", 10_000)+"\n"+strings.Repeat("z\n", 2*MostLines)+"No modify flag set, skipping phase 5\n        - traversing\n....\ndone\n"), 4, func(Stage) {})
	if f.Count != 2+2*MostLines || len(f.Lines) != MostLines || f.Lines[0] != "bad [2Jmagic" || len(f.Lines[1]) != MostLine {
		t.Errorf("%d findings, %d lines, %q", f.Count, len(f.Lines), f.Lines[:2])
	}
}

func FuzzFindings(f *testing.F) {
	f.Add("ALERT: The filesystem has valuable metadata changes in a log which is being\nignored because the -n option was used.  Expect\nbad CRC\n")
	f.Add("Phase 3 - for each AG...\n        - agno = 0\n")
	f.Fuzz(func(t *testing.T, out string) {
		var found Findings
		found.read(strings.NewReader(out), 4, func(s Stage) {
			if s.Words() == "" || s.Percent < 0 || s.Percent > 100 {
				t.Errorf("%+v", s)
			}
		})
		if len(found.Lines) > MostLines || found.Count < len(found.Lines) {
			t.Errorf("%+v", found)
		}
		for _, line := range found.Lines {
			if len(line) > MostLine || strings.ContainsAny(line, "\n\x1b") {
				t.Errorf("%q", line)
			}
		}
	})
}
