package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/services/system/internal/md"
	"vigie/services/system/internal/probe"
)

func (m *Manager) arrayList() []api.Array {
	var out []api.Array
	for _, id := range slices.Sorted(maps.Keys(m.arrays)) {
		a := m.arrays[id]
		shown := api.Array{ID: id, Name: m.arrayName(a), Machine: a.newest.Host, Level: probe.LevelName(a.newest.Level), Reason: a.reason, Operation: a.op, Members: []api.ArrayDisk{}}
		if last, known := m.cfg.Arrays.LastCheck(id); known && !last.Never {
			shown.CheckedMs, shown.Differs = last.AtMs, last.Differs
		}
		if a.running != nil {
			m.showRunning(a, &shown)
		} else {
			m.showFound(a, &shown)
		}
		out = append(out, shown)
	}
	return out
}

func (m *Manager) showRunning(a *arr, shown *api.Array) {
	is := a.running
	shown.Status = api.ArrayStatusRunning
	level, _ := strings.CutPrefix(is.Level, "raid")
	shown.Level = "RAID " + level
	if is.Degraded > 0 {
		shown.Status = api.ArrayStatusDegraded
		shown.Reason = fmt.Sprintf("%d of its %d disks are missing. Add a disk to it.", is.Degraded, is.Devices)
		if is.Sync.Action == "recover" {
			shown.Reason = "A disk is being filled with what the missing one had."
		}
	}
	if is.State == "broken" || !a.spares(-1) {
		shown.Status, shown.Reason = api.ArrayStatusFailed, "It has lost more disks than it can bear. Restart the machine once they are plugged in again."
	}
	if d := m.holding(is.Name); d != nil {
		shown.Disk, shown.SizeBytes = d.dev.ID, d.dev.SizeBytes
	}
	there := map[int]bool{}
	for _, mem := range is.Members {
		own := api.ArrayDisk{State: api.ArrayDiskStateGood}
		switch {
		case mem.Has("faulty"):
			own.State = api.ArrayDiskStateFailed
		case mem.Position < 0:
			own.State = api.ArrayDiskStateSpare
		case !mem.Has("in_sync"):
			own.State = api.ArrayDiskStateRebuilding
		}
		if mem.Position >= 0 {
			own.Position = mem.Position + 1
			there[mem.Position] = true
		}
		if d := m.holding(mem.Device); d != nil {
			own.Disk, own.Serial, own.Slot = d.dev.ID, d.dev.Serial, d.dev.Slot
		}
		shown.Members = append(shown.Members, own)
	}
	for p := range is.Devices {
		if !there[p] {
			shown.Members = append(shown.Members, api.ArrayDisk{Position: p + 1, State: api.ArrayDiskStateMissing})
		}
	}
	sortMembers(shown.Members)
	if s := is.Sync; s.Runs() {
		shown.Sync = api.ArraySync{Action: s.Action, Percent: s.Percent(), KBps: s.KBps, LeftMs: s.Left().Milliseconds()}
	}
}

func (m *Manager) showFound(a *arr, shown *api.Array) {
	switch {
	case a.working || a.step == md.Wait:
		shown.Status = api.ArrayStatusWaiting
	case m.cfg.Rescue && (a.step == md.Start || a.step == md.Degraded):
		shown.Status = api.ArrayStatusStopped
		if a.reason == "" {
			shown.Reason = "Rescue mode: it is started when somebody asks for that."
		}
	case a.reason != "":
		shown.Status = api.ArrayStatusFailed
	case a.step == md.Foreign:
		shown.Status, shown.Reason = api.ArrayStatusForeign, "It belongs to another machine, and is not started unasked."
	default:
		shown.Status = api.ArrayStatusIncomplete
		shown.Reason = "Too few of its disks are there. Plug in the others; it starts by itself then."
		if m.cfg.Rescue {
			shown.Reason = "Too few of its disks are there. Plug in the others; it can be started then."
		}
	}
	there := map[int]bool{}
	for _, p := range a.parts {
		own := api.ArrayDisk{Disk: p.disk.dev.ID, Serial: p.disk.dev.Serial, Slot: p.disk.dev.Slot, State: api.ArrayDiskStateIdle}
		if p.Behind(a.newest) {
			own.State = api.ArrayDiskStateBehind
		}
		if p.Role == probe.Active {
			own.Position = p.Position + 1
			there[p.Position] = true
		}
		shown.Members = append(shown.Members, own)
	}
	for p := range a.newest.Devices {
		if !there[p] {
			shown.Members = append(shown.Members, api.ArrayDisk{Position: p + 1, State: api.ArrayDiskStateMissing})
		}
	}
	sortMembers(shown.Members)
}

// sortMembers puts spares last.
func sortMembers(list []api.ArrayDisk) {
	place := func(d api.ArrayDisk) int {
		if d.Position == 0 {
			return 1 << 20
		}
		return d.Position
	}
	slices.SortStableFunc(list, func(a, b api.ArrayDisk) int { return place(a) - place(b) })
}
