package storage

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/system/internal/md"
	"vigie/services/system/internal/volume"
)

// workAsk is an administrator's wish about arrays or volumes; work is done by Run.
type workAsk struct {
	work  func(ctx context.Context) error
	reply chan error
}

func (m *Manager) askWork(ctx context.Context, work func(context.Context) error) error {
	a := workAsk{work, make(chan error, 1)}
	return put(ctx, m.workAsks, a, a.reply)
}

// PlanArray says what an array of disks would be.
func (m *Manager) PlanArray(ctx context.Context, r api.ArrayPlanRequest) (api.ArrayPlan, error) {
	var plan api.ArrayPlan
	err := m.askWork(ctx, func(context.Context) error {
		var sizes []int64
		for _, id := range r.Disks {
			d := m.byID(id)
			if d == nil {
				return noDisk()
			}
			sizes = append(sizes, d.dev.SizeBytes)
		}
		shape, why := md.ShapeOf(r.Level, sizes)
		plan = api.ArrayPlan{CapacityBytes: shape.Capacity, Survives: shape.Survives, UnusedBytes: shape.Unused, Problem: why}
		return nil
	})
	return plan, err
}

// CreateArray begins to make an array. It returns when the work has begun or was refused.
func (m *Manager) CreateArray(ctx context.Context, r api.ArrayRequest) error {
	if !raidapi.CheckName(r.Name) {
		return answer.Field("name", "bad_name", "The name of an array has 1 to 15 letters, digits and hyphens, and does not begin with a hyphen.")
	}
	return m.askWork(ctx, func(ctx context.Context) error { return m.createArray(ctx, r) })
}

// ChangeArray begins to change an array. It returns when the work has begun or was refused.
func (m *Manager) ChangeArray(ctx context.Context, id string, r api.ArrayChange) error {
	return m.askWork(ctx, func(ctx context.Context) error { return m.changeArray(ctx, id, r) })
}

func noDisk() error {
	return answer.Refuse(http.StatusNotFound, "no_disk", "There is no such disk; it may have been removed.")
}

// wrongSerial refuses what was confirmed by another serial than that of what is meant.
func wrongSerial(field, of string) error {
	return answer.Field(field, "wrong_serial", "This is not the serial of "+of+". Nothing was changed.")
}

func refuse(code, message string) error { return answer.Refuse(http.StatusConflict, code, message) }

func (m *Manager) byID(id string) *disk {
	for _, d := range m.disks {
		if d.dev.ID == id && !d.hidden {
			return d
		}
	}
	return nil
}

// meant finds the disk that somebody named by id and serial.
func (m *Manager) meant(field string, w api.MeantDisk) (*disk, error) {
	d := m.byID(w.ID)
	switch {
	case d == nil:
		return nil, noDisk()
	case w.ConfirmSerial != d.dev.Serial:
		return nil, wrongSerial(field, "the disk")
	}
	return d, nil
}

// free tells whether a disk may be given to an array, and lose what is on it.
func (m *Manager) free(d *disk) error {
	serial := d.dev.Serial
	switch use := m.use(d); {
	case use == api.DiskUseBoot:
		return refuse("boot_medium", "Vigie was started from the disk "+serial+"; it cannot be in an array.")
	case d.busy() || d.op.Status == api.OperationStatusRunning:
		return refuse("busy", "The disk "+serial+" is busy. Try again in a moment.")
	case use == api.DiskUseVolume:
		return refuse("mounted", "The disk "+serial+" holds a data volume. Nothing was changed.")
	case len(m.users(d)) > 0 || m.media[d.key].used():
		return refuse("in_use", "The disk "+serial+" is in use. Nothing was changed.")
	case d.dev.ReadOnly || d.dev.Optical || d.dev.Removable:
		return refuse("unfit", "The disk "+serial+" is removable or write-protected; arrays are made of fixed disks.")
	case d.dev.Bus == "array":
		return refuse("unfit", "An array is not made of arrays.")
	case d.dev.SizeBytes < md.MinMember:
		return refuse("too_small", "The disk "+serial+" is too small.")
	}
	return nil
}

func (m *Manager) createArray(ctx context.Context, r api.ArrayRequest) error {
	if m.cfg.Observe {
		return refuse("observe", "Vigie only observes this machine; no arrays are made.")
	}
	for _, a := range m.arrays {
		if strings.EqualFold(m.arrayName(a), r.Name) {
			return answer.Field("name", "taken", "There is an array of this name already.")
		}
	}
	var disks []*disk
	var sizes []int64
	for i, w := range slices.Concat(r.Disks, r.Spares) {
		d, err := m.meant("disks", w)
		if err == nil {
			err = m.free(d)
		}
		if err != nil {
			return err
		}
		if slices.Contains(disks, d) {
			return answer.Field("disks", "twice", "The disk "+d.dev.Serial+" is in the list twice.")
		}
		disks = append(disks, d)
		if i < len(r.Disks) {
			sizes = append(sizes, d.dev.SizeBytes)
		}
	}
	if _, why := md.ShapeOf(r.Level, sizes); why != "" {
		return answer.Field("disks", "no_array", why)
	}
	if len(r.Spares) > 0 {
		smallest := slices.Min(sizes)
		for _, d := range disks[len(sizes):] {
			if d.dev.SizeBytes < smallest || r.Level == 0 {
				return answer.Field("spares", "unfit", "A spare must be as large as the smallest of the disks, and RAID 0 has none.")
			}
		}
	}
	made := raidapi.Request{Do: raidapi.Create, Level: r.Level, Members: len(r.Disks), Name: r.Name, Mark: m.cfg.Arrays.Mark}
	for _, d := range disks {
		made.Devices = append(made.Devices, d.name)
	}
	m.cfg.Log.Info("array is made", "array", r.Name, "level", r.Level, "disks", len(disks))
	m.withDisks(ctx, disks, api.OperationNameCreate, func() error { return m.cfg.Arrays.Ask(ctx, made) }, func(err error) {
		if err != nil {
			m.cfg.Log.Error("array", "array", r.Name, "err", err)
		}
	})
	return nil
}

// withDisks clears disks and has work done with them, whose serials were confirmed. What was on them is lost from the
// first write on, not before.
func (m *Manager) withDisks(ctx context.Context, disks []*disk, name api.OperationName, work func() error, done func(error)) {
	m.useDisks(ctx, disks, name, func(clear func() error) error {
		if err := clear(); err != nil {
			return err
		}
		return work()
	}, done)
}

// useDisks has work done with disks, which are held open meanwhile: their names go to no others. clear empties them.
func (m *Manager) useDisks(ctx context.Context, disks []*disk, name api.OperationName, work func(clear func() error) error, done func(error)) {
	type meant struct {
		node string
		seq  uint64
	}
	var list []meant
	for _, d := range disks {
		m.enter(d, formatting)
		d.op = api.Operation{Name: name, Status: api.OperationStatusRunning, Message: "Working: it becomes a part of an array."}
		m.say(d, "becomes a part of an array")
		list = append(list, meant{m.cfg.Node(d.name), d.dev.Seq})
	}
	clear := func() error {
		for _, l := range list {
			if err := volume.Wipe(l.node, md.MinMember); err != nil {
				return err
			}
		}
		return nil
	}
	m.job(ctx, func() func() {
		var held []*os.File
		var err error
		for _, l := range list {
			var f *os.File
			if f, err = volume.Hold(l.node, l.seq); err != nil {
				break
			}
			held = append(held, f)
		}
		if err == nil {
			err = work(clear)
		}
		for _, f := range held {
			f.Close()
		}
		return func() { m.used(ctx, disks, err, done) }
	})
}

// used is the end of useDisks.
func (m *Manager) used(ctx context.Context, disks []*disk, err error, done func(error)) {
	for _, d := range disks {
		if m.disks[d.key] != d {
			continue
		}
		m.enter(d, idle)
		d.op.Status, d.op.Message = api.OperationStatusDone, "The disk is a part of an array now."
		if err != nil {
			d.op.Status, d.op.Message = api.OperationStatusFailed, failure(err)
			m.say(d, "not in an array: %s", d.op.Message)
		}
		m.look(ctx, d)
	}
	done(err)
	m.scan(ctx, "")
}

// failure is why a disk could not be taken, for people.
func failure(err error) string {
	switch {
	case errors.Is(err, volume.ErrInUse):
		return "Something uses the disk. Nothing was changed."
	case errors.Is(err, volume.ErrSwapped):
		return "Another disk has taken this one's place. Nothing was changed."
	}
	return "It failed: " + firstLine(err) + "."
}
