package storage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vigie/internal/api"
)

func (l *machine) change(id string, r api.VolumeChange) error {
	return l.m.ChangeVolume(l.t.Context(), id, r)
}

// refused checks that a wish is refused with a word.
func (l *machine) refused(id string, r api.VolumeChange, want string) {
	l.t.Helper()
	if err := l.change(id, r); err == nil || !strings.Contains(err.Error(), want) {
		l.t.Errorf("%+v: %v", r, err)
	}
}

// ended waits for the end of an operation, with the volume in a state.
func (l *machine) ended(name api.OperationName, status api.VolumeStatus) api.Volume {
	l.t.Helper()
	s := l.until("ended "+string(name), func(s api.Status) bool {
		v := s.Volumes[0]
		return v.Operation.Name == name && v.Operation.Status != api.OperationStatusRunning && v.Status == status
	})
	return s.Volumes[0]
}

// damage changes the file system of a volume that is not mounted.
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

func TestAVolumeIsCheckedAndMountedAgain(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	let := 0
	l.start(func(c *Config) {
		c.FormatBlank = true
		detach := c.Detach
		c.Detach = func(id string) { l.mu.Lock(); let++; l.mu.Unlock(); detach(id) }
	})
	v := l.until("mounted", mountedOn("sda")).Volumes[0]
	check := api.VolumeChange{Action: api.VolumeChangeActionCheck}
	l.refused("none", check, "no such volume")
	l.refused(v.ID, api.VolumeChange{Action: "erase"}, "must be")
	l.refused(v.ID, api.VolumeChange{Action: api.VolumeChangeActionMount}, "Nobody has unmounted")
	if _, err := l.m.VolumeReport(v.ID); err == nil || !strings.Contains(err.Error(), "not checked") {
		t.Errorf("got %v", err)
	}

	// A file is open on it: it is left as it is, and goes on.
	held, err := os.Open(filepath.Join(v.Path, "vigie/volume.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := l.change(v.ID, check); err != nil {
		t.Fatal(err)
	}
	l.refused(v.ID, check, "Something is being done")
	l.until("taken off", func(s api.Status) bool {
		return s.Volumes[0].Status == api.VolumeStatusUnmounted && s.Volumes[0].Reason != ""
	})
	if got := l.ended(api.OperationNameCheck, api.VolumeStatusMounted); got.Operation.Status != api.OperationStatusFailed || !strings.Contains(got.Operation.Message, "Something still uses") || got.Check.Kind != "" {
		t.Errorf("got %+v", got)
	}
	held.Close()

	if err := l.change(v.ID, check); err != nil {
		t.Fatal(err)
	}
	got := l.ended(api.OperationNameCheck, api.VolumeStatusMounted)
	if got.Operation.Status != api.OperationStatusDone || got.Check.Result != api.VolumeCheckResultClean || got.Check.Kind != api.VolumeCheckKindCheck || got.Check.AtMs == 0 || got.Check.Findings != 0 || got.Reason != "" || got.Name != v.Name {
		t.Errorf("got %+v", got)
	}
	l.mu.Lock()
	if let != 2 || !l.attached[v.ID] {
		t.Errorf("let go of it %d times, attached %v", let, l.attached)
	}
	l.mu.Unlock()
	if report, err := l.m.VolumeReport(v.ID); err != nil || report.Check != got.Check || len(report.Lines) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	repair := api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: "S-sda"}
	l.refused(v.ID, repair, "nothing to repair")
	repair.ConfirmSerial = "S-sdb"
	l.refused(v.ID, repair, "Nothing was changed")

	t.Run("unmounted until somebody wants it back", func(t *testing.T) {
		if err := l.change(v.ID, api.VolumeChange{Action: api.VolumeChangeActionUnmount}); err != nil {
			t.Fatal(err)
		}
		l.ended(api.OperationNameUnmount, api.VolumeStatusUnmounted)
		l.refused(v.ID, api.VolumeChange{Action: api.VolumeChangeActionUnmount}, "already")
		l.refused(v.ID, api.VolumeChange{Action: api.VolumeChangeActionRename, Name: "Yard"}, "cannot be written to")
		if entries, err := os.ReadDir(l.root); err != nil || len(entries) != 0 {
			t.Errorf("left in the volumes' folder: %v, %v", entries, err)
		}
		for range 3 {
			l.poke()
		}
		if s := l.board.Status(); s.Volumes[0].Status != api.VolumeStatusUnmounted {
			t.Errorf("got %+v", s.Volumes)
		}
		if err := l.change(v.ID, api.VolumeChange{Action: api.VolumeChangeActionMount}); err != nil {
			t.Fatal(err)
		}
		l.until("mounted again", mountedOn("sda"))
	})
}

// TestADamagedVolumeIsRepairedOnTheAdminsWord: its root folder is lost, so that it cannot be mounted.
func TestADamagedVolumeIsRepairedOnTheAdminsWord(t *testing.T) {
	l := lab(t)
	node := l.loop(320 * mib)
	l.plug("sda", node, 320*mib)
	stop := l.start(func(c *Config) { c.FormatBlank = true })
	v := l.until("mounted", mountedOn("sda")).Volumes[0]
	if err := l.change(v.ID, api.VolumeChange{Action: api.VolumeChangeActionRename, Name: "Gate"}); err != nil {
		t.Fatal(err)
	}
	l.ended(api.OperationNameRename, api.VolumeStatusMounted)
	day := filepath.Join(v.Path, "vigie/rec/camera/20261126")
	if err := os.MkdirAll(day, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(day, "1000-60000-standard-main.mkv"), make([]byte, mib), 0o640); err != nil {
		t.Fatal(err)
	}
	another := filepath.Join(filepath.Dir(day), "20261127") // whose folder is lost
	stray := filepath.Join(another, "61000-60000-standard-main.mkv")
	if err := errors.Join(os.Mkdir(another, 0o750), os.WriteFile(stray, make([]byte, mib), 0o640), os.Chown(stray, 901, 900)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(another)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if out, err := exec.Command("umount", v.Path).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	damage(t, node, fmt.Sprint("inode ", info.Sys().(*syscall.Stat_t).Ino), "write -d core.mode 0")
	damage(t, node, "sb 0", "addr rootino", "write -d core.mode 0100644")
	delete(l.attached, v.ID) // with the first service
	l.start()
	s := l.until("failed", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusFailed })
	if why := s.Volumes[0].Reason; !strings.Contains(why, "damaged") {
		t.Errorf("said %q", why)
	}
	repair := api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: "S-sda"}
	l.eager(v.ID, repair, "checked first")
	l.eager(v.ID, api.VolumeChange{Action: api.VolumeChangeActionCheck}, "")
	got := l.ended(api.OperationNameCheck, api.VolumeStatusFailed)
	if got.Check.Result != api.VolumeCheckResultDamaged || got.Check.Findings == 0 || got.Check.LogPending {
		t.Errorf("got %+v", got.Check)
	}
	if report, err := l.m.VolumeReport(v.ID); err != nil || !slices.ContainsFunc(report.Lines, func(line string) bool { return strings.Contains(line, "root inode") }) {
		t.Errorf("%+v, %v", report, err)
	}
	repair.DropLog = true
	l.eager(v.ID, repair, "no need")
	repair.DropLog = false
	l.eager(v.ID, repair, "")
	got = l.ended(api.OperationNameRepair, api.VolumeStatusMounted)
	if got.Check.Result != api.VolumeCheckResultRepaired || got.Check.Kind != api.VolumeCheckKindRepair || got.Check.Strays != 1 || !strings.Contains(got.Check.Message, "put back") || got.Operation.Status != api.OperationStatusDone {
		t.Errorf("got %+v", got)
	}
	if entries, err := os.ReadDir(day); err != nil || len(entries) != 1 || got.Name != "Gate" {
		t.Errorf("recordings of %q: %v, %v", got.Name, entries, err)
	}
	if entries, err := os.ReadDir(filepath.Join(v.Path, "vigie/rec/.lost")); err != nil || len(entries) != 1 {
		t.Errorf("for the engine: %v, %v", entries, err)
	}
	l.refused(v.ID, repair, "checked first")
}

// eager asks until the disk has a moment: what cannot be mounted is tried again and again. want is in the refusal; "": it is done.
func (l *machine) eager(id string, r api.VolumeChange, want string) {
	l.t.Helper()
	for {
		err := l.change(id, r)
		if err != nil && strings.Contains(err.Error(), "The disk is busy") {
			continue
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			l.t.Fatalf("%+v: %v", r, err)
		}
		return
	}
}

func TestTwoVolumesHaveTwoNames(t *testing.T) {
	l := lab(t)
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	stop := l.start(func(c *Config) { c.Observe, c.Dirs = true, dirs })
	s := l.until("both", func(s api.Status) bool { return len(s.Volumes) == 2 })
	first, second := s.Volumes[0], s.Volumes[1]
	name := func(id, to string) error {
		return l.change(id, api.VolumeChange{Action: api.VolumeChangeActionRename, Name: to})
	}
	if err := name(first.ID, "Gate"); err != nil {
		t.Fatal(err)
	}
	l.until("renamed", func(s api.Status) bool {
		return s.Volumes[0].Name == "Gate" && s.Volumes[0].Operation.Status == api.OperationStatusDone
	})
	for bad, want := range map[string]string{"gate": "already", "": "needs a name", " x": "space", strings.Repeat("x", 33): "32"} {
		if err := name(second.ID, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := name(first.ID, "GATE"); err != nil {
		t.Errorf("its own: %v", err)
	}
	l.until("renamed again", func(s api.Status) bool { return s.Volumes[0].Name == "GATE" })
	l.refused(second.ID, api.VolumeChange{Action: api.VolumeChangeActionCheck}, "observes")
	stop()
	l.start(func(c *Config) { c.Observe, c.Dirs = true, dirs })
	l.until("still", func(s api.Status) bool {
		return len(s.Volumes) == 2 && s.Volumes[0].Name == "GATE" && s.Volumes[1].Name == second.Name
	})
}
