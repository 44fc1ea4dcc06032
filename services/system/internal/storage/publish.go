package storage

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"vigie/internal/api"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

func (m *Manager) publish() {
	m.board.SetDisks(m.diskList())
	m.board.SetVolumes(m.volumeList())
	m.board.SetMedia(m.mediumList())
	m.board.SetArrays(m.arrayList())
}

func (m *Manager) diskList() []api.Disk {
	var shown []*disk
	for _, d := range m.disks {
		if d.parent != nil || d.hidden || d.dev.Optical && d.use != api.DiskUseBoot {
			continue // a drive is not a disk unless the machine came from it
		}
		shown = append(shown, d)
	}
	// The kernel counts controllers and ports in their order; its names are used for nothing else here.
	slices.SortFunc(shown, func(a, b *disk) int {
		return cmp.Or(len(a.name)-len(b.name), strings.Compare(a.name, b.name), cmp.Compare(a.seq, b.seq))
	})
	out := make([]api.Disk, 0, len(shown))
	for _, d := range shown {
		out = append(out, api.Disk{
			ID: d.dev.ID, Model: d.dev.Model, Serial: d.dev.Serial, Wwn: d.dev.WWN, Firmware: d.dev.Firmware, Bus: d.dev.Bus,
			Slot: d.dev.Slot, SizeBytes: d.dev.SizeBytes, Rotational: d.dev.Rotational, Removable: d.dev.Removable, Use: m.use(d),
			Contents: d.contents, Found: pieces(d.found), UsedBy: m.users(d), Volume: d.volume, Operation: d.op, Health: m.cfg.Health(d.dev.ID),
		})
	}
	return out
}

// pieces are what was found on a disk, one by one.
func pieces(found probe.Result) []api.DiskContent {
	var out []api.DiskContent
	add := func(contents []probe.Content, member *probe.Member, number int, size int64) {
		for _, c := range contents {
			piece := api.DiskContent{Kind: c.Kind, Name: c.Name, Label: c.Label, Partition: number, SizeBytes: size}
			if c.Kind == "md" && member != nil {
				piece.Member = api.ArrayMember{Array: member.Array, Name: member.Name, Machine: member.Host, Level: probe.LevelName(member.Level),
					Members: member.Devices, Role: api.ArrayMemberRole(member.Role)}
				if member.Role == probe.Active {
					piece.Member.Position = member.Position + 1
				}
			}
			out = append(out, piece)
		}
	}
	add(found.Contents, found.Member, 0, 0)
	for _, p := range found.Parts {
		if len(p.Contents) == 0 {
			p.Contents = []probe.Content{{Kind: "unknown", Name: "nothing that is known"}}
		}
		add(p.Contents, p.Member, p.Number, p.Size)
	}
	return out
}

func (m *Manager) volumeList() []api.Volume {
	var out []api.Volume
	for _, v := range m.volumes {
		if v.status == "" {
			continue // being mounted
		}
		a := api.Volume{ID: v.id, Use: api.VolumeUseData, Name: v.name, Path: v.path, Status: v.status, Reason: v.reason, SizeBytes: v.use.SizeBytes, FreeBytes: v.use.FreeBytes, Operation: v.op, Replaces: v.replaces, Failure: m.failureOf(v), Machine: v.foreign}
		if r, ok := m.cfg.Book.LastReport(v.id); ok {
			a.Check = checkOf(r)
		}
		if v.state {
			a.Use = api.VolumeUseState
		}
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
			m.fail(v, api.VolumeFailureCauseErrors, "It cannot be used: "+firstLine(err)+".")
			continue
		}
		m.cfg.Attach(v.id, v.path)
		v.attached = true
		m.healthy(v)
	}
}
