package storage

import (
	"context"
	"fmt"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
)

// growArray has an array use more disks, or more of those that it has; what is on it stays, and is used meanwhile. The
// volume on it grows by itself then (checkVolume). A power cut is no matter: the kernel goes on where it was.
func (m *Manager) growArray(ctx context.Context, a *arr, r api.ArrayChange) error {
	is := a.running
	switch {
	case is.Degraded > 0 || is.Sync.Runs():
		return refuse("not_whole", "An array grows only when it is whole and does nothing else.")
	case is.Level == "raid0" || is.Level == "raid10" && len(r.Disks) > 0:
		return refuse("no_growth", "An array of this level takes no further disks.")
	case len(r.Disks) == 0:
		return m.growMembers(ctx, a)
	}
	var disks []*disk
	var devices []string
	for _, w := range r.Disks {
		d, err := m.newMember(a, "disks", w)
		if err != nil {
			return err
		}
		if slices.Contains(disks, d) {
			return answer.Field("disks", "twice", "The disk "+d.dev.Serial+" is in the list twice.")
		}
		disks, devices = append(disks, d), append(devices, d.name)
	}
	if is.Devices+len(disks) > md.MostMembers {
		return answer.Field("disks", "too_many", fmt.Sprintf("An array has at most %d disks here.", md.MostMembers))
	}
	ask, array, members := m.cfg.Arrays.Ask, is.Name, is.Devices+len(disks)
	logged := is.Policy == "ppl"
	m.beginArray(a, api.OperationNameGrow)
	m.withDisks(ctx, disks, api.OperationNameGrow, func() error {
		for _, device := range devices {
			if err := ask(ctx, raidapi.Request{Do: raidapi.Add, Array: array, Devices: []string{device}}); err != nil {
				return err
			}
		}
		if logged {
			if err := ask(ctx, raidapi.Request{Do: raidapi.LogOff, Array: array}); err != nil {
				return err
			}
		}
		return ask(ctx, raidapi.Request{Do: raidapi.Reshape, Array: array, Members: members})
	}, func(err error) {
		m.endArray(a, err)
		if err == nil {
			m.tell(a, diskbook.Info, fmt.Sprintf("It grows to %d disks.", members))
		}
	})
	return nil
}

// growMembers has an array use all of its disks, each of which was replaced by a larger one.
func (m *Manager) growMembers(ctx context.Context, a *arr) error {
	least := m.smallestMember(a)
	if md.Room(least) <= a.running.EachBytes+a.running.EachBytes/100 {
		return refuse("no_room", "The smallest of its disks has no room that is not used. Replace each disk by a larger one first.")
	}
	request := raidapi.Request{Do: raidapi.Size, Array: a.running.Name}
	m.beginArray(a, api.OperationNameGrow)
	m.job(ctx, func() func() {
		err := m.cfg.Arrays.Ask(ctx, request)
		return func() {
			m.endArray(a, err)
			if err == nil {
				m.tell(a, diskbook.Info, "It grows to the size of its disks.")
			}
			m.scan(ctx, "")
		}
	})
	return nil
}

// logAgain gives a RAID 5 of this machine its partial parity log again, without which it was reshaped.
func (m *Manager) logAgain(ctx context.Context, a *arr) {
	is := a.running
	if is.Level != "raid5" || is.Policy != "resync" || is.Degraded > 0 || is.Sync.Runs() || a.working || a.relogged || !slices.Contains(m.cfg.Arrays.Ours, a.newest.Host) {
		return
	}
	a.working, a.relogged = true, true
	request := raidapi.Request{Do: raidapi.LogOn, Array: is.Name}
	m.job(ctx, func() func() {
		err := m.cfg.Arrays.Ask(ctx, request)
		return func() {
			a.working, a.relogged = false, err != nil
			if err != nil {
				m.tell(a, diskbook.Warning, "It has no parity log, and may lose data by a power cut while a disk is missing: "+firstLine(err)+".")
			}
		}
	})
}
