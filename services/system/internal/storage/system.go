package storage

import (
	"context"

	"vigie/internal/api"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// A system disk has more than one volume: its settings, and often a data volume. Each of these partitions is a disk of its
// own to Run, which no list shows, with the identity of the disk that it is a part of; so that one partition's trouble is not
// the other's, and each has one job at a time.

// systemParts returns the partitions with volumes of a system disk, none if it is no such disk. complete says whether its
// installation came to an end: the EFI partition is made one last.
func systemParts(found probe.Result) (parts []probe.Part, complete bool) {
	isSystem := false
	for _, p := range found.Parts {
		for _, c := range p.Contents {
			complete = complete || c.Kind == "vfat"
			if c.Kind != "xfs" || c.UUID == "" || p.Member != nil {
				continue
			}
			isSystem = isSystem || c.Label == volume.StateLabel
			if c.Label == volume.StateLabel || c.Label == volume.Label {
				parts = append(parts, p)
			}
		}
	}
	if !isSystem {
		return nil, false
	}
	return parts, complete
}

// useSystem takes the volumes of a system disk into use.
func (m *Manager) useSystem(ctx context.Context, d *disk, parts []probe.Part) {
	d.use = api.DiskUseSystem
	m.announce(d)
	for _, p := range parts {
		name, err := d.device(&p)
		if err != nil {
			m.cfg.Log.Warn("system disk", "disk", d.dev.Serial, "err", err)
			continue
		}
		k := key{name, d.seq}
		if m.disks[k] != nil {
			continue
		}
		part := &disk{key: k, dev: d.dev, parent: d}
		part.dev.Name, part.dev.SizeBytes, part.dev.Parts, part.dev.Users = name, p.Size, nil, nil
		m.disks[k] = part
		m.look(ctx, part)
	}
}

// leaveSystem lets go of the volumes of a system disk, for good: something else is to be on it.
func (m *Manager) leaveSystem(ctx context.Context, d *disk) {
	for k, part := range m.disks {
		if part.parent != d {
			continue
		}
		if v := m.volumes[part.volume]; v != nil && v.disk == part {
			m.lose(ctx, v, api.VolumeFailureCauseGone, "Its disk is being overwritten.")
			m.forget(v)
		}
		delete(m.disks, k)
	}
}

// stateName is what people know the settings of a system disk by.
const stateName = "Settings"

// isState tells whether the volume that was found on a partition is that of settings.
func isState(d *disk, id string) bool {
	for _, c := range d.found.Contents {
		if c.UUID == id {
			return c.Label == volume.StateLabel
		}
	}
	return false
}
