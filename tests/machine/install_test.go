//go:build whole

package machine

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/installer/layout"
	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// TestMachineIsInstalledAndStartsFromItsDisk starts from a CD, is set up, and installs itself on a blank disk, with a data volume.
// It then starts without the CD and has everything: administrator, certificate, settings, cameras, recordings. It is updated, to
// a version that does not work, to one that does not even start, and to one that works. With half of that one's slot overwritten it
// starts from the other one, by UEFI with Secure Boot, and writes a second system disk. The first one's boot loader is lost, and the
// administrator's password: both are mended in rescue mode, which resets it at last.
func TestMachineIsInstalledAndStartsFromItsDisk(t *testing.T) {
	b := openAsIs(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, DiskBytes: []int64{4 << 30, 1 << 30, 4 << 30}, Cameras: []rtspcam.Config{
		{ID: "avc", Video: video(content.H264, 1, 500_000)},
	}})
	b.boot(t)
	b.setUp(t)
	zone := "Europe/Lisbon"
	if err := b.Call(t.Context(), http.MethodPut, "/clock", api.ClockRequest{NtpServers: []string{"ntp.example.com"}, TimeZone: &zone}, nil); err != nil {
		t.Fatal(err)
	}
	fingerprint := b.greeting.Fingerprint
	system := b.install(t, "DATA0", "DATA1", func(string) {
		b.browse(t, "install.mjs", password, map[string]string{"serial": "DATA0", "small": "DATA1"})
	})
	b.recording(t) // on the data volume beside the system
	b.goesOn(t, 2*time.Second)
	firstMs := b.firstMs(t)
	b.powerOff(t)

	b.FromDisk = true
	b.boot(t)
	b.installed(t, fingerprint, zone, "a", system)
	b.recording(t)
	b.goesOn(t, 2*time.Second)
	for own, first := range b.firstMs(t) {
		if first != firstMs[own] {
			t.Errorf("%s: the first footage is of %d, was of %d", own, first, firstMs[own])
		}
	}
	b.returns(t)
	b.falls(t)
	b.confirms(t)
	b.recording(t)
	b.powerOff(t)

	tear(t, filepath.Join(filepath.Dir(b.ConsoleLog()), "data0.raw"), layout.SlotB)
	b.Firmware = vm.SecureBoot
	b.boot(t)
	b.installed(t, fingerprint, zone, "a", system)
	b.install(t, "DATA2", "DATA1", func(disk string) {
		if err := b.Call(t.Context(), http.MethodPost, "/disks/"+disk+"/install", api.InstallRequest{ConfirmSerial: "DATA2", DataVolume: true}, nil); err != nil {
			t.Fatal(err)
		}
	})
	past := b.past(t)
	b.powerOff(t)
	b.mends(t, past)
}

// install installs the machine on the disk with the serial on, which begin begins, once it was refused for another serial, and
// for a disk that is too small. It returns the disk's id.
func (b *bench) install(t *testing.T, on, small string, begin func(disk string)) (id string) {
	t.Helper()
	status, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, d := range status.Disks {
		ids[d.Serial] = d.ID
		if d.Use == api.DiskUseBoot || d.Use == api.DiskUseSystem {
			ids["running"] = d.ID // what it was started from
		}
	}
	var before api.Installation
	if err := b.Call(t.Context(), http.MethodGet, "/installation", nil, &before); err != nil {
		t.Fatal(err)
	}
	for serial, offered := range map[string]bool{on: true, small: false, "running": false} {
		i := slices.IndexFunc(before.Disks, func(d api.InstallDisk) bool { return d.Disk == ids[serial] })
		if i < 0 || before.Disks[i].Offered != offered || (before.Disks[i].Reason == "") != offered {
			t.Errorf("%s: offered: %+v", serial, before.Disks)
		}
	}
	for disk, confirm := range map[string]string{ids[on]: small, ids[small]: small, ids["running"]: ""} {
		err := b.Call(t.Context(), http.MethodPost, "/disks/"+disk+"/install", api.InstallRequest{ConfirmSerial: confirm, DataVolume: true}, nil)
		var refused *appliance.Error
		if !errors.As(err, &refused) || refused.Status == http.StatusInternalServerError {
			t.Fatalf("installing on %s, confirmed by %q: %v", disk, confirm, err)
		}
	}
	start := time.Now()
	begin(ids[on])
	var percents []int
	b.until(t, 5*time.Minute, "the machine is installed", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		if err != nil {
			return false, err
		}
		for _, d := range s.Disks {
			if d.ID != ids[on] {
				continue
			}
			if n := len(percents); n == 0 || percents[n-1] != d.Operation.Percent {
				percents = append(percents, d.Operation.Percent)
			}
			if d.Operation.Status == api.OperationStatusFailed {
				t.Fatalf("installing: %s", d.Operation.Message)
			}
			return met(d.Operation.Status == api.OperationStatusDone && d.Use == api.DiskUseSystem, err, d)
		}
		return false, errors.New("the disk is gone")
	})
	t.Logf("installing took %.1f s; progress was %v", time.Since(start).Seconds(), percents)
	if !slices.IsSorted(percents) || len(percents) < 3 {
		t.Errorf("progress was %v", percents)
	}
	return ids[on]
}

// installed checks a machine that started from its disk.
func (b *bench) installed(t *testing.T, fingerprint, zone, slot, system string) {
	t.Helper()
	if b.greeting.SetupCode != "" || b.greeting.Fingerprint != fingerprint {
		t.Errorf("it greets with code %q and fingerprint %s, had %s", b.greeting.SetupCode, b.greeting.Fingerprint, fingerprint)
	}
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	var status api.Status
	b.until(t, said, "it has its settings", func(ctx context.Context) (ok bool, err error) {
		status, err = b.Status(ctx)
		return met(status.BootMode == api.StatusBootModeInstalled && status.Clock.TimeZone == zone && slices.Equal(status.Clock.ConfiguredServers, []string{"ntp.example.com"}), err, status.Clock)
	})
	var uses []string
	for _, v := range status.Volumes {
		if v.Status != api.VolumeStatusMounted || v.Disk != system {
			t.Errorf("volume %+v", v)
		}
		uses = append(uses, string(v.Use))
	}
	slices.Sort(uses)
	if !slices.Equal(uses, []string{"data", "state"}) {
		t.Errorf("volumes for %v", uses)
	}
	var i api.Installation
	if err := b.Call(t.Context(), http.MethodGet, "/installation", nil, &i); err != nil || string(i.Slot) != slot {
		t.Errorf("started from slot %s, want %s (%v)", i.Slot, slot, err)
	}
	cameras, err := b.Client.Cameras(t.Context())
	if err != nil || len(cameras) != len(b.cameras) {
		t.Errorf("%d cameras, had %d (%v)", len(cameras), len(b.cameras), err)
	}
}

// openSystem opens a system disk of a machine that is off.
func openSystem(t *testing.T, disk string) (*os.File, layout.Table) {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := layout.Read(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return f, table
}

// tear leaves a slot as an update leaves it that was cut short: its first block is gone, and half of the rest is another's.
func tear(t *testing.T, disk string, slot layout.Role) {
	t.Helper()
	f, table := openSystem(t, disk)
	defer f.Close()
	p, _ := table.Part(slot)
	if _, err := f.WriteAt(make([]byte, 20<<20), p.Start); err != nil {
		t.Fatal(err)
	}
}
