package storage

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/services/system/internal/blockdev"
)

// answers is a disk with a file system and what is put into it.
func (l *machine) answers(size int64, text string, make ...string) string {
	l.t.Helper()
	node := l.loop(size)
	do := func(name string, args ...string) {
		l.t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			l.t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
	}
	file := filepath.Join(l.t.TempDir(), "vigie-answer.json")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	switch make[0] {
	case "xorriso":
		iso := filepath.Join(l.t.TempDir(), "x.iso")
		do("xorriso", append(make[1:], "-o", iso, file)...)
		do("dd", "if="+iso, "of="+node, "conv=fsync", "status=none")
	case "mkfs.vfat":
		do(make[0], append(make[1:], node)...)
		do("mcopy", "-i", node, file, "::")
	default:
		do(make[0], append(make[1:], node)...)
		at := l.t.TempDir()
		do("mount", node, at)
		do("cp", file, at)
		do("umount", at)
	}
	return node
}

func TestAnswerFilesAreReadFromLabelledMediaAndLeaveThemAsTheyAre(t *testing.T) {
	want := map[string]string{"disk S-sda Lab": "of FAT", "disk S-sdb Lab": "of ext4", "the CD in Lab": "of ISO 9660",
		"disk S-sdd Lab": "vigie-answer.json on it is larger than 100 bytes", "disk S-sdf Lab": "there is no file vigie-answer.json on it"}
	l := lab(t)
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kernel, text string
		make         []string
	}{
		"sda": {"vfat", "of FAT", []string{"mkfs.vfat", "-n", "vigieanswer"}},
		"sdb": {"ext4", "of ext4", []string{"mkfs.ext4", "-q", "-L", "VIGIE-ANSWER"}},
		"sdc": {"iso9660", "of ISO 9660", []string{"xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "VIGIE-ANSWER"}},
		"sdd": {"ext4", strings.Repeat("x", 200), []string{"mkfs.ext2", "-q", "-L", "VIGIE-ANSWER"}}, // larger than is read below
		"sde": {"ext4", "of another label", []string{"mkfs.ext4", "-q", "-L", "ANSWER"}},
	} {
		l.plug(name, l.answers(8*mib, c.text, c.make...), 8*mib, func(d *blockdev.Disk) { d.Removable, d.Optical = true, name == "sdc" })
		if !strings.Contains(string(known), "\t"+c.kernel+"\n") {
			where := "disk S-" + name + " Lab"
			if name == "sdc" {
				where = "the CD in Lab"
			}
			want[where] = "mount " + c.kernel + ": no such device" // the kernel here; tests/machine has the machine's
		}
	}
	empty := l.loop(8 * mib)
	if out, err := exec.Command("mkfs.ext4", "-q", "-L", "VIGIE-ANSWER", empty).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.plug("sdf", empty, 8*mib)
	before, err := os.ReadFile(l.nodes["sdb"])
	if err != nil {
		t.Fatal(err)
	}
	l.start(func(c *Config) { c.Booting = true })
	l.until("settled", settled)
	got := map[string]string{}
	for _, f := range l.m.AnswerFiles(t.Context(), "vigie-answer.json", 100) {
		text := string(f.Text)
		if f.Err != nil {
			text = f.Err.Error()
		}
		got[f.Where] = text
	}
	for disk, text := range want {
		if got[disk] != text {
			t.Errorf("%s: %q, want %q", disk, got[disk], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
	if after, err := os.ReadFile(l.nodes["sdb"]); err != nil || string(after) != string(before) {
		t.Errorf("the medium was written to (%v)", err)
	}
	if left, err := os.ReadDir(l.root); err != nil || len(left) > 0 {
		t.Errorf("left mounted: %v, %v", left, err)
	}

	// One that comes now is too late, and says so.
	l.plug("sdg", l.answers(8*mib, "late", "mkfs.vfat", "-n", "VIGIEANSWER"), 8*mib)
	l.poke()
	l.until("seen", func(s api.Status) bool {
		return disk1(s, "sdg").ID != "" && disk1(s, "sdg").Contents != "being looked at"
	})
	if said := l.said.String(); strings.Count(said, "its answer file is not used") != 1 || !strings.Contains(said, "disk S-sdg: its answer file is not used: it was not there when the machine started") {
		t.Errorf("said %s", said)
	}
	if got := l.m.AnswerFiles(t.Context(), "vigie-answer.json", 100); len(got) != len(want) {
		t.Errorf("the late one is read: %+v", got)
	}
}
