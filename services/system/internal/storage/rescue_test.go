package storage

import (
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/mountinfo"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
)

func inRescue(c *Config) { c.Rescue = true }

// mountsOf are how many file systems are mounted there.
func mountsOf(t *testing.T, path string) (n int) {
	t.Helper()
	list, err := mountinfo.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Target == path {
			n++
		}
	}
	return n
}

func TestInRescueModeAVolumeIsMountedWhenAPersonWantsIt(t *testing.T) {
	l := lab(t)
	node, id := used(l, "sda", "vigie-a")
	l.plug("sda", node, 320*mib)
	stop := l.start(as("vigie-a"), inRescue)
	s := l.until("settled", func(s api.Status) bool { return settled(s) && len(s.Volumes) == 1 })
	v := s.Volumes[0]
	if v.Status != api.VolumeStatusUnmounted || !strings.Contains(v.Reason, "Rescue mode") || v.Failure.Cause != "" || l.isAttached(id) || mountsOf(t, v.Path) != 0 {
		t.Fatalf("at boot: %+v, attached %v, mounted %d times", v, l.isAttached(id), mountsOf(t, v.Path))
	}
	if events := l.failures(); len(events) > 0 {
		t.Errorf("events %+v", events)
	}

	// A check leaves it as it was.
	if err := l.change(id, api.VolumeChange{Action: api.VolumeChangeActionCheck}); err != nil {
		t.Fatal(err)
	}
	if v := l.ended(api.OperationNameCheck, api.VolumeStatusUnmounted); v.Check.Result != api.VolumeCheckResultClean || mountsOf(t, v.Path) != 0 || !strings.Contains(v.Reason, "Rescue mode") {
		t.Errorf("after a check: %+v", v)
	}
	if said := l.said.String(); strings.Contains(said, "mounted again") || !strings.Contains(said, "It is being checked.") {
		t.Errorf("of the check it says %q", said)
	}
	if err := l.change(id, api.VolumeChange{Action: api.VolumeChangeActionMount}); err != nil {
		t.Fatal(err)
	}
	l.until("mounted", mountedOn("sda"))
	if !l.isAttached(id) || mountsOf(t, v.Path) != 1 {
		t.Errorf("attached %v, mounted %d times", l.isAttached(id), mountsOf(t, v.Path))
	}

	stop() // the service starts again, and the volume stays in use
	l.start(as("vigie-a"), inRescue)
	l.until("mounted", mountedOn("sda"))
	if mountsOf(t, v.Path) != 1 {
		t.Errorf("mounted %d times", mountsOf(t, v.Path))
	}
}

func TestWhatIsRepairedInRescueModeIsMounted(t *testing.T) {
	l := lab(t)
	node, id := used(l, "sda", "vigie-a")
	damage(t, node, "sb 0", "write fdblocks 1")
	l.plug("sda", node, 320*mib)
	l.start(as("vigie-a"), inRescue)
	l.until("settled", func(s api.Status) bool { return settled(s) && len(s.Volumes) == 1 })
	if err := l.change(id, api.VolumeChange{Action: api.VolumeChangeActionCheck}); err != nil {
		t.Fatal(err)
	}
	if v := l.ended(api.OperationNameCheck, api.VolumeStatusUnmounted); v.Check.Result != api.VolumeCheckResultDamaged {
		t.Fatalf("%+v", v)
	}
	if err := l.change(id, api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: "S-sda"}); err != nil {
		t.Fatal(err)
	}
	if v := l.ended(api.OperationNameRepair, api.VolumeStatusMounted); v.Check.Result != api.VolumeCheckResultRepaired {
		t.Errorf("%+v", v)
	}
}

func TestInRescueModeNoArrayIsStarted(t *testing.T) {
	r := newRaid(t, nil)
	r.member("sda", "vigie", 0)
	r.member("sdb", "vigie", 1)
	r.machine.start(inRescue, func(c *Config) {
		c.Arrays = Arrays{Root: r.sys, Ask: r.ask, Mark: "vigie-1", Ours: []string{"vigie", "vigie-1"}, LastCheck: r.book.LastCheck, NoteCheck: r.book.NoteCheck}
		c.Now = func() time.Time { return time.Now().Add(time.Duration(r.shift.Load())) }
		c.Tell = func(string, string, diskbook.Severity, string) {}
	})
	r.untilArray("seen", func(a api.Array) bool { return len(a.Members) == 2 })
	r.shift.Store(int64(2 * md.Patience))
	for range 3 {
		r.poke()
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Errorf("asked: %q", asked)
	}
}
