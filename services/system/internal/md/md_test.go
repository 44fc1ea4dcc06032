package md

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/services/system/internal/probe"
)

func TestShapeSaysWhatThereWouldBe(t *testing.T) {
	const tb = 1_000_000_000_000
	each := int64(tb) - 256<<20
	for _, c := range []struct {
		name  string
		level int
		sizes []int64
		want  Shape
		why   string
	}{
		{"stripes", 0, []int64{tb, tb}, Shape{2 * each, 0, 0}, ""},
		{"a mirror", 1, []int64{tb, tb}, Shape{each, 1, 0}, ""},
		{"a mirror of three", 1, []int64{tb, tb, tb}, Shape{each, 2, 0}, ""},
		{"one of them larger", 5, []int64{tb, 2 * tb, tb}, Shape{2 * each, 1, tb}, ""},
		{"two may fail", 6, []int64{tb, tb, tb, tb}, Shape{2 * each, 2, 0}, ""},
		{"twins", 10, []int64{tb, tb, tb, tb}, Shape{2 * each, 1, 0}, ""},
		{"small disks give less for what describes the array", 1, []int64{64 << 20, 64 << 20}, Shape{60 << 20, 1, 0}, ""},
		{"too few", 5, []int64{tb, tb}, Shape{}, "at least 3"},
		{"an odd one", 10, []int64{tb, tb, tb, tb, tb}, Shape{}, "even"},
		{"too small", 1, []int64{tb, 1 << 20}, Shape{}, "32 MiB"},
		{"no such level", 4, []int64{tb, tb, tb}, Shape{}, "0, 1, 5, 6 or 10"},
	} {
		got, why := ShapeOf(c.level, c.sizes)
		if got != c.want || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %+v, %q", c.name, got, why)
		}
	}
}

func TestPlanStartsWhatIsOursWhenItShould(t *testing.T) {
	member := func(level, devices, position int) Found {
		return Found{Member: probe.Member{Host: "vigie-a", Level: level, Devices: devices, Position: position, Role: probe.Active, Events: 100}}
	}
	some := func(level, devices int, positions ...int) []Found {
		var out []Found
		for _, p := range positions {
			out = append(out, member(level, devices, p))
		}
		return out
	}
	late := Patience
	spare := member(5, 3, 0)
	spare.Role = probe.Spare
	behind := member(1, 2, 1)
	behind.Events = 90
	theirs := some(1, 2, 0, 1)
	theirs[0].Host, theirs[1].Host = "box", "box"
	for _, c := range []struct {
		name    string
		found   []Found
		waiting time.Duration
		want    Step
	}{
		{"all there", some(5, 3, 0, 1, 2), 0, Start},
		{"one missing", some(5, 3, 0, 2), 0, Wait},
		{"still missing", some(5, 3, 0, 2), late, Degraded},
		{"a spare is no member", append(some(5, 3, 0, 2), spare), late, Degraded},
		{"two missing", some(5, 3, 1), late, Short},
		{"two missing of RAID 6", some(6, 4, 1, 3), late, Degraded},
		{"stripes need all", some(0, 2, 0), late, Short},
		{"one side of a mirror", some(1, 2, 1), late, Degraded},
		{"the side that stayed behind is none", append(some(1, 2, 0), behind), 0, Wait},
		{"one of each twins", some(10, 4, 0, 3), late, Degraded},
		{"both of twins missing", some(10, 4, 0, 1), late, Short},
		{"another machine's", theirs, late, Foreign},
		{"a spare alone", []Found{spare}, late, Short},
	} {
		if got := Plan(c.found, c.waiting, []string{"vigie-a", "vigie"}); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNextYieldsToRecording(t *testing.T) {
	for _, c := range []struct {
		kBps            int
		latency, waited time.Duration
		want            int
	}{
		{Slowest, 0, 0, 2 * Slowest}, {100_000, 5 * time.Millisecond, 350 * time.Millisecond, 125_000}, {Fastest, 0, 0, Fastest},
		{100_000, 60 * time.Millisecond, 0, 100_000}, {100_000, 200 * time.Millisecond, 0, 50_000}, {Slowest, time.Second, 0, Slowest},
		{100_000, 5 * time.Millisecond, 500 * time.Millisecond, 100_000}, {100_000, 5 * time.Millisecond, time.Second, 50_000},
	} {
		if got := Next(c.kBps, c.latency, c.waited); got != c.want {
			t.Errorf("%d kB/s, %v, %v: %d, want %d", c.kBps, c.latency, c.waited, got, c.want)
		}
	}
	// From what disks do to the bottom in as many seconds as a ring bears.
	kBps := 200_000
	for range 8 {
		kBps = Next(kBps, 0, 3*time.Second)
	}
	if kBps != Slowest {
		t.Errorf("after eight bad seconds it is %d kB/s", kBps)
	}
	if l := (Writes{30, 900 * time.Millisecond}).Latency(Writes{20, 400 * time.Millisecond}); l != 50*time.Millisecond {
		t.Errorf("latency %v", l)
	}
	if l := (Writes{20, time.Second}).Latency(Writes{20, time.Second}); l != 0 {
		t.Errorf("latency of nothing %v", l)
	}
}

func TestListReadsWhatTheKernelHas(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"md0/md/level": "raid5\n", "md0/md/array_state": "clean\n", "md0/md/raid_disks": "3\n", "md0/md/degraded": "1\n", "md0/md/uuid": "11111111-2222-3333-4444-555555555555\n",
		"md0/md/sync_action": "recover\n", "md0/md/sync_completed": "1000 / 4000\n", "md0/md/sync_speed": "150\n", "md0/md/mismatch_cnt": "0\n", "md0/md/consistency_policy": "ppl\n", "md0/md/component_size": "4096\n",
		"md0/md/dev-sda/slot": "0\n", "md0/md/dev-sda/state": "in_sync\n", "md0/md/dev-sdc/slot": "none\n", "md0/md/dev-sdc/state": "faulty,blocked\n",
		"md0/stat":     "1 0 8 0 20 0 160 400 0 0 0 0 0 0 0 0 0\n",
		"md1/md/level": "raid1\n", "md1/md/array_state": "inactive\n",
		"sda/queue/x": "",
	} {
		path := filepath.Join(root, "sys/block", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Array{{Name: "md0", UUID: "11111111-2222-3333-4444-555555555555", Level: "raid5", State: "clean", Devices: 3, Degraded: 1,
		Members: []Member{{"sda", 0, []string{"in_sync"}}, {"sdc", -1, []string{"faulty", "blocked"}}}, Sync: Sync{"recover", 1000, 4000, 150}, Policy: "ppl", EachBytes: 4 << 20}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := got[0].Sync; !s.Runs() || s.Percent() != 25 || s.Left() != 10*time.Second {
		t.Errorf("%v, %d %%, %v", s.Runs(), s.Percent(), s.Left())
	}
	if w, err := ReadWrites(root, "md0"); err != nil || w != (Writes{20, 400 * time.Millisecond}) {
		t.Errorf("%+v, %v", w, err)
	}
}
