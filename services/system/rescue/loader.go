package rescue

import (
	"context"
	"errors"
	"log/slog"

	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/internal/version"
	"vigie/services/system/internal/install"
)

// loader writes the boot loader of an installed disk anew.
func (m *machine) loader(ctx context.Context, name string) error {
	d, err := m.disk(name)
	if err != nil {
		return err
	}
	i := install.New(install.Config{Root: m.root, Version: version.Version, Log: slog.New(slog.DiscardHandler)})
	slots, known, err := i.MendLoader(ctx, install.Target{Node: m.node(d.Name), Seq: d.Seq, Bytes: d.SizeBytes})
	switch {
	case errors.Is(err, layout.ErrNoSystem):
		m.say("The disk %s is none that Vigie was installed on, or both copies of its partition table are lost. Nothing was written.", d.Serial)
		return err
	case errors.Is(err, install.ErrNoVersion):
		m.say("Neither slot of the disk %s holds a whole version, and the boot loader would have nothing to start. Nothing was written. Install Vigie on it anew: what is on the other disks is offered to be restored then.", d.Serial)
		return err
	case err != nil:
		m.say("It could not be written. Try again; should it fail again, the disk itself is failing.")
		return err
	}
	m.say("The boot loader of the disk %s was written anew, for BIOS and for UEFI.", d.Serial)
	if !known {
		m.say("The states of the slots were lost with it; what is whole in the slots is taken for good.")
	}
	for slot, state := range map[string]loader.State{"a": slots.A, "b": slots.B} {
		if slot == slots.First {
			m.say("Slot %s comes first (%s).", slot, state)
		}
	}
	return nil
}
