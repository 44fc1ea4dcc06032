// Package install makes a system disk of a disk of this machine: the installer's steps (package installer) on a real
// device, with the image that the machine itself runs, from the medium or the slot that it was started from.
//
// Install overwrites the disk that its Target names, behind an exclusive open, which the kernel refuses for anything that
// is mounted or otherwise in use; whether the disk may be overwritten is for the caller to have asked. Nothing starts from the
// disk before the function that Install returns has been called: until then the caller has the settings copied to it.
//
// Everything here may block as long as a disk pleases, and holds no lock.
package install

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/services/system/internal/bootentry"
	"vigie/services/system/internal/volume"
)

// Config is what an Installer is made with.
type Config struct {
	Root    string // "/" but in tests: where boot loaders and trusted keys are
	Scratch string // folder for mount points
	Version string // of this machine
	Log     *slog.Logger
	// Offer has UEFI firmware start a disk that was installed; nil: it finds the disk by itself. Where it cannot, that is noted.
	Offer func(bootentry.Disk) error
}

// Installer installs.
type Installer struct{ cfg Config }

// New returns an installer.
func New(cfg Config) *Installer { return &Installer{cfg} }

// Target is the disk that is overwritten.
type Target struct {
	Node       string
	Serial     string
	Seq        uint64 // the kernel's number of the disk that is meant
	Bytes      int64
	Rotational bool
	Data       bool // the rest of the disk becomes a data volume
	// Part is the node of a partition, by its number, once the kernel knows it.
	Part func(number int) string
}

// Step is how far the work is.
type Step struct {
	What    string // a phrase that goes on from "Working: "
	Percent int
}

// Install writes the disk. sources are the nodes of media from which the machine may have been started. The function that is
// returned makes the disk one that a machine starts from.
func (i *Installer) Install(ctx context.Context, t Target, sources []Source, step func(Step)) (activate func(context.Context) error, err error) {
	began := time.Now()
	step(Step{"looking for the system image", 0})
	loaders, closeLoaders, err := i.loaders()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			closeLoaders()
		}
	}()
	image, closeImage, err := i.open(ctx, sources)
	if err != nil {
		return nil, err
	}
	defer closeImage()
	table, err := layout.New(t.Bytes, t.Data, uuid.New)
	if err != nil {
		return nil, err
	}
	if err := i.write(ctx, t, table, image, loaders, step); err != nil {
		return nil, err
	}
	step(Step{"making file systems", 85})
	if err := makeFileSystems(ctx, t, table); err != nil {
		return nil, err
	}
	i.cfg.Log.Info("installed, but for what starts it", "disk", table.Disk, "version", image.Version, "seconds", time.Since(began).Seconds())
	return func(ctx context.Context) error {
		defer closeLoaders()
		d, err := open(t, false)
		if err != nil {
			return err
		}
		if err := errors.Join(installer.New(d, table).Activate(loaders), d.Close()); err != nil {
			return err
		}
		i.offer(bootentry.Disk{Serial: t.Serial, Table: table})
		return nil
	}, nil
}

func (i *Installer) offer(d bootentry.Disk) {
	if i.cfg.Offer == nil {
		return
	}
	if err := i.cfg.Offer(d); err != nil {
		i.cfg.Log.Warn("the firmware got no entry for the disk; it has to find it by itself", "disk", d.Serial, "err", err)
	}
}

// write is all that goes to the disk as a whole.
func (i *Installer) write(ctx context.Context, t Target, table layout.Table, image *systemimage.Image, loaders installer.Loaders, step func(Step)) (err error) {
	device, err := open(t, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	d := installer.New(device, table)
	step(Step{"removing what was there", 1})
	if err := errors.Join(d.Wipe(ctx)); err != nil {
		return err
	}
	if err := d.WriteTable(); err != nil {
		return err
	}
	for n, role := range []layout.Role{layout.SlotA, layout.SlotB} {
		name := []string{"copying the system", "copying the system a second time"}[n]
		last := -1
		err := d.WriteSlot(ctx, role, image, func(done int64) {
			if percent := 2 + 35*n + int(done*35/(2*image.Size())); percent != last {
				last = percent
				step(Step{name, percent})
			}
		})
		if err != nil {
			return err
		}
	}
	step(Step{"writing the boot loader", 75})
	slots := loader.Slots{Generation: 1, System: table.Disk.String(), First: "a", A: loader.Confirmed, B: loader.Confirmed}
	if err := d.WriteLoader(ctx, loaders, slots); err != nil {
		return err
	}
	return device.reread()
}

// makeFileSystems makes those of STATE and DATA. The kernel shows the partitions a moment after it has read the table.
func makeFileSystems(ctx context.Context, t Target, table layout.Table) error {
	for _, f := range []struct {
		role  layout.Role
		label string
	}{{layout.State, volume.StateLabel}, {layout.Data, volume.Label}} {
		p, ok := table.Part(f.role)
		if !ok {
			continue
		}
		node := t.Part(p.Number())
		if err := appears(ctx, node); err != nil {
			return err
		}
		if err := volume.FormatAs(ctx, f.label, node, t.Seq, p.ID.String(), t.Rotational, func(string) {}); err != nil {
			return err
		}
	}
	return nil
}

func appears(ctx context.Context, node string) error {
	for try := 0; ; try++ {
		_, err := os.Stat(node)
		if err == nil {
			return nil
		}
		if try == 50 {
			return fmt.Errorf("the kernel does not show the new partition: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// loaders reads the boot loaders that this machine's root has.
func (i *Installer) loaders() (l installer.Loaders, closeAll func(), err error) {
	folder := filepath.Join(i.cfg.Root, loader.StagesFolder)
	if l.Boot, err = os.ReadFile(filepath.Join(folder, loader.BootStage)); err != nil {
		return l, nil, fmt.Errorf("boot loader: %w", err)
	}
	if l.Core, err = os.ReadFile(filepath.Join(folder, loader.CoreStage)); err != nil {
		return l, nil, fmt.Errorf("boot loader: %w", err)
	}
	efi, err := os.Open(filepath.Join(folder, loader.EFIStage))
	if err != nil {
		return l, nil, fmt.Errorf("boot loader: %w", err)
	}
	l.EFI = efi
	return l, func() { efi.Close() }, nil
}
