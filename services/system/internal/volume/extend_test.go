package volume

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestAVolumeGrowsWithItsDevice(t *testing.T) {
	const before, after = 320 * mib, 480 * mib
	node := loop(t, before)
	if err := Format(t.Context(), node, 0, id, false, func(string) {}); err != nil {
		t.Fatal(err)
	}
	path := mounted(t, node)
	use, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if grown, err := Extend(t.Context(), path, before); grown || err != nil {
		t.Errorf("grown without need: %v, %v", grown, err)
	}
	out, err := exec.Command("losetup", "--noheadings", "--output", "BACK-FILE", node).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(strings.TrimSpace(string(out)), after); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("losetup", "--set-capacity", node).Run(); err != nil {
		t.Fatal(err)
	}
	if grown, err := Extend(t.Context(), path, after); !grown || err != nil {
		t.Fatalf("not grown: %v, %v", grown, err)
	}
	if now, err := Check(path); err != nil || now.SizeBytes < use.SizeBytes+100*mib {
		t.Errorf("%d bytes, %d before, %v", now.SizeBytes, use.SizeBytes, err)
	}
	if grown, err := Extend(t.Context(), path, after); grown || err != nil {
		t.Errorf("grown twice: %v, %v", grown, err)
	}
	if _, err := Extend(t.Context(), t.TempDir(), after); err == nil {
		t.Error("what is no XFS has grown")
	}
}
