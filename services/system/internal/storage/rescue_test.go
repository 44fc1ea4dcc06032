package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/mountinfo"
	"vigie/internal/xfstest"
	"vigie/services/system/internal/md"
	"vigie/services/system/internal/volume"
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

func TestInRescueModeAnArrayIsStartedWhenAPersonWantsIt(t *testing.T) {
	r := newRaid(t, nil)
	r.member("sda", "vigie", 0)
	r.member("sdb", "vigie", 1)
	r.begin(inRescue)
	r.until("settled", settled)
	r.shift.Store(int64(2 * md.Patience))
	a := r.untilArray("stopped", func(a api.Array) bool { return a.Status == api.ArrayStatusStopped && len(a.Members) == 2 })
	for _, d := range a.Members {
		if d.State != api.ArrayDiskStateIdle || d.Position == 0 {
			t.Errorf("got %+v", d)
		}
	}
	for range 3 {
		r.poke()
	}
	if asked := r.hasAsked(); len(asked) > 0 || !strings.Contains(a.Reason, "Rescue mode") {
		t.Fatalf("asked: %q; %s", asked, a.Reason)
	}
	start := api.ArrayChange{Action: api.ArrayChangeActionStart}
	if err := r.m.ChangeArray(t.Context(), a.ID, start); err != nil {
		t.Fatal(err)
	}
	r.untilAsked("assemble sda sdb")
	r.runs(map[string]string{"sda": "0 in_sync", "sdb": "1 in_sync"}, nil)
	r.untilArray("running", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning })
	if err := r.m.ChangeArray(t.Context(), a.ID, start); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("started again: %v", err)
	}
	r.shift.Add(int64(checkAfter)) // when it would be noted for a monthly comparison
	for range 3 {
		r.poke()
	}
	if c, known := r.book.LastCheck(a.ID); known {
		t.Errorf("noted: %+v", c)
	}
}

func TestInRescueModeAnArrayIsStartedWithoutADiskOnAPersonsWordOnly(t *testing.T) {
	r := newRaid(t, errors.New("no"))
	r.member("sda", "vigie-1", 0)
	r.member("sdb", "vigie-1", 1)
	r.change("sda", 200, 10) // events, of which sdb has none
	r.begin(inRescue)
	r.until("looked at", settled)
	r.shift.Store(int64(2 * md.Patience))
	a := r.untilArray("stopped", func(a api.Array) bool { return a.Status == api.ArrayStatusStopped && len(a.Members) == 2 })
	if a.Members[0].State != api.ArrayDiskStateIdle || a.Members[1].State != api.ArrayDiskStateBehind || a.Members[1].Serial != "S-sdb" {
		t.Errorf("got %+v", a.Members)
	}
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionStart}); err == nil || !strings.Contains(err.Error(), "are missing") {
		t.Errorf("started without a disk: %v", err)
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Fatalf("asked: %q", asked)
	}
	start := api.ArrayChange{Action: api.ArrayChangeActionStart, Degraded: true}
	for n := range 2 { // what has failed may be tried again
		if err := r.m.ChangeArray(t.Context(), a.ID, start); err != nil {
			t.Fatal(err)
		}
		r.untilArray("not started", func(a api.Array) bool {
			return a.Status == api.ArrayStatusStopped && strings.Contains(a.Reason, "could not be started") && len(r.hasAsked()) == n+1
		})
	}
	if asked := r.hasAsked(); asked[0] != "assemble degraded sda" {
		t.Errorf("asked: %q", asked)
	}
}

func TestInRescueModeAnotherMachinesArrayIsNotStarted(t *testing.T) {
	r := newRaid(t, nil)
	r.member("sda", "box", 0)
	r.member("sdb", "box", 1)
	r.begin(inRescue)
	r.until("settled", settled)
	a := r.untilArray("foreign", func(a api.Array) bool { return a.Status == api.ArrayStatusForeign && len(a.Members) == 2 })
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionStart, Degraded: true}); err == nil || !strings.Contains(err.Error(), "another machine's") {
		t.Errorf("started: %v", err)
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Errorf("asked: %q", asked)
	}
}

func TestInRescueModeAnArrayWithoutItsDataIsNotStarted(t *testing.T) {
	r := newRaid(t, nil)
	r.member("sda", "vigie-1", 0)
	r.change("sda", 72, 0) // its level: stripes
	r.begin(inRescue)
	r.until("looked at", settled)
	r.shift.Store(int64(2 * md.Patience))
	a := r.untilArray("incomplete", func(a api.Array) bool { return a.Status == api.ArrayStatusIncomplete })
	if !strings.Contains(a.Reason, "can be started then") {
		t.Errorf("got %+v", a)
	}
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionStart, Degraded: true}); err == nil || !strings.Contains(err.Error(), "Too few") {
		t.Errorf("started: %v", err)
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Errorf("asked: %q", asked)
	}
}

// TestInRescueModeALogIsCarriedOutBeforeItMayBeThrownAway: the power went while the volume was mounted, and nobody has tried to
// mount it since.
func TestInRescueModeALogIsCarriedOutBeforeItMayBeThrownAway(t *testing.T) {
	l := lab(t)
	node, id := used(l, "sda", "vigie-a")
	path := t.TempDir()
	if err := volume.Mount(node, path, volume.MinSize, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "vigie/late"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	xfstest.GoDown(t, path, xfstest.LogWritten)
	if err := volume.Leave(t.Context(), node, path, 10*time.Second); err != nil {
		t.Fatal(err)
	}

	l.plug("sda", node, 320*mib)
	l.start(as("vigie-a"), inRescue)
	l.until("settled", func(s api.Status) bool { return settled(s) && len(s.Volumes) == 1 })
	check := api.VolumeChange{Action: api.VolumeChangeActionCheck}
	if err := l.change(id, check); err != nil {
		t.Fatal(err)
	}
	v := l.ended(api.OperationNameCheck, api.VolumeStatusUnmounted)
	if v.Check.LogPending || v.Check.Result != api.VolumeCheckResultFailed || !strings.Contains(v.Check.Message, "Mount it") || v.Operation.Message != v.Check.Message {
		t.Errorf("after the check: %+v, %+v", v.Check, v.Operation)
	}
	drop := api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: "S-sda", DropLog: true}
	if err := l.change(id, drop); err == nil || !strings.Contains(err.Error(), "no need") {
		t.Errorf("the log may be thrown away: %v", err)
	}
	if err := l.change(id, api.VolumeChange{Action: api.VolumeChangeActionMount}); err != nil {
		t.Fatal(err)
	}
	l.until("mounted", mountedOn("sda"))
	if _, err := os.Stat(filepath.Join(v.Path, "vigie/late")); err != nil {
		t.Error(err)
	}
	if err := l.change(id, check); err != nil {
		t.Fatal(err)
	}
	if v := l.ended(api.OperationNameCheck, api.VolumeStatusMounted); v.Check.Result != api.VolumeCheckResultClean {
		t.Errorf("mounted, it is %+v", v.Check)
	}
}
