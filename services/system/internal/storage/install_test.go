package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"vigie/installer/layout"
	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/install"
	"vigie/services/system/internal/volume"
)

const systemBytes = layout.MinBytes + 400<<20

// writeSystem does what package install does, on a loop device, and shows the partitions as the kernel would. The kernel of the
// machine that tests run on need not know GPT, so each partition is a loop device of its own.
func (l *machine) writeSystem(name string) func(context.Context, install.Target, []install.Source, func(install.Step)) (func(context.Context) error, error) {
	return func(ctx context.Context, t install.Target, _ []install.Source, step func(install.Step)) (func(context.Context) error, error) {
		table, err := layout.New(t.Bytes, t.Data, uuid.New)
		if err != nil {
			return nil, err
		}
		disk, err := os.OpenFile(t.Node, os.O_RDWR|os.O_EXCL, 0)
		if err != nil {
			return nil, err
		}
		step(install.Step{What: "writing", Percent: 50})
		zeros := make([]byte, 1<<20)
		for _, p := range table.Parts {
			_, bad := disk.WriteAt(zeros, p.Start)
			err = errors.Join(err, bad)
		}
		for at, b := range map[int64][]byte{0: table.MBR(nil), layout.Sector: table.Head(), table.Bytes - layout.TailBytes: table.Tail()} {
			_, bad := disk.WriteAt(b, at)
			err = errors.Join(err, bad)
		}
		if err := errors.Join(err, disk.Sync(), disk.Close()); err != nil {
			return nil, err
		}
		var parts []blockdev.Part
		for _, p := range table.Parts {
			part := partName(name, p.Number())
			parts = append(parts, blockdev.Part{Name: part, Start: p.Start, Size: p.Size})
			label := map[layout.Role]string{layout.State: volume.StateLabel, layout.Data: volume.Label}[p.Role]
			if label == "" {
				continue
			}
			out, err := exec.Command("losetup", "--find", "--show", "--offset", fmt.Sprint(p.Start), "--sizelimit", fmt.Sprint(p.Size), t.Node).Output()
			if err != nil {
				return nil, err
			}
			node := strings.TrimSpace(string(out))
			l.t.Cleanup(func() { _ = exec.Command("losetup", "--detach", node).Run() })
			if err := volume.FormatAs(ctx, label, node, 0, p.ID.String(), false, func(string) {}); err != nil {
				return nil, err
			}
			l.mu.Lock()
			l.nodes[part] = node
			l.mu.Unlock()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for i := range l.disks {
			if l.disks[i].Name == name {
				l.disks[i].Parts = parts
			}
		}
		return func(context.Context) error {
			efi := filepath.Join(l.t.TempDir(), "efi")
			if out, err := exec.Command("mkfs.vfat", "-F", "32", "-s", "1", "-C", efi, fmt.Sprint(layout.EFIBytes>>10)).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			b, err := os.ReadFile(efi)
			if err != nil {
				return err
			}
			disk, err := os.OpenFile(t.Node, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = disk.WriteAt(b[:1<<20], layout.EFIStart)
			return errors.Join(err, disk.Sync(), disk.Close())
		}, nil
	}
}

// carry does what web and engine do: their copies come some time after the volume.
func (l *machine) carry(s api.Status) {
	l.t.Helper()
	for _, v := range s.Volumes {
		for _, name := range []string{"accounts/accounts.1.snap", "index/engine.1.snap"} {
			if err := os.WriteFile(filepath.Join(v.Path, "vigie", name), []byte("copy"), 0o600); err != nil {
				l.t.Fatal(err)
			}
		}
	}
}

// volumes are the uses of the mounted volumes.
func volumes(s api.Status) string {
	var out []string
	for _, v := range s.Volumes {
		if v.Status == api.VolumeStatusMounted {
			out = append(out, string(v.Use))
		}
	}
	if len(out) == 2 && out[0] > out[1] {
		out[0], out[1] = out[1], out[0]
	}
	return strings.Join(out, " ")
}

func TestInstallationEndsWhenTheSettingsAreOnTheDisk(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(systemBytes), systemBytes)
	l.plug("sdb", l.loop(320<<20), 320<<20)
	write := l.writeSystem("sda")
	l.start(func(c *Config) { c.Install = write })
	l.until("settled", settled)
	refused := func(disk, serial string) string {
		t.Helper()
		var p *answer.Problem
		if err := l.m.Install(t.Context(), disk, api.InstallRequest{ConfirmSerial: serial, DataVolume: true}); !errors.As(err, &p) {
			t.Fatalf("%s: %v", disk, err)
		}
		return p.Detail.Code
	}
	for _, c := range [][3]string{{"id-sda", "S-sdb", "wrong_serial"}, {"id-sdb", "S-sdb", "too_small"}, {"id-none", "", "no_disk"}} {
		if got := refused(c[0], c[1]); got != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
	if list, err := l.m.Installable(t.Context()); err != nil || len(list) != 2 || !list[0].Offered || list[1].Offered || list[1].Reason == "" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := l.m.Install(t.Context(), "id-sda", api.InstallRequest{ConfirmSerial: "S-sda", DataVolume: true}); err != nil {
		t.Fatal(err)
	}
	s := l.until("mounted", func(s api.Status) bool { return volumes(s) == "data state" })
	if d := disk1(s, "sda"); d.Operation.Status != api.OperationStatusRunning || d.Operation.Percent < 50 || len(s.Disks) != 2 {
		t.Errorf("before the settings are there: %+v", s.Disks)
	}
	if got := refused("id-sda", "S-sda"); got != "busy" {
		t.Errorf("while it is installed on: %s", got)
	}
	l.carry(s)
	s = l.until("installed", func(s api.Status) bool {
		d := disk1(s, "sda")
		return d.Operation.Status == api.OperationStatusDone && d.Use == api.DiskUseSystem
	})
	for _, v := range s.Volumes {
		if v.Disk != "id-sda" {
			t.Errorf("%+v", v)
		}
	}
	var p *answer.Problem
	if err := l.m.Format(t.Context(), "id-sda", api.FormatRequest{ConfirmSerial: "S-sda"}); !errors.As(err, &p) || p.Detail.Code != "system_disk" {
		t.Errorf("formatting it: %v", err)
	}
	l.pull("sda")
	l.poke()
	l.until("lost", func(s api.Status) bool { return volumes(s) == "" && len(s.Disks) == 1 && len(s.Volumes) == 2 })
}

func TestInstalledDiskIsFoundAtBootAndAnUnfinishedOneIsNot(t *testing.T) {
	for _, finished := range []bool{true, false} {
		l := lab(t)
		l.plug("sda", l.loop(systemBytes), systemBytes)
		target := install.Target{Node: l.nodes["sda"], Bytes: systemBytes, Data: true}
		activate, err := l.writeSystem("sda")(t.Context(), target, nil, func(install.Step) {})
		if err == nil && finished {
			err = activate(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		l.start(func(c *Config) { c.Installed = finished })
		s := l.until("settled", settled)
		want, use := "", api.DiskUseOther
		if finished {
			want, use = "data state", api.DiskUseSystem
		}
		if volumes(s) != want || disk1(s, "sda").Use != use {
			t.Errorf("finished %v: %q, %+v", finished, volumes(s), s.Disks)
		}
		list, err := l.m.Installable(t.Context())
		if err != nil || len(list) != 1 || list[0].Offered == finished {
			t.Errorf("finished %v: %+v, %v", finished, list, err)
		}
	}
}
