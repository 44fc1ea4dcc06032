//go:build whole

package machine

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// TestArraysOfDisks has disks say how they are, makes an array of each level, and a volume on a RAID 5 with a spare.
func TestArraysOfDisks(t *testing.T) {
	const disks = 6
	cfg := site.Config{Firmware: vm.BIOS, Medium: vm.CD, Cameras: []rtspcam.Config{{ID: "gate", Video: video(content.H264, 1, 500_000)}}}
	for range disks {
		cfg.DiskBytes = append(cfg.DiskBytes, 192<<20) // too small to be made a volume by themselves
	}
	cfg.Buses = []vm.Bus{vm.Virtio, vm.Virtio, vm.Virtio, vm.Virtio, vm.AHCI, vm.NVMe}
	b := open(t, cfg)
	b.boot(t)
	b.setUp(t)
	b.disks(t, "DATA0", "DATA1", "DATA2", "DATA3", "DATA4", "DATA5")

	for _, c := range []struct{ level, disks, survives int }{{0, 2, 0}, {6, 4, 2}, {10, 4, 1}} {
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
		b.deleteArray(t, a)
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
	b.until(t, time.Minute, "the volume is mounted", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		return met(slices.ContainsFunc(s.Volumes, func(v api.Volume) bool { return v.Disk == a.Disk && v.Status == api.VolumeStatusMounted }), err, s.Volumes)
	})
	b.healthy(t, "DATA4", "DATA5")
	b.powerOff(t)
}

// states are an array's disks with their states, in a line.
func states(a api.Array) string {
	var all []string
	for _, d := range a.Members {
		all = append(all, fmt.Sprintf("%s %s", d.Serial, d.State))
	}
	return strings.Join(all, ", ")
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
