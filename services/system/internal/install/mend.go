package install

import (
	"context"
	"errors"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
)

// ErrNoVersion is returned where there is nothing for a boot loader to start.
var ErrNoVersion = errors.New("neither slot of this disk holds a whole version of Vigie")

// MendLoader writes the boot loader of a system disk anew, as this machine's image has it, for BIOS and for UEFI, and the partition
// table as the whole one of its two copies says. What is in the slots, settings and recordings stays. The slots' states are
// kept; where both blocks of them are damaged they are made of what is in the slots, and known is false. How often a version
// on trial was started is forgotten: it gets three starts again.
func (i *Installer) MendLoader(ctx context.Context, t Target) (slots loader.Slots, known bool, err error) {
	loaders, closeLoaders, err := i.loaders()
	if err != nil {
		return slots, false, err
	}
	defer closeLoaders()
	device, err := open(t, false)
	if err != nil {
		return slots, false, err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	disk, err := installer.Open(device, t.Bytes)
	if err != nil {
		return slots, false, err
	}
	if slots, err = disk.Slots(); err == nil && slots.System == disk.System() {
		known = true
	} else if slots, err = i.statesOf(ctx, disk); err != nil {
		return slots, false, err
	}
	if err := disk.WriteTable(); err != nil {
		return slots, known, err
	}
	if err := disk.WriteLoader(ctx, loaders, slots); err != nil {
		return slots, known, err
	}
	if err := disk.Activate(loaders); err != nil {
		return slots, known, err
	}
	if err := device.reread(); err != nil { // refused while a partition is in use, which shows that the kernel knows them
		i.cfg.Log.Info("the partition table is not read again", "err", err)
	}
	i.cfg.Log.Warn("the boot loader was written anew", "disk", disk.System(), "states kept", known)
	return slots, known, nil
}

// statesOf are the states of slots of which nothing is known but what is in them: what is whole is taken for good, the newer first.
func (i *Installer) statesOf(ctx context.Context, disk *installer.Disk) (loader.Slots, error) {
	slots := loader.Slots{Generation: 1, System: disk.System(), First: "a", A: loader.Empty, B: loader.Empty}
	trusted, err := i.Trusted()
	if err != nil {
		return slots, err
	}
	var built [2]int64
	for n, role := range []layout.Role{layout.SlotA, layout.SlotB} {
		if err := ctx.Err(); err != nil {
			return slots, err
		}
		image, err := disk.Image(role, trusted)
		if err == nil {
			err = image.Verify(image.Reader(), nil)
		}
		if err != nil {
			i.cfg.Log.Warn("a slot is not whole", "slot", string(role), "err", err)
			continue
		}
		built[n] = max(image.BuiltS, 1)
	}
	if built[0] > 0 {
		slots.A = loader.Confirmed
	}
	if built[1] > 0 {
		slots.B = loader.Confirmed
	}
	switch {
	case built[0] == 0 && built[1] == 0:
		return slots, ErrNoVersion
	case built[1] > built[0]:
		slots.First = "b"
	}
	return slots, nil
}
