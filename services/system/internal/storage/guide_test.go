package storage

import (
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/services/system/internal/diskbook"
)

// failures are the events of failures.
func (l *machine) failures() (out []diskbook.Event) {
	return slices.DeleteFunc(l.book.Events(), func(e diskbook.Event) bool { return e.Severity != diskbook.Failure })
}

func named(s api.Status, id string) api.Volume {
	for _, v := range s.Volumes {
		if v.ID == id {
			return v
		}
	}
	return api.Volume{}
}

// TestAPulledDiskIsReplacedStepByStep: what happened is told, with what to do, which goes on by itself once there is another
// disk; the new volume has the name of the old one, which is missed no more.
func TestAPulledDiskIsReplacedStepByStep(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	stop := l.start(func(c *Config) { c.FormatBlank = true })
	old := l.until("mounted", mountedOn("sda")).Volumes[0]
	if old.Failure.Cause != "" {
		t.Errorf("well, and told %+v", old.Failure)
	}
	if err := l.change(old.ID, api.VolumeChange{Action: api.VolumeChangeActionRename, Name: "Gate"}); err != nil {
		t.Fatal(err)
	}
	l.ended(api.OperationNameRename, api.VolumeStatusMounted)
	replace := api.FormatRequest{ConfirmSerial: "S-sdb", Replaces: old.ID}
	l.refused(old.ID, api.VolumeChange{Action: api.VolumeChangeActionForget}, "The volume is there")

	// Nothing else is there yet.
	node := l.nodes["sda"]
	l.pull("sda")
	l.poke()
	failed := l.until("lost", func(s api.Status) bool { return s.Volumes[0].Status == api.VolumeStatusFailed }).Volumes[0]
	f := failed.Failure
	if f.Cause != api.VolumeFailureCauseGone || f.SinceMs == 0 || f.Serial != "S-sda" || f.Slot != "bay 3" || f.SizeBytes != 320*mib || len(f.Steps) != 3 || len(f.Spares) != 0 ||
		!strings.Contains(f.Steps[0], "S-sda (bay 3)") || !strings.Contains(f.Steps[1], "put another one in its place, best one of 335.5 MB") {
		t.Errorf("told %+v", f)
	}
	if e := l.failures(); len(e) != 1 || e[0].Disk != "id-sda" || e[0].Serial != "S-sda" || !strings.Contains(e[0].Text, "The volume Gate cannot be used: the disk was removed") || !strings.Contains(e[0].Text, "bay 3") || !strings.Contains(e[0].Text, f.Steps[0]) {
		t.Errorf("events %+v", e)
	}

	// The machine is started without it, and misses it still.
	stop()
	stop = l.start()
	f = l.until("missed", func(s api.Status) bool { return settled(s) && len(s.Volumes) == 1 }).Volumes[0].Failure
	if f.Cause != api.VolumeFailureCauseMissing || f.Serial != "S-sda" || f.Slot != "bay 3" || len(f.Steps) != 3 {
		t.Errorf("told %+v", f)
	}

	// It comes back, and may not be replaced then.
	l.plug("sdc", node, 320*mib)
	l.plug("sdb", l.loop(320*mib), 320*mib)
	l.poke()
	s := l.until("back", func(s api.Status) bool {
		return named(s, old.ID).Status == api.VolumeStatusMounted && disk1(s, "sdb").Use == api.DiskUseBlank
	})
	if v := named(s, old.ID); v.Name != "Gate" || v.Failure.Cause != "" || v.Disk != "id-sdc" {
		t.Errorf("got %+v", v)
	}
	if err := l.m.Format(t.Context(), "id-sdb", replace); err == nil || !strings.Contains(err.Error(), "has not failed") {
		t.Errorf("got %v", err)
	}
	if err := l.ask("id-sdb", "S-sdb", "gate"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second of the same name: %v", err)
	}
	l.pull("sdc")
	l.poke()
	s = l.until("lost again", func(s api.Status) bool { return len(named(s, old.ID).Failure.Spares) == 1 })
	if f := named(s, old.ID).Failure; f.Spares[0] != "id-sdb" || !strings.Contains(f.Steps[1], "another disk is there") {
		t.Errorf("told %+v", f)
	}
	for _, bad := range []api.FormatRequest{{ConfirmSerial: "S-sda", Replaces: old.ID}, {ConfirmSerial: "S-sdb", Replaces: "none"}} {
		if err := l.m.Format(t.Context(), "id-sdb", bad); err == nil {
			t.Errorf("%+v was done", bad)
		}
	}
	if err := l.m.Format(t.Context(), "id-sdb", replace); err != nil {
		t.Fatal(err)
	}
	fresh := l.until("replaced", mountedOn("sdb")).Volumes[0]
	if fresh.Name != "Gate" || fresh.Replaces != old.ID || fresh.ID == old.ID {
		t.Errorf("got %+v", fresh)
	}

	// All that is known after a restart as well; the old one is used again should it come.
	stop()
	l.start()
	if again := l.until("mounted", func(s api.Status) bool { return settled(s) && mountedOn("sdb")(s) }).Volumes[0]; again.Name != "Gate" || again.Replaces != old.ID {
		t.Errorf("got %+v", again)
	}
	l.plug("sdd", node, 320*mib)
	l.poke()
	l.until("both", func(s api.Status) bool { return named(s, old.ID).Status == api.VolumeStatusMounted })
}

func TestAVolumeThatWillNotComeBackIsForgotten(t *testing.T) {
	l := lab(t)
	l.book.NoteVolume("6f1c2a50-9d3e-4c8b-8a47-0123456789ab", diskbook.Volume{Name: "Gate", Serial: "S", SeenMs: 5})
	l.start()
	v := l.until("missed", func(s api.Status) bool { return len(s.Volumes) == 1 }).Volumes[0]
	if v.Failure.Cause != api.VolumeFailureCauseMissing || v.Failure.SinceMs != 5 || v.Name != "Gate" || v.Disk != "" {
		t.Errorf("got %+v", v)
	}
	l.refused(v.ID, api.VolumeChange{Action: api.VolumeChangeActionCheck}, "is not there")
	if err := l.change(v.ID, api.VolumeChange{Action: api.VolumeChangeActionForget}); err != nil {
		t.Fatal(err)
	}
	l.until("forgotten", func(s api.Status) bool { return len(s.Volumes) == 0 })
	if known := l.book.Volumes(); len(known) != 0 {
		t.Errorf("kept: %v", known)
	}
}

// TestAnUnmountedDiskMayBePulled: nobody is told of a failure.
func TestAnUnmountedDiskMayBePulled(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	l.start(func(c *Config) { c.FormatBlank = true })
	v := l.until("mounted", mountedOn("sda")).Volumes[0]
	if err := l.change(v.ID, api.VolumeChange{Action: api.VolumeChangeActionUnmount}); err != nil {
		t.Fatal(err)
	}
	l.ended(api.OperationNameUnmount, api.VolumeStatusUnmounted)
	node := l.nodes["sda"]
	l.pull("sda")
	l.poke()
	l.until("gone", func(s api.Status) bool { return len(s.Volumes) == 0 })
	l.plug("sdb", node, 320*mib)
	l.poke()
	l.until("back", mountedOn("sdb"))
	if e := l.failures(); len(e) != 0 {
		t.Errorf("events %+v", e)
	}
}
