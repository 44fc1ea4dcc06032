package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
)

// raid is a lab whose kernel has no arrays, as that of a build machine: what the raid service is asked is noted, and
// /sys/block is a folder. What the real ones do is tried in tests/machine.
type raid struct {
	*machine
	sys    string
	events atomic.Pointer[string]
	shift  atomic.Int64 // of the clock
	answer error
	book   *diskbook.Book

	asking sync.Mutex
	asked  []string
}

func newRaid(t *testing.T, answer error) *raid {
	r := &raid{machine: lab(t), sys: t.TempDir(), answer: answer, book: diskbook.New("", time.Now)}
	none := ""
	r.events.Store(&none)
	if err := os.MkdirAll(filepath.Join(r.sys, "sys/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask is what the raid service is in the lab.
func (r *raid) ask(_ context.Context, q raidapi.Request) error {
	words := []string{q.Do}
	if q.Array != "" {
		words = append(words, q.Array)
	}
	if q.Degraded {
		words = append(words, "degraded")
	}
	if q.Mark != "" {
		words = append(words, "as "+q.Mark)
	}
	if q.Do == raidapi.Create {
		words = append(words, fmt.Sprintf("%s RAID %d of %d", q.Name, q.Level, q.Members))
	}
	if q.Do == raidapi.Reshape {
		words = append(words, fmt.Sprintf("to %d", q.Members))
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	r.asked = append(r.asked, strings.Join(append(words, q.Devices...), " "))
	return errors.Join(r.answer, q.Validate())
}

// noRaid is the raid service of machines without arrays.
func noRaid(context.Context, raidapi.Request) error { return errors.New("no arrays here") }

func neverChecked(string) (diskbook.Check, bool) { return diskbook.Check{}, false }

// begin starts the service; disks that are to be there at boot are plugged by then.
func (r *raid) begin(change ...func(*Config)) {
	r.t.Helper()
	r.machine.start(append(change, func(c *Config) {
		c.Arrays = Arrays{Root: r.sys, Ask: r.ask, Mark: "vigie-1", Ours: []string{"vigie", "vigie-1"}, LastCheck: r.book.LastCheck, NoteCheck: r.book.NoteCheck}
		c.Now = func() time.Time { return time.Now().Add(time.Duration(r.shift.Load())) }
		c.Tell = func(_, name string, severity diskbook.Severity, text string) {
			all := *r.events.Load() + string(severity) + " " + name + ": " + text + "\n"
			r.events.Store(&all)
		}
	})...)
}

// member plugs a disk that is one of a mirror of a machine (see mirrorMember, which is the second one of box's).
func (r *raid) member(name, host string, position byte, change ...func(*blockdev.Disk)) {
	r.t.Helper()
	b := mirrorMember()
	clear(b[4096+32 : 4096+64])
	copy(b[4096+32:], host+":films")
	b[4096+160] = position
	node := r.loop(320 * mib)
	if err := os.WriteFile(node, b, 0); err != nil {
		r.t.Fatal(err)
	}
	r.plug(name, node, 320*mib, change...)
}

// change writes a byte of a member's superblock.
func (r *raid) change(name string, at int64, b byte) {
	r.t.Helper()
	f, err := os.OpenFile(r.nodes[name], os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{b}, 4096+at)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raid) hasAsked() []string {
	r.asking.Lock()
	defer r.asking.Unlock()
	return slices.Clone(r.asked)
}

func (r *raid) untilArray(what string, ok func(api.Array) bool) api.Array {
	r.t.Helper()
	s := r.until(what, func(s api.Status) bool { return len(s.Arrays) == 1 && ok(s.Arrays[0]) })
	return s.Arrays[0]
}

func (r *raid) untilAsked(want string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !slices.Contains(r.hasAsked(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("never asked for %q: %q", want, r.hasAsked())
		}
	}
}

func TestAnotherMachinesArrayIsShownAndNotStartedUnasked(t *testing.T) {
	r := newRaid(t, nil)
	r.member("sda", "box", 0)
	r.member("sdb", "box", 1)
	r.begin()
	a := r.untilArray("foreign", func(a api.Array) bool {
		return a.Status == api.ArrayStatusForeign && len(a.Members) == 2 && a.Members[0].Serial != "" && a.Members[1].Serial != ""
	})
	if a.Name != "films" || a.Machine != "box" || a.Level != "RAID 1" || a.Members[1].Serial != "S-sdb" || a.Members[1].Position != 2 || a.Reason == "" {
		t.Errorf("got %+v", a)
	}
	r.shift.Store(int64(2 * md.Patience))
	r.poke()
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Fatalf("asked: %q", asked)
	}
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionAdopt, ConfirmName: "other"}); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("adopted by a wrong name: %v", err)
	}
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionAdopt, ConfirmName: "films"}); err != nil {
		t.Fatal(err)
	}
	r.untilAsked("assemble as vigie-1 sda sdb")
}

func TestAnArrayStartsWithoutADiskAfterAWhileOnly(t *testing.T) {
	r := newRaid(t, errors.New("no"))
	r.member("sda", "vigie-1", 0)
	r.begin()
	a := r.untilArray("waiting", func(a api.Array) bool { return a.Status == api.ArrayStatusWaiting })
	if len(a.Members) != 2 || a.Members[1].State != api.ArrayDiskStateMissing {
		t.Errorf("got %+v", a.Members)
	}
	if r.board.Status().StorageSettled {
		t.Error("storage counts as settled before the array has started")
	}
	r.shift.Store(int64(2 * md.Patience))
	a = r.untilArray("failed", func(a api.Array) bool { return a.Status == api.ArrayStatusFailed })
	if !strings.Contains(a.Reason, "could not be started") || !strings.Contains(*r.events.Load(), "failure films: It could not") {
		t.Errorf("got %+v, told %q", a, *r.events.Load())
	}
	r.until("settled", settled)
	r.untilAsked("assemble degraded sda")
	if n := len(r.hasAsked()); n != 1 {
		t.Errorf("tried %d times with the same disks", n)
	}
	r.member("sdb", "vigie-1", 1) // what comes changes that
	r.poke()
	r.untilAsked("assemble sda sdb")
}

// runs has the lab's kernel show an array that runs.
func (r *raid) runs(members map[string]string, files map[string]string) {
	r.t.Helper()
	all := map[string]string{"level": "raid1", "array_state": "clean", "raid_disks": "2", "degraded": "0", "uuid": "30313233-3435-3637-3839-616263646566", "sync_action": "idle",
		"sync_speed_min": "-", "sync_speed_max": "-"}
	maps.Copy(all, files)
	for name, state := range members {
		slot, state, _ := strings.Cut(state, " ")
		all["dev-"+name+"/slot"], all["dev-"+name+"/state"] = slot, state
	}
	// A kernel's files change together: who has read a new one finds no old one after it.
	dir := filepath.Join(r.sys, "sys/block/md0/md")
	next := dir + ".next"
	if err := os.CopyFS(next, os.DirFS(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	for name, text := range all {
		path := filepath.Join(next, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o644)); err != nil {
			r.t.Fatal(err)
		}
	}
	err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(next, dir)
	}
	if err := errors.Join(err, os.RemoveAll(next)); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.sys, "sys/block/md0/stat"), []byte("0 0 0 0 1 0 8 900 0 0 0\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func TestAnArrayThatRunsIsFollowedAndItsDisksAreGuarded(t *testing.T) {
	r := newRaid(t, nil)
	r.runs(map[string]string{"sda": "0 in_sync", "sdb": "1 in_sync"}, nil)
	inArray := func(d *blockdev.Disk) { d.Users = []blockdev.User{{Kind: blockdev.Holder, Name: "md0"}} }
	r.plug("sda", r.loop(320*mib), 320*mib, inArray)
	r.plug("sdb", r.loop(320*mib), 320*mib, inArray)
	r.plug("sdc", r.loop(320*mib), 320*mib)
	r.plug("sdd", r.loop(64*mib), 64*mib)
	r.begin()
	a := r.untilArray("running", func(a api.Array) bool {
		return a.Status == api.ArrayStatusRunning && len(a.Members) == 2 && a.Members[0].Serial == "S-sda"
	})
	r.until("all looked at", settled)
	meant := func(name string) api.MeantDisk { return api.MeantDisk{ID: "id-" + name, ConfirmSerial: "S-" + name} }
	change := func(c api.ArrayChange) error { return r.m.ChangeArray(t.Context(), a.ID, c) }
	for what, c := range map[string]struct {
		change api.ArrayChange
		want   string
	}{
		"a serial that is another's": {api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: api.MeantDisk{ID: "id-sda", ConfirmSerial: "S-sdb"}}, "Nothing was changed"},
		"a disk that is in it":       {api.ArrayChange{Action: api.ArrayChangeActionAdd, Disk: meant("sdb")}, "in use"},
		"one that is too small":      {api.ArrayChange{Action: api.ArrayChangeActionAdd, Disk: meant("sdd")}, "as large as"},
		"one that is in none":        {api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: meant("sdc")}, "another array or in none"},
		"not all of its disks":       {api.ArrayChange{Action: api.ArrayChangeActionDelete, ConfirmName: a.Name, Disks: []api.MeantDisk{meant("sda")}}, "name all"},
		"another name":               {api.ArrayChange{Action: api.ArrayChangeActionDelete, ConfirmName: "x"}, "not the name"},
	} {
		if err := change(c.change); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, disks := range [][]api.MeantDisk{{meant("sda"), meant("sdc")}, {meant("sdc"), meant("sdc")}, {meant("sdc")}, {meant("sdc"), {ID: "id-sdd", ConfirmSerial: "S"}}} {
		if err := r.m.CreateArray(t.Context(), api.ArrayRequest{Level: 1, Name: "new", Disks: disks}); err == nil {
			t.Errorf("made of %+v", disks)
		}
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Fatalf("asked: %q", asked)
	}

	// One fails, another takes its place.
	r.runs(map[string]string{"sdb": "none faulty"}, map[string]string{"degraded": "1"})
	a = r.untilArray("degraded", func(a api.Array) bool { return a.Status == api.ArrayStatusDegraded && len(a.Members) == 3 })
	if states := []api.ArrayDiskState{a.Members[0].State, a.Members[1].State, a.Members[2].State}; !slices.Equal(states, []api.ArrayDiskState{api.ArrayDiskStateGood, api.ArrayDiskStateMissing, api.ArrayDiskStateFailed}) {
		t.Errorf("got %+v", a.Members)
	}
	for _, want := range []string{"1 of 2 disks", "The disk S-sdb has failed"} {
		if !strings.Contains(*r.events.Load(), want) {
			t.Errorf("not told: %s: %q", want, *r.events.Load())
		}
	}
	if err := change(api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: meant("sda")}); err == nil || !strings.Contains(err.Error(), "lose its data") {
		t.Errorf("the last one may go: %v", err)
	}
	if err := change(api.ArrayChange{Action: api.ArrayChangeActionAdd, Disk: meant("sdc")}); err != nil {
		t.Fatal(err)
	}
	r.untilAsked("add md0 sdc")
	r.runs(map[string]string{"sdc": "1 spare"}, map[string]string{"sync_action": "recover", "sync_completed": "64 / 640", "sync_speed": "32"})
	a = r.untilArray("filling", func(a api.Array) bool {
		return a.Sync.Action == "recover" && a.Members[1].State == api.ArrayDiskStateRebuilding
	})
	if a.Sync.Percent != 10 || a.Sync.LeftMs != 9000 {
		t.Errorf("got %+v", a.Sync)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(r.sys, "sys/block/md0/md/sync_speed_max")); err == nil && strings.TrimSpace(string(b)) != "-" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("its speed is not looked after")
		}
	}
	if err := change(api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: meant("sdb")}); err != nil {
		t.Fatal(err)
	}
	r.untilAsked("remove md0 sdb")
	r.untilAsked("forget sdb")
}

func TestTheDisksOfAnArrayAreComparedEachMonth(t *testing.T) {
	r := newRaid(t, nil)
	members := map[string]string{"sda": "0 in_sync", "sdb": "1 in_sync"}
	r.runs(members, nil)
	inArray := func(d *blockdev.Disk) { d.Users = []blockdev.User{{Kind: blockdev.Holder, Name: "md0"}} }
	r.plug("sda", r.loop(320*mib), 320*mib, inArray)
	r.plug("sdb", r.loop(320*mib), 320*mib, inArray)
	r.begin()
	a := r.untilArray("running", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning })
	action := filepath.Join(r.sys, "sys/block/md0/md/sync_action")
	asked := func(word string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if b, err := os.ReadFile(action); err == nil && strings.HasPrefix(string(b), word) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("never asked for %s", word)
			}
		}
	}
	r.shift.Store(int64(checkAfter))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, known := r.book.LastCheck(a.ID); known && c.Never {
			break
		}
		if time.Now().After(end) {
			t.Fatal("never noted")
		}
	}
	r.shift.Add(int64(checkEvery) - int64(time.Hour))
	r.poke()
	if b, err := os.ReadFile(action); err != nil || strings.HasPrefix(string(b), "check") {
		t.Fatalf("compared before the month is over: %s, %v", b, err)
	}
	r.shift.Add(int64(2 * time.Hour))
	asked("check")
	r.runs(members, map[string]string{"sync_action": "check", "sync_completed": "64 / 640"})
	r.untilArray("being compared", func(a api.Array) bool { return a.Sync.Action == "check" })

	// One that was stopped is no check, and begins anew the next day.
	if err := r.m.ChangeArray(t.Context(), a.ID, api.ArrayChange{Action: api.ArrayChangeActionStopCheck}); err != nil {
		t.Fatal(err)
	}
	asked("idle")
	r.runs(members, nil)
	if a := r.untilArray("stopped", func(a api.Array) bool { return a.Sync.Action == "" }); a.CheckedMs != 0 {
		t.Errorf("got %+v", a)
	}
	r.shift.Add(int64(checkPutOff))
	asked("check")
	r.runs(members, map[string]string{"sync_action": "check", "mismatch_cnt": "128"})
	r.untilArray("being compared again", func(a api.Array) bool { return a.Sync.Action == "check" })
	r.runs(members, map[string]string{"mismatch_cnt": "128"})
	r.untilArray("compared", func(a api.Array) bool { return a.Differs == 128 && a.CheckedMs > 0 })
	for _, want := range []string{"info RAID-30313233: Its disks are compared, as each month", "warning RAID-30313233: Its disks were compared, and differ in 128 sectors"} {
		if !strings.Contains(*r.events.Load(), want) {
			t.Errorf("not told: %s: %q", want, *r.events.Load())
		}
	}
	if strings.Contains(*r.events.Load(), "are equal") {
		t.Errorf("what was stopped counts: %q", *r.events.Load())
	}
}

func TestAnArrayGrowsAndGetsItsLogAgain(t *testing.T) {
	r := newRaid(t, nil)
	members := map[string]string{"sda": "0 in_sync", "sdb": "1 in_sync", "sdc": "2 in_sync"}
	files := map[string]string{"level": "raid5", "raid_disks": "3", "consistency_policy": "ppl", "component_size": "323584"}
	r.runs(members, files)
	inArray := func(d *blockdev.Disk) { d.Users = []blockdev.User{{Kind: blockdev.Holder, Name: "md0"}} }
	for name := range members {
		r.member(name, "vigie-1", members[name][0]-'0', inArray)
	}
	r.plug("sdd", r.loop(320*mib), 320*mib)
	r.plug("sde", r.loop(64*mib), 64*mib)
	r.begin()
	a := r.untilArray("running", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning && a.Name == "films" })
	r.until("all looked at", settled)
	grow := func(names ...string) error {
		c := api.ArrayChange{Action: api.ArrayChangeActionGrow}
		for _, name := range names {
			c.Disks = append(c.Disks, api.MeantDisk{ID: "id-" + name, ConfirmSerial: "S-" + name})
		}
		return r.m.ChangeArray(t.Context(), a.ID, c)
	}
	for what, names := range map[string][]string{"has no room": nil, "as large as": {"sde"}, "in the list twice": {"sdd", "sdd"}, "in use": {"sda"}} {
		if err := grow(names...); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("grows by %q: %v", names, err)
		}
	}
	if asked := r.hasAsked(); len(asked) > 0 {
		t.Fatalf("asked: %q", asked)
	}
	if err := grow("sdd"); err != nil {
		t.Fatal(err)
	}
	r.untilAsked("reshape md0 to 4")
	if asked, want := r.hasAsked(), []string{"add md0 sdd", "log off md0", "reshape md0 to 4"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	files["consistency_policy"], files["raid_disks"] = "resync", "4"
	members["sdd"] = "3 in_sync"
	reshaping := maps.Clone(files)
	reshaping["sync_action"] = "reshape"
	r.runs(members, reshaping)
	r.untilArray("reshaping", func(a api.Array) bool {
		return a.Sync.Action == "reshape" && a.Operation.Status == api.OperationStatusDone
	})
	if err := grow(); err == nil || !strings.Contains(err.Error(), "whole") {
		t.Errorf("grows while it grows: %v", err)
	}
	if slices.Contains(r.hasAsked(), "log on md0") {
		t.Error("it gets its log while it grows")
	}
	files["component_size"] = "65536" // and its disks are larger by now
	r.runs(members, files)
	r.untilAsked("log on md0")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // nobody tells when it is at rest
		err := grow()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is not at rest: %v", err)
		}
	}
	r.untilAsked("size md0")
}
