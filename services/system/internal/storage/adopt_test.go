package storage

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vigie/internal/api"
	"vigie/services/system/internal/volume"
)

// as makes the lab a machine of this mark, which was just started.
func as(mark string) func(*Config) {
	return func(c *Config) {
		c.Booting = true
		c.Arrays.Mark, c.Arrays.Ours = mark, []string{"vigie", mark}
	}
}

// used makes a volume on a disk of another machine, and says its id.
func used(l *machine, name, mark string) (node, id string) {
	l.t.Helper()
	other := lab(l.t)
	node = l.loop(320 * mib)
	other.plug(name, node, 320*mib)
	stop := other.start(as(mark), func(c *Config) { c.FormatBlank = true })
	v := other.until("mounted", mountedOn(name)).Volumes[0]
	if who, err := volume.Who(v.Path); err != nil || who.Machine != mark || v.Machine != "" {
		l.t.Errorf("made by %q: %+v, %v, shown as %q", mark, who, err, v.Machine)
	}
	stop()
	if out, err := exec.Command("umount", v.Path).CombinedOutput(); err != nil {
		l.t.Fatalf("%v %s", err, out)
	}
	return node, v.ID
}

func (l *machine) isAttached(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attached[id]
}

func TestAnotherMachinesVolumeIsOnlyReadUntilItIsAdopted(t *testing.T) {
	l := lab(t)
	node, theirs := used(l, "sdz", "vigie-z")
	own, ours := used(l, "sda", "vigie-a")
	l.plug("sda", own, 320*mib)
	l.plug("sdz", node, 320*mib) // at boot, beside one of this machine's own
	l.start(as("vigie-a"))
	s := l.until("both", func(s api.Status) bool { return settled(s) && len(s.Volumes) == 2 })
	v := named(s, theirs)
	if v.Status != api.VolumeStatusReadonly || v.Machine != "vigie-z" || !strings.Contains(v.Reason, "only read") || v.Failure.Cause != "" || v.SizeBytes == 0 {
		t.Errorf("got %+v", v)
	}
	if mine := named(s, ours); mine.Status != api.VolumeStatusMounted || mine.Machine != "" || !l.isAttached(ours) {
		t.Errorf("got %+v", mine)
	}
	if err := os.WriteFile(filepath.Join(v.Path, "vigie/x"), nil, 0o600); !errors.Is(err, syscall.EROFS) || l.isAttached(theirs) {
		t.Errorf("it can be written to: %v, attached: %v", err, l.attached)
	}
	adopt := api.VolumeChange{Action: api.VolumeChangeActionAdopt, ConfirmSerial: "S-sdz"}
	l.refused(theirs, api.VolumeChange{Action: api.VolumeChangeActionRename, Name: "Gate"}, "cannot be written to")
	l.refused(theirs, api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: "S-sdz"}, "Adopt it")
	l.refused(theirs, api.VolumeChange{Action: api.VolumeChangeActionAdopt, ConfirmSerial: "S-sda"}, "Nothing was changed")
	l.refused(ours, api.VolumeChange{Action: api.VolumeChangeActionAdopt, ConfirmSerial: "S-sda"}, "already")

	// It is pulled and plugged in, and still another one's.
	l.pull("sdz")
	l.poke()
	l.until("pulled", func(s api.Status) bool { return named(s, theirs).Status == api.VolumeStatusFailed })
	l.plug("sdz", node, 320*mib)
	l.poke()
	l.until("back", func(s api.Status) bool {
		return named(s, theirs).Status == api.VolumeStatusReadonly && named(s, theirs).Machine == "vigie-z"
	})

	if err := l.change(theirs, adopt); err != nil {
		t.Fatal(err)
	}
	s = l.until("adopted", func(s api.Status) bool {
		v := named(s, theirs)
		return v.Operation.Name == api.OperationNameAdopt && v.Operation.Status != api.OperationStatusRunning
	})
	if v := named(s, theirs); v.Status != api.VolumeStatusMounted || v.Machine != "" || v.Reason != "" || v.Operation.Status != api.OperationStatusDone || !l.isAttached(theirs) {
		t.Errorf("got %+v, attached %v", v, l.attached)
	}
	if who, err := volume.Who(v.Path); err != nil || who.Machine != "vigie-a" {
		t.Errorf("got %+v, %v", who, err)
	}
}

// TestDisksThatMovedToAnotherMachineAreItsOwn: the board was replaced, and all disks with it are the old one's.
func TestDisksThatMovedToAnotherMachineAreItsOwn(t *testing.T) {
	l := lab(t)
	node, theirs := used(l, "sdz", "vigie-z")
	l.plug("sdz", node, 320*mib)
	l.start(as("vigie-a"))
	v := l.until("settled", settled).Volumes[0]
	if v.ID != theirs || v.Status != api.VolumeStatusMounted || v.Machine != "" || !l.isAttached(theirs) {
		t.Errorf("got %+v", v)
	}
	later, other := used(l, "sdy", "vigie-y")
	l.plug("sdy", later, 320*mib)
	l.poke()
	l.until("another one's", func(s api.Status) bool { return named(s, other).Machine == "vigie-y" })
}
