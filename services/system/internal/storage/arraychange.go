package storage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
	"vigie/services/system/internal/volume"
)

func (m *Manager) changeArray(ctx context.Context, id string, r api.ArrayChange) error {
	a := m.arrays[id]
	if a == nil {
		return answer.Refuse(http.StatusNotFound, "no_array", "There is no such array; its disks may have been removed.")
	}
	if m.cfg.Observe {
		return refuse("observe", "Vigie only observes this machine.")
	}
	if a.working {
		return refuse("busy", "Something is being done with this array. Try again in a moment.")
	}
	switch r.Action {
	case api.ArrayChangeActionAdopt:
		return m.adoptArray(ctx, a, r)
	case api.ArrayChangeActionStart:
		return m.wantArray(ctx, a, r.Degraded)
	}
	if a.running == nil {
		return refuse("not_running", "The array does not run.")
	}
	switch r.Action {
	case api.ArrayChangeActionCheck, api.ArrayChangeActionStopCheck:
		if err := md.Check(m.cfg.Arrays.Root, a.running.Name, r.Action == api.ArrayChangeActionCheck); err != nil {
			return refuse("refused", "The array is busy with something else.")
		}
		a.stopped = r.Action == api.ArrayChangeActionStopCheck
		return nil
	case api.ArrayChangeActionDelete:
		return m.deleteArray(ctx, a, r)
	case api.ArrayChangeActionGrow:
		return m.growArray(ctx, a, r)
	case api.ArrayChangeActionAdd:
		return m.addToArray(ctx, a, r)
	case api.ArrayChangeActionFail, api.ArrayChangeActionRemove, api.ArrayChangeActionReplace:
		return m.takeFromArray(ctx, a, r)
	}
	return answer.Field("action", "bad_action", "The action must be add, fail, remove, replace, grow, start, adopt, delete, check or stop_check.")
}

func (m *Manager) adoptArray(ctx context.Context, a *arr, r api.ArrayChange) error {
	if r.ConfirmName != m.arrayName(a) {
		return answer.Field("confirmName", "wrong_name", "This is not the name of the array. Nothing was changed.")
	}
	step, err := m.startOf(a, []string{a.newest.Host})
	if err != nil {
		return err
	}
	a.step = step
	m.beginArray(a, api.OperationNameAdopt)
	m.startArray(ctx, a, m.current(a), m.cfg.Arrays.Mark)
	return nil
}

// wantArray starts an array that somebody wants: of this machine, and without some of its disks only where he says so.
func (m *Manager) wantArray(ctx context.Context, a *arr, degraded bool) error {
	step, err := m.startOf(a, m.cfg.Arrays.Ours)
	switch {
	case err != nil:
		return err
	case step == md.Degraded && !degraded:
		return refuse("degraded", "Some of its disks are missing. Plug them in, or have it started without them.")
	}
	a.step = step
	m.startArray(ctx, a, m.current(a), "")
	return nil
}

// startOf is how an array would be started that does not run, or why it cannot be; ours as in md.Plan.
func (m *Manager) startOf(a *arr, ours []string) (md.Step, error) {
	if a.running != nil {
		return "", refuse("running", "The array runs already.")
	}
	for _, d := range m.disks {
		if d.phase == looking && m.cfg.Now().Sub(d.since) < m.pace.patience { // it may be another one of its disks
			return "", refuse("busy", "Some disks are still being looked at. Try again in a moment.")
		}
	}
	step := md.Plan(a.found(), md.Patience, ours)
	switch step {
	case md.Foreign:
		return "", refuse("foreign", "The array is another machine's. It is started here only once it is taken over in the web admin.")
	case md.Short:
		return "", refuse("incomplete", "Too few of its disks are there. Plug in the others first.")
	}
	return step, nil
}

// beginArray and endArray frame an operation on an array.
func (m *Manager) beginArray(a *arr, name api.OperationName) {
	a.working = true
	a.op = api.Operation{Name: name, Status: api.OperationStatusRunning}
}

func (m *Manager) endArray(a *arr, err error) {
	a.working = false
	a.op.Status, a.op.Message = api.OperationStatusDone, ""
	if err != nil {
		a.op.Status, a.op.Message = api.OperationStatusFailed, failure(err)
		m.cfg.Log.Error("array", "array", m.arrayName(a), "err", err)
	}
}

// smallestMember is the size in bytes that a disk must have to take a member's place; 0: not known.
func (m *Manager) smallestMember(a *arr) int64 {
	var least int64
	for _, mem := range a.running.Members {
		if d := m.holding(mem.Device); d != nil && d.name == mem.Device && (least == 0 || d.dev.SizeBytes < least) {
			least = d.dev.SizeBytes
		}
	}
	return least
}

// newMember checks a disk that is to come into an array.
func (m *Manager) newMember(a *arr, field string, w api.MeantDisk) (*disk, error) {
	d, err := m.meant(field, w)
	if err == nil {
		err = m.free(d)
	}
	if err == nil && d.dev.SizeBytes < m.smallestMember(a) {
		err = refuse("too_small", fmt.Sprintf("The disk has %s; it must be as large as the smallest of the array, %s.", size(d.dev.SizeBytes), size(m.smallestMember(a))))
	}
	return d, err
}

func (m *Manager) addToArray(ctx context.Context, a *arr, r api.ArrayChange) error {
	if a.running.Level == "raid0" {
		return refuse("no_spares", "RAID 0 takes no further disks.")
	}
	d, err := m.newMember(a, "disk", r.Disk)
	if err != nil {
		return err
	}
	m.beginArray(a, api.OperationNameAdd)
	ask, add := m.cfg.Arrays.Ask, raidapi.Request{Do: raidapi.Add, Array: a.running.Name, Devices: []string{d.name}}
	work := func() error { return ask(ctx, add) }
	if slices.ContainsFunc(a.parts, func(p part) bool { return p.disk == d && p.Device == d.name }) {
		// It was away: what it has needs only what changed meanwhile, as far as the bitmap knows that.
		m.useDisks(ctx, []*disk{d}, api.OperationNameAdd, func(clear func() error) error {
			if err := work(); err == nil {
				return nil
			}
			if err := clear(); err != nil {
				return err
			}
			return work()
		}, m.added(a, d))
		return nil
	}
	m.withDisks(ctx, []*disk{d}, api.OperationNameAdd, work, m.added(a, d))
	return nil
}

func (m *Manager) added(a *arr, d *disk) func(error) {
	return func(err error) {
		m.endArray(a, err)
		if err == nil {
			m.tell(a, diskbook.Info, "The disk "+d.dev.Serial+" was added to it.")
		}
	}
}

// deleteArray stops an array and takes its superblocks off its disks, all of which must be named by their serials.
func (m *Manager) deleteArray(ctx context.Context, a *arr, r api.ArrayChange) error {
	if r.ConfirmName != m.arrayName(a) {
		return answer.Field("confirmName", "wrong_name", "This is not the name of the array. Nothing was changed.")
	}
	var named []*disk
	for _, w := range r.Disks {
		d, err := m.meant("disks", w)
		if err != nil {
			return err
		}
		named = append(named, d)
	}
	var members []*disk
	var devices []string
	for _, mem := range a.running.Members {
		d := m.holding(mem.Device)
		if d == nil {
			continue // it is gone, and so is what it had
		}
		if !slices.Contains(named, d) {
			return answer.Field("disks", "missing", "The disk "+d.dev.Serial+" is in the array, too: name all of its disks. Nothing was changed.")
		}
		members, devices = append(members, d), append(devices, mem.Device)
	}
	if own := m.holding(a.running.Name); own != nil {
		if own.busy() || len(m.users(own)) > 0 {
			return refuse("in_use", "The array is in use. Nothing was changed.")
		}
		if v := m.volumes[own.volume]; v != nil && v.disk == own {
			return refuse("mounted", fmt.Sprintf("The array holds the data volume %q. Nothing was changed.", v.name))
		}
	}
	m.beginArray(a, api.OperationNameDelete)
	stop := raidapi.Request{Do: raidapi.Stop, Array: a.running.Name}
	m.job(ctx, func() func() {
		err := m.cfg.Arrays.Ask(ctx, stop)
		for _, device := range devices {
			if err == nil {
				err = m.cfg.Arrays.Ask(ctx, raidapi.Request{Do: raidapi.Forget, Devices: []string{device}})
			}
			if err == nil {
				err = volume.Wipe(m.cfg.Node(device), md.MinMember) // what is left describes nothing any more
			}
		}
		return func() {
			m.endArray(a, err)
			if err == nil {
				m.tell(a, diskbook.Warning, "It was deleted.")
				delete(m.arrays, a.id)
			}
			for _, d := range members {
				m.look(ctx, d)
			}
			m.scan(ctx, "")
		}
	})
	return nil
}

// takeFromArray declares a member broken, removes it, or has it replaced first.
func (m *Manager) takeFromArray(ctx context.Context, a *arr, r api.ArrayChange) error {
	d, err := m.meant("disk", r.Disk)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(a.running.Members, func(mem md.Member) bool { return m.holding(mem.Device) == d })
	if i < 0 {
		return refuse("not_member", "The disk is in another array or in none.")
	}
	mem := a.running.Members[i]
	if r.Action == api.ArrayChangeActionReplace {
		return m.replaceInArray(ctx, a, mem, d, r.With)
	}
	if mem.Has("in_sync") && mem.Position >= 0 && !a.spares(i) {
		return refuse("needed", "The array would lose its data without this disk. Add another one first, and wait until it is filled.")
	}
	ask, array := m.cfg.Arrays.Ask, a.running.Name
	if r.Action == api.ArrayChangeActionFail {
		if mem.Position < 0 || mem.Has("faulty") {
			return refuse("not_good", "The disk is a spare or has failed already; it can be removed.")
		}
		m.beginArray(a, api.OperationNameFail)
		m.job(ctx, func() func() {
			err := ask(ctx, raidapi.Request{Do: raidapi.Fail, Array: array, Devices: []string{mem.Device}})
			return func() { m.endArray(a, err); m.scan(ctx, "") }
		})
		return nil
	}
	m.beginArray(a, api.OperationNameRemove)
	m.job(ctx, func() func() {
		err := remove(ctx, ask, array, mem)
		return func() {
			m.endArray(a, err)
			if err == nil {
				m.tell(a, diskbook.Warning, "The disk "+d.dev.Serial+" was removed from it.")
			}
			m.look(ctx, d)
			m.scan(ctx, "")
		}
	})
	return nil
}

// replaceInArray copies a member to another disk, without the array being less safe meanwhile.
func (m *Manager) replaceInArray(ctx context.Context, a *arr, mem md.Member, old *disk, other api.MeantDisk) error {
	with, err := m.newMember(a, "with", other)
	if err != nil {
		return err
	}
	if !mem.Has("in_sync") || mem.Position < 0 {
		return refuse("not_good", "Only a disk that is good can be copied to another one. Remove it and add the other.")
	}
	m.beginArray(a, api.OperationNameReplace)
	ask, array, device := m.cfg.Arrays.Ask, a.running.Name, with.name
	m.withDisks(ctx, []*disk{with}, api.OperationNameReplace, func() error {
		if err := ask(ctx, raidapi.Request{Do: raidapi.Add, Array: array, Devices: []string{device}}); err != nil {
			return err
		}
		return ask(ctx, raidapi.Request{Do: raidapi.Replace, Array: array, Devices: []string{mem.Device, device}})
	}, func(err error) {
		m.endArray(a, err)
		if err == nil {
			a.replaced = mem.Device
			m.tell(a, diskbook.Info, "The disk "+old.dev.Serial+" is being replaced by "+with.dev.Serial+".")
		}
	})
	return nil
}

// remove takes a member out. One that was good is declared broken first, and the kernel needs a moment to let go of it.
func remove(ctx context.Context, ask func(context.Context, raidapi.Request) error, array string, mem md.Member) error {
	devices := []string{mem.Device}
	if mem.Position >= 0 && !mem.Has("faulty") {
		if err := ask(ctx, raidapi.Request{Do: raidapi.Fail, Array: array, Devices: devices}); err != nil {
			return err
		}
	}
	for end := time.Now().Add(5 * time.Second); ; {
		err := ask(ctx, raidapi.Request{Do: raidapi.Remove, Array: array, Devices: devices})
		if err == nil {
			return ask(ctx, raidapi.Request{Do: raidapi.Forget, Devices: devices})
		}
		if time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// spares tells whether the array keeps all its data without the member.
func (a *arr) spares(member int) bool {
	good := map[int]bool{}
	for i, mem := range a.running.Members {
		if i != member && mem.Has("in_sync") && mem.Position >= 0 {
			good[mem.Position] = true
		}
	}
	return md.Enough(a.running.Level, a.running.Devices, good)
}
