package storage

import (
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"vigie/internal/api"
	"vigie/services/system/internal/volume"
)

func (m *Manager) publish() {
	m.board.SetDisks(m.diskList())
	m.board.SetVolumes(m.volumeList())
	m.board.SetMedia(m.mediumList())
}

func (m *Manager) diskList() []api.Disk {
	var out []api.Disk
	for _, d := range m.disks {
		if d.hidden || d.dev.Optical && d.use != api.DiskUseBoot {
			continue // a drive is not a disk unless the machine came from it
		}
		out = append(out, api.Disk{
			ID: d.dev.ID, Device: d.name, Model: d.dev.Model, Serial: d.dev.Serial, Bus: d.dev.Bus, SizeBytes: d.dev.SizeBytes,
			Rotational: d.dev.Rotational, Removable: d.dev.Removable, Use: d.use, Contents: d.contents, Volume: d.volume, Operation: d.op,
		})
	}
	slices.SortFunc(out, func(a, b api.Disk) int {
		if len(a.Device) != len(b.Device) {
			return len(a.Device) - len(b.Device)
		}
		return strings.Compare(a.Device, b.Device)
	})
	return out
}

func (m *Manager) volumeList() []api.Volume {
	var out []api.Volume
	for _, v := range m.volumes {
		if v.status == "" {
			continue // being mounted
		}
		a := api.Volume{ID: v.id, Name: v.name, Path: v.path, Status: v.status, Reason: v.reason, SizeBytes: v.use.SizeBytes, FreeBytes: v.use.FreeBytes}
		if v.disk != nil {
			a.Disk = v.disk.dev.ID
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b api.Volume) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// openDirs makes volumes of plain folders: the one thing that a service which only observes may write to, because it
// was told their names.
func (m *Manager) openDirs() {
	for _, dir := range m.cfg.Dirs {
		id := uuid.NewString()
		fresh := volume.Identity{ID: id, Name: volume.DefaultName(id), CreatedMs: m.cfg.Now().UnixMilli()}
		var who volume.Identity
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			who, err = volume.Prepare(dir, "", fresh, false)
		}
		v := &vol{id: who.ID, name: who.Name, path: dir, folder: true}
		if err == nil {
			v.use, err = volume.Check(dir)
		}
		if who.ID == "" {
			v.id, v.name = fresh.ID, fresh.Name
		}
		m.volumes[v.id] = v
		if err != nil {
			m.fail(v, "It cannot be used: "+firstLine(err)+".")
			continue
		}
		m.cfg.Attach(v.id, v.path)
		v.attached = true
		m.healthy(v)
	}
}
