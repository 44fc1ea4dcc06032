//go:build whole

package machine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// The UUIDs of two machines' boards: an array is its machine's.
const (
	ownBoard   = "9c2f0a64-7a0e-4c0f-8f25-3d1f6a1b0c01"
	otherBoard = "9c2f0a64-7a0e-4c0f-8f25-3d1f6a1b0c02"
)

// TestArraysOfDisks has disks say how they are, makes an array of each level, records on a RAID 5 while one of its disks is
// pulled, a spare takes its place and another disk is exchanged, repairs its file system in rescue mode with a disk missing,
// starts the machine without it, and another one with these disks.
func TestArraysOfDisks(t *testing.T) {
	const disks = 7
	cfg := site.Config{Firmware: vm.BIOS, Medium: vm.CD, Cameras: []rtspcam.Config{{ID: "gate", Video: video(content.H264, 1, 500_000)}}}
	for range disks {
		cfg.DiskBytes = append(cfg.DiskBytes, 192<<20) // too small to be made a volume by themselves
	}
	cfg.Buses = []vm.Bus{vm.Virtio, vm.Virtio, vm.Virtio, vm.Virtio, vm.AHCI, vm.NVMe}
	b := open(t, cfg)
	b.Board = ownBoard
	b.boot(t)
	b.makeOwner(t)
	b.disks(t, "DATA0", "DATA1", "DATA2", "DATA3", "DATA4", "DATA5", "DATA6")

	for _, c := range []struct{ level, disks, survives int }{{0, 2, 0}, {1, 2, 1}, {6, 4, 2}, {10, 4, 1}} {
		serials := []string{"DATA0", "DATA1", "DATA2", "DATA3"}[:c.disks]
		plan := b.planArray(t, c.level, serials...)
		if plan.Survives != c.survives || plan.CapacityBytes <= 0 || plan.Problem != "" {
			t.Errorf("RAID %d: %+v", c.level, plan)
		}
		name := fmt.Sprintf("raid%d", c.level)
		began := time.Now()
		a := b.createArray(t, api.ArrayRequest{Level: c.level, Name: name}, serials...)
		t.Logf("%s runs after %.1f s", a.Level, time.Since(began).Seconds())
		if a.SizeBytes < plan.CapacityBytes || len(a.Members) != c.disks {
			t.Errorf("RAID %d: %+v, planned %+v", c.level, a, plan)
		}
		b.mended(t, a, serials[:c.survives]...)
		b.deleteArray(t, b.array(t, name, said, "there", func(api.Array) bool { return true }))
	}

	// RAID 5 with a spare, as a volume.
	a := b.createArray(t, api.ArrayRequest{Level: 5, Name: "films", Spares: []api.MeantDisk{b.meant(t, "DATA3")}}, "DATA0", "DATA1", "DATA2")
	if got := states(a); got != "DATA0 good, DATA1 good, DATA2 good, DATA3 spare" {
		t.Errorf("made: %s", got)
	}
	ask := api.FormatRequest{ConfirmSerial: "RAID-" + strings.ToUpper(a.ID[:8]), Name: "Films"}
	b.until(t, time.Minute, "the array is made a volume", func(ctx context.Context) (bool, error) {
		err := b.Call(ctx, http.MethodPost, "/disks/"+a.Disk+"/format", ask, nil)
		return err == nil, err
	})
	b.addCameras(t)
	b.recording(t)
	b.footage(t, b.cameras["gate"], time.Now())
	b.healthy(t, "DATA4", "DATA5")
	films := func(what string, limit time.Duration, ok func(api.Array) bool) api.Array {
		t.Helper()
		return b.array(t, "films", limit, what, ok)
	}
	whole := func(a api.Array) bool { return a.Status == api.ArrayStatusRunning && a.Sync.Action == "" }
	films("in order", time.Minute, whole)

	b.slow(t, slowDisk, "data0", "data2", "data3")
	pulled := time.Now()
	if err := b.VM.RemoveDisk(t.Context(), "data1"); err != nil {
		t.Fatal(err)
	}
	films("degraded", said, func(a api.Array) bool { return a.Status == api.ArrayStatusDegraded })
	t.Logf("degraded said after %.1f s", time.Since(pulled).Seconds())
	filling := films("filling its spare", time.Minute, func(a api.Array) bool { return a.Sync.Action == "recover" && a.Sync.KBps > 0 && a.Sync.LeftMs > 0 })
	t.Logf("filling: %s, %+v", states(filling), filling.Sync)
	b.goesOn(t, 2*time.Second)
	b.yields(t, "films", "data0", "data2", "data3")
	if got := states(films("whole by its spare", 2*time.Minute, whole)); got != "DATA0 good, DATA3 good, DATA2 good" {
		t.Errorf("by its spare: %s", got)
	}

	// A disk is exchanged for another one, and is free then. Without its serial nothing is taken out.
	b.changeArray(t, a.ID, api.ArrayChange{Action: api.ArrayChangeActionReplace, Disk: b.meant(t, "DATA0"), With: b.meant(t, "DATA4")})
	films("whole with another disk", 2*time.Minute, func(a api.Array) bool {
		return whole(a) && strings.HasPrefix(states(a), "DATA4 good, DATA3 good, DATA2 good")
	})
	wrong := api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: api.MeantDisk{ID: b.meant(t, "DATA0").ID, ConfirmSerial: "DATA2"}}
	if err := b.Call(t.Context(), http.MethodPost, "/arrays/"+a.ID+"/change", wrong, nil); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("removed by a wrong serial: %v", err)
	}
	b.changeArray(t, a.ID, api.ArrayChange{Action: api.ArrayChangeActionRemove, Disk: b.meant(t, "DATA0")})
	films("without the disk", time.Minute, func(a api.Array) bool { return whole(a) && len(a.Members) == 3 })
	b.goesOn(t, time.Second)
	b.unbroken(t, "gate")
	var events []api.DiskEvent
	if err := b.Call(t.Context(), http.MethodGet, "/disk-events", nil, &events); err != nil || !slices.ContainsFunc(events, func(e api.DiskEvent) bool { return strings.Contains(e.Text, "2 of 3 disks") }) {
		t.Errorf("no event of the degraded array: %+v, %v", events, err)
	}

	// It grows by a disk, and the volume with it.
	before := b.sizeOf(t, a.Disk)
	b.changeArray(t, a.ID, api.ArrayChange{Action: api.ArrayChangeActionGrow, Disks: []api.MeantDisk{b.meant(t, "DATA6")}})
	films("grown", 2*time.Minute, func(g api.Array) bool {
		return whole(g) && len(g.Members) == 4 && g.SizeBytes > a.SizeBytes+a.SizeBytes/3
	})
	b.until(t, time.Minute, "the volume has grown", func(ctx context.Context) (bool, error) { return b.sizeOf(t, a.Disk) > before+before/3, nil })
	b.goesOn(t, time.Second)
	b.unbroken(t, "gate")
	b.createArray(t, api.ArrayRequest{Level: 1, Name: "pair"}, "DATA0", "DATA5")
	footage := b.firstMs(t)["gate"]
	b.powerOff(t)

	// One disk is replaced by a blank one while the machine is off, and what is on the others is damaged; that which was pulled
	// is plugged in again, and is behind. Rescue mode repairs it, and the machine restarts.
	b.blank(t, "data2", cfg.DiskBytes[2])
	b.damageArray(t, a.ID)
	b.mendsArray(t)
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	films("started without a disk", 30*time.Second, func(a api.Array) bool { return a.Status == api.ArrayStatusDegraded && a.Disk != "" })
	if got := states(b.array(t, "pair", said, "started", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning })); got != "DATA0 good, DATA5 good" {
		t.Errorf("pair: %s", got)
	}
	b.waited(t)
	b.recording(t)
	if got := b.firstMs(t)["gate"]; got != footage {
		t.Errorf("footage begins at %d, want %d, from before the restart", got, footage)
	}
	b.powerOff(t)

	// Another machine shows them, and starts one when it is told to.
	b.Board = otherBoard
	b.boot(t)
	if err := b.SetUp(t.Context(), b.greeting.SetupCode, owner, password); err != nil { // its accounts are on the array
		t.Fatal(err)
	}
	foreign := func(a api.Array) bool { return a.Status == api.ArrayStatusForeign && a.Disk == "" }
	films("shown as another machine's", said, foreign)
	pair := b.array(t, "pair", said, "shown as another machine's", foreign)
	b.changeArray(t, pair.ID, api.ArrayChange{Action: api.ArrayChangeActionAdopt, ConfirmName: "pair"})
	b.array(t, "pair", 30*time.Second, "taken over", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning && a.Disk != "" })
	films("still another machine's", said, foreign)
	b.powerOff(t)
}

// mended has as many disks of a whole array break as it bears, takes them out and puts them in again.
func (b *bench) mended(t *testing.T, a api.Array, broken ...string) {
	t.Helper()
	if len(broken) == 0 {
		return
	}
	whole := func(a api.Array) bool { return a.Status == api.ArrayStatusRunning && a.Sync.Action == "" }
	b.array(t, a.Name, 2*time.Minute, "in order", whole)
	began := time.Now()
	for _, step := range []api.ArrayChangeAction{api.ArrayChangeActionFail, api.ArrayChangeActionRemove, api.ArrayChangeActionAdd} {
		for _, serial := range broken {
			b.until(t, 30*time.Second, fmt.Sprintf("%s of %s: %s", serial, a.Name, step), func(ctx context.Context) (bool, error) {
				err := b.Call(ctx, http.MethodPost, "/arrays/"+a.ID+"/change", api.ArrayChange{Action: step, Disk: b.meant(t, serial)}, nil)
				return err == nil, err
			})
		}
		if step != api.ArrayChangeActionAdd {
			b.array(t, a.Name, said, "degraded", func(a api.Array) bool { return a.Status == api.ArrayStatusDegraded && a.Disk != "" })
		}
	}
	b.array(t, a.Name, 2*time.Minute, "in order again", whole)
	t.Logf("%s lost %d of %d disks, and was whole again after %.1f s", a.Level, len(broken), len(a.Members), time.Since(began).Seconds())
}

// slowDisk is what a slow disk reads and writes a second: less than the machine of the test could, so that an array that
// brings itself in order without regard leaves nothing for recording.
const slowDisk = 8 << 20

// slow makes disks slow; rate 0: as they were.
func (b *bench) slow(t *testing.T, rate int64, disks ...string) {
	t.Helper()
	for _, d := range disks {
		if err := b.VM.SlowDisk(t.Context(), d, rate); err != nil {
			t.Fatal(err)
		}
	}
}

// yields watches recording while an array on slow disks brings itself in order, and has them as they were then.
func (b *bench) yields(t *testing.T, name string, disks ...string) {
	t.Helper()
	var speeds []int64
	worst := time.Duration(0)
	for range 20 {
		use, err := b.Recording(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range use.Volumes {
			worst = max(worst, time.Duration(v.WriteLatencyMaxUs)*time.Microsecond)
		}
		a := b.array(t, name, said, "there", func(api.Array) bool { return true })
		speeds = append(speeds, a.Sync.KBps)
		if a.Sync.Action == "" {
			break
		}
		time.Sleep(time.Second)
	}
	b.slow(t, 0, disks...)
	t.Logf("on disks of %d kB/s %s brings itself in order at %v kB/s, and the slowest round of recording took %v", slowDisk>>10, name, speeds, worst)
	if worst > 2*time.Second {
		t.Errorf("a round of recording took %v while %s brought itself in order", worst, name)
	}
}

// sizeOf is how large the volume on a disk is.
func (b *bench) sizeOf(t *testing.T, disk string) int64 {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Volumes {
		if v.Disk == disk {
			return v.SizeBytes
		}
	}
	return 0
}

// states are an array's disks with their states, in a line.
func states(a api.Array) string {
	var all []string
	for _, d := range a.Members {
		all = append(all, fmt.Sprintf("%s %s", d.Serial, d.State))
	}
	return strings.Join(all, ", ")
}

// blank makes a disk of the machine, which is off, an empty one.
func (b *bench) blank(t *testing.T, disk string, size int64) {
	t.Helper()
	file := filepath.Join(filepath.Dir(b.ConsoleLog()), disk+".raw")
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

var arrayStarted = regexp.MustCompile(`\[ *([0-9.]+)\] system: array (films|pair): runs`)

// waited compares when the arrays started, as the console says: the whole one at once, the other after a while.
func (b *bench) waited(t *testing.T) {
	t.Helper()
	at := map[string]float64{}
	for _, m := range arrayStarted.FindAllStringSubmatch(b.VM.Console().Text(), -1) {
		at[m[2]], _ = strconv.ParseFloat(m[1], 64)
	}
	if lead := at["films"] - at["pair"]; len(at) != 2 || lead < 3 || lead > 15 {
		t.Errorf("arrays started at %v s, want films about 5 s after pair", at)
	}
}

// disks waits until disks are there, and blank.
func (b *bench) disks(t *testing.T, serials ...string) {
	t.Helper()
	b.until(t, 30*time.Second, "the disks are blank", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		for _, serial := range serials {
			if !slices.ContainsFunc(s.Disks, func(d api.Disk) bool { return d.Serial == serial && d.Use == api.DiskUseBlank }) {
				return met(false, err, s.Disks)
			}
		}
		return true, err
	})
}

// healthy waits until disks have told how they are, and has one of them test itself.
func (b *bench) healthy(t *testing.T, serials ...string) {
	t.Helper()
	var ids []string
	for _, serial := range serials {
		b.until(t, time.Minute, "disk "+serial+" says how it is", func(ctx context.Context) (bool, error) {
			s, err := b.Status(ctx)
			i := slices.IndexFunc(s.Disks, func(d api.Disk) bool { return d.Serial == serial })
			if i < 0 {
				return met(false, err, s.Disks)
			}
			h := s.Disks[i].Health
			if h.Status != api.DiskHealthStatusOk || h.Temperature == nil || *h.Temperature <= 0 {
				return met(false, err, h)
			}
			ids = append(ids, s.Disks[i].ID)
			return true, err
		})
	}
	path := "/disks/" + ids[0]
	if err := b.Call(t.Context(), http.MethodPost, path+"/self-test", api.SelfTestRequest{Kind: api.SelfTestRequestKindShort}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, time.Minute, "the self-test has passed", func(ctx context.Context) (bool, error) {
		var r api.DiskReport
		err := b.Call(ctx, http.MethodGet, path+"/health", nil, &r)
		passed := len(r.Tests) > 0 && !r.Tests[0].Failed && r.Health.Test.Kind == ""
		return met(passed && len(r.ByHour) > 0, err, r)
	})
}

// meant is a disk by its serial, as requests want it.
func (b *bench) meant(t *testing.T, serial string) api.MeantDisk {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Disks {
		if d.Serial == serial {
			return api.MeantDisk{ID: d.ID, ConfirmSerial: serial}
		}
	}
	t.Fatalf("no disk %s: %+v", serial, s.Disks)
	return api.MeantDisk{}
}

func (b *bench) planArray(t *testing.T, level int, serials ...string) api.ArrayPlan {
	t.Helper()
	ask := api.ArrayPlanRequest{Level: level}
	for _, s := range serials {
		ask.Disks = append(ask.Disks, b.meant(t, s).ID)
	}
	var plan api.ArrayPlan
	if err := b.Call(t.Context(), http.MethodPost, "/arrays/plan", ask, &plan); err != nil {
		t.Fatal(err)
	}
	return plan
}

func (b *bench) createArray(t *testing.T, ask api.ArrayRequest, serials ...string) api.Array {
	t.Helper()
	for _, s := range serials {
		ask.Disks = append(ask.Disks, b.meant(t, s))
	}
	if err := b.Call(t.Context(), http.MethodPost, "/arrays", ask, nil); err != nil {
		t.Fatal(err)
	}
	return b.array(t, ask.Name, time.Minute, "running", func(a api.Array) bool { return a.Status == api.ArrayStatusRunning && a.Disk != "" })
}

// array waits until an array is as it should be.
func (b *bench) array(t *testing.T, name string, limit time.Duration, awaited string, ok func(api.Array) bool) api.Array {
	t.Helper()
	var got api.Array
	b.until(t, limit, "array "+name+" is "+awaited, func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		i := slices.IndexFunc(s.Arrays, func(a api.Array) bool { return a.Name == name })
		if i < 0 || !ok(s.Arrays[i]) {
			return met(false, err, append([]any{s.Arrays}, s.Disks))
		}
		got = s.Arrays[i]
		return true, err
	})
	return got
}

func (b *bench) changeArray(t *testing.T, id string, change api.ArrayChange) {
	t.Helper()
	if err := b.Call(t.Context(), http.MethodPost, "/arrays/"+id+"/change", change, nil); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) deleteArray(t *testing.T, a api.Array) {
	t.Helper()
	change := api.ArrayChange{Action: api.ArrayChangeActionDelete, ConfirmName: a.Name}
	var serials []string
	for _, d := range a.Members {
		change.Disks, serials = append(change.Disks, api.MeantDisk{ID: d.Disk, ConfirmSerial: d.Serial}), append(serials, d.Serial)
	}
	b.until(t, 30*time.Second, "array "+a.Name+" may be deleted", func(ctx context.Context) (bool, error) {
		err := b.Call(ctx, http.MethodPost, "/arrays/"+a.ID+"/change", change, nil)
		return err == nil, err
	})
	b.until(t, 30*time.Second, "array "+a.Name+" is gone", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		free := len(s.Arrays) == 0
		for _, serial := range serials {
			i := slices.IndexFunc(s.Disks, func(d api.Disk) bool { return d.Serial == serial })
			free = free && i >= 0 && s.Disks[i].Use != api.DiskUseArray && len(s.Disks[i].UsedBy) == 0 && s.Disks[i].Operation.Status != api.OperationStatusRunning
		}
		return met(free, err, s)
	})
}
