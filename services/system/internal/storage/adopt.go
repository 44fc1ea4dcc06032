package storage

import (
	"context"
	"fmt"
	"slices"

	"vigie/internal/api"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/volume"
)

// A volume carries the mark of the machine that uses it, as arrays do. Another machine's is mounted and only read: what was
// recorded there can be played here, and nothing is recorded to it, deleted from it, or taken from its settings, until an
// administrator adopts it. One exception: when a machine starts with no volume of its own, and all that it finds are one
// other machine's, they have moved here, because that machine's board was replaced; they are adopted at once.

// another returns a mark when it is that of another machine.
func (m *Manager) another(mark string) string {
	if mark == "" || slices.Contains(m.cfg.Arrays.Ours, mark) {
		return ""
	}
	return mark
}

// welcome looks whose the volume is that was just mounted, and makes it one that is only read, or one of this machine's. It is
// part of the disk's job.
func (m *Manager) welcome(path string, fresh volume.Identity) (volume.Identity, error) {
	who, err := volume.Who(path)
	if err != nil {
		return who, err
	}
	if who.ID == fresh.ID && m.another(who.Machine) != "" {
		return who, volume.Protect(path)
	}
	return m.takeIn(path, fresh)
}

// takeIn makes a volume this machine's.
func (m *Manager) takeIn(path string, fresh volume.Identity) (volume.Identity, error) {
	who, err := volume.Prepare(path, fresh.ID, fresh, true)
	if err != nil || who.Machine == m.cfg.Arrays.Mark {
		return who, err
	}
	if use, err := volume.Check(path); err != nil || use.ReadOnly {
		return who, err
	}
	return volume.Claim(path, m.cfg.Arrays.Mark)
}

// adoptVolume is an administrator's wish to make another machine's volume this one's.
func (m *Manager) adoptVolume(ctx context.Context, v *vol, r api.VolumeChange) error {
	switch {
	case v.foreign == "":
		return refuse("own", "The volume is this machine's already.")
	case r.ConfirmSerial != v.disk.dev.Serial:
		return wrongSerial("confirmSerial", "the volume's disk")
	case v.disk.dev.ReadOnly:
		return refuse("readonly", "The disk cannot be written to; it may be write-protected.")
	case v.status != api.VolumeStatusReadonly:
		return refuse("not_mounted", "The volume is not mounted.")
	}
	m.adopt(ctx, v)
	return nil
}

// adoptAll adopts what has moved here; it tells whether there is something to be waited for.
func (m *Manager) adoptAll(ctx context.Context) bool {
	if !m.cfg.Booting || m.cfg.Observe || m.cfg.Rescue {
		return false
	}
	var list []*vol
	for _, v := range m.volumes {
		if v.foreign == "" || v.status != api.VolumeStatusReadonly || v.disk == nil || v.disk.busy() || v.disk.dev.ReadOnly || len(list) > 0 && v.foreign != list[0].foreign {
			return false
		}
		list = append(list, v)
	}
	for _, v := range list {
		m.cfg.Log.Info("volume has moved here", "volume", v.id, "from", v.foreign)
		m.adopt(ctx, v)
	}
	return len(list) > 0
}

// adopt makes a volume this machine's that is mounted to be read.
func (m *Manager) adopt(ctx context.Context, v *vol) {
	d, was := v.disk, v.foreign
	m.enter(d, mounting)
	v.op = api.Operation{Name: api.OperationNameAdopt, Status: api.OperationStatusRunning, Message: "It is being made this machine's."}
	fresh := volume.Identity{ID: v.id, Name: v.name, CreatedMs: m.cfg.Now().UnixMilli(), Machine: m.cfg.Arrays.Mark}
	path := v.path
	m.job(ctx, func() func() {
		var who volume.Identity
		var use volume.Use
		err := volume.Unprotect(path)
		if err == nil {
			who, err = m.takeIn(path, fresh)
		}
		if err == nil {
			use, err = volume.Check(path)
		}
		if err == nil {
			m.cfg.Attach(v.id, path)
		}
		return func() {
			if m.mounted(ctx, d, v, who, use, err); err != nil {
				v.op.Status, v.op.Message = api.OperationStatusFailed, "It failed: "+firstLine(err)+"."
				return
			}
			v.op.Status, v.op.Message = api.OperationStatusDone, ""
			m.cfg.Log.Info("volume is adopted", "volume", v.id, "from", was)
			m.cfg.Tell(d.dev.ID, d.dev.Serial, diskbook.Info, fmt.Sprintf("The volume %s, which was another machine's (%s), is this one's now.", v.name, was))
		}
	})
}
