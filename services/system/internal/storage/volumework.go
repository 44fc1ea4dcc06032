package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/volume"
)

// Book is where it is kept what checks and repairs of volumes came to, and where volumes were.
type Book interface {
	NoteReport(volume string, r diskbook.Report)
	LastReport(volume string) (diskbook.Report, bool)
	NoteVolume(volume string, v diskbook.Volume)
	ForgetVolume(volume string)
	Volumes() map[string]diskbook.Volume
}

// leaveWithin is how long the services may take to let go of a volume. The engine closes its segments, which on a busy disk
// takes seconds, and gives a hanging one up after ten.
const leaveWithin = 30 * time.Second

// ChangeVolume renames, checks, repairs, unmounts, mounts, forgets or adopts a volume. It returns when the work has begun or was refused; the
// rest is in the volume's operation.
func (m *Manager) ChangeVolume(ctx context.Context, id string, r api.VolumeChange) error {
	return m.askWork(ctx, func(ctx context.Context) error { return m.changeVolume(ctx, id, r) })
}

// VolumeReport is what the last check or repair of a volume found.
func (m *Manager) VolumeReport(id string) (api.VolumeReport, error) {
	r, ok := m.cfg.Book.LastReport(id)
	if !ok {
		return api.VolumeReport{}, answer.Refuse(http.StatusNotFound, "no_report", "This volume was not checked yet.")
	}
	return api.VolumeReport{Check: checkOf(r), Lines: append([]string{}, r.Lines...)}, nil
}

func checkOf(r diskbook.Report) api.VolumeCheck {
	return api.VolumeCheck{
		Kind: api.VolumeCheckKind(r.Kind), Result: api.VolumeCheckResult(r.Result), AtMs: r.AtMs, TookMs: r.TookMs,
		Findings: r.Findings, LogPending: r.LogPending, Strays: r.Strays, Message: r.Message,
	}
}

func (m *Manager) changeVolume(ctx context.Context, id string, r api.VolumeChange) error {
	v := m.volumes[id]
	switch {
	case v == nil:
		return answer.Refuse(http.StatusNotFound, "no_volume", "There is no such volume; its disk may have been removed.")
	case v.op.Status == api.OperationStatusRunning:
		return refuse("busy", "Something is being done with this volume. Try again when it has ended.")
	case r.Action == api.VolumeChangeActionRename:
		return m.renameVolume(ctx, v, r.Name)
	case r.Action == api.VolumeChangeActionForget:
		return m.forgetVolume(v)
	case m.cfg.Observe:
		return refuse("observe", "Vigie only observes this machine.")
	case v.disk == nil:
		return refuse("absent", "The disk of this volume is not there.")
	case v.state && !m.cfg.Rescue:
		return refuse("settings", "This volume holds the settings of the installed system, which are always in use. Start from another medium to check it.")
	case v.disk.busy():
		return refuse("busy", "The disk is busy. Try again in a moment.")
	}
	switch r.Action {
	case api.VolumeChangeActionCheck:
		return m.examine(ctx, v, volume.Look)
	case api.VolumeChangeActionRepair:
		return m.repairVolume(ctx, v, r)
	case api.VolumeChangeActionAdopt:
		return m.adoptVolume(ctx, v, r)
	case api.VolumeChangeActionUnmount:
		return m.unmountVolume(ctx, v)
	case api.VolumeChangeActionMount:
		if !v.out {
			return refuse("not_unmounted", "Nobody has unmounted this volume.")
		}
		v.out, v.op = false, api.Operation{}
		m.look(ctx, v.disk)
		return nil
	}
	return answer.Field("action", "bad_action", "The action must be rename, check, repair, unmount, mount, forget or adopt.")
}

// renameVolume gives a volume another name, under which no other is known.
func (m *Manager) renameVolume(ctx context.Context, v *vol, name string) error {
	switch why := volume.CheckName(name); {
	case why != "":
		return answer.Field("name", "bad_name", why)
	case name == "":
		return answer.Field("name", "bad_name", "A volume needs a name.")
	case v.state:
		return refuse("settings", "The settings of the installed system are called "+stateName+".")
	case v.status != api.VolumeStatusMounted || v.disk != nil && v.disk.busy():
		return refuse("not_mounted", "The name stands on the volume itself, which cannot be written to now.")
	}
	if err := m.nameTaken(name, v); err != nil {
		return err
	}
	v.op = api.Operation{Name: api.OperationNameRename, Status: api.OperationStatusRunning, Message: "Its name is being written."}
	path, old := v.path, v.name
	m.job(ctx, func() func() {
		err := volume.Rename(path, name)
		return func() {
			if err != nil {
				m.cfg.Log.Error("volume cannot be renamed", "volume", v.id, "err", err)
				v.op.Status, v.op.Message = api.OperationStatusFailed, "Its name could not be written: "+firstLine(err)+"."
				return
			}
			v.name, v.place.SeenMs, v.op = name, 0, api.Operation{Name: api.OperationNameRename, Status: api.OperationStatusDone}
			m.cfg.Log.Info("volume is renamed", "volume", v.id, "from", old, "to", name)
			m.cfg.Console.Say("volume "+v.id, "volume %s: called %s from now on", old, name)
		}
	})
	return nil
}

// nameTaken refuses a name that another volume has, whatever the case of its letters.
func (m *Manager) nameTaken(name string, but ...*vol) error {
	for _, other := range m.volumes {
		if name != "" && !slices.Contains(but, other) && strings.EqualFold(other.name, name) {
			return answer.Field("name", "taken", fmt.Sprintf("There is a volume called %q already.", other.name))
		}
	}
	return nil
}

// repairVolume repairs what a check has found.
func (m *Manager) repairVolume(ctx context.Context, v *vol, r api.VolumeChange) error {
	last, ok := m.cfg.Book.LastReport(v.id)
	switch {
	case r.ConfirmSerial != v.disk.dev.Serial:
		return wrongSerial("confirmSerial", "the volume's disk")
	case v.foreign != "":
		return refuse("foreign", "The volume is another machine's. Adopt it before anything on it is changed.")
	case v.disk.dev.ReadOnly:
		return refuse("readonly", "The disk cannot be written to; it may be write-protected.")
	case !ok || last.Kind != "check" && last.Result != "failed":
		return refuse("check_first", "Have the volume checked first: what is found is shown before anything is changed.")
	case last.Result == "clean":
		return refuse("clean", "The last check found nothing to repair.")
	case last.LogPending && !r.DropLog:
		return refuse("log_pending", "The file system's log holds changes that cannot be carried out. It can only be repaired without them: read what that costs, and ask for it.")
	case r.DropLog && !last.LogPending:
		return refuse("log_clean", "There is no need to do without the file system's log. Repair it as usual.")
	}
	mode := volume.Mend
	if r.DropLog {
		mode = volume.DropLog
	}
	return m.examine(ctx, v, mode)
}

// examine has a volume's file system checked or repaired, and mounted again.
func (m *Manager) examine(ctx context.Context, v *vol, mode volume.Mode) error {
	name, kind, reason := api.OperationNameCheck, "check", "It is being checked, and mounted again then."
	if mode != volume.Look {
		name, kind, reason = api.OperationNameRepair, "repair", "It is being repaired, and mounted again then."
	}
	d, began, untried := v.disk, m.cfg.Now(), v.out
	stays := m.cfg.Rescue && v.out && mode == volume.Look // out; but what was repaired is to be seen
	if stays {
		reason = "It is being checked."
	}
	var found volume.Findings
	var failed error
	return m.takeOff(ctx, v, name, reason, func(node string) error {
		progress := func(s volume.Stage) {
			select {
			case m.results <- func() {
				v.op.Percent, v.op.Message = s.Percent, fmt.Sprintf("Step %d of 7: %s.", s.Phase, s.Words())
			}:
			case <-ctx.Done():
			}
		}
		found, failed = volume.Examine(ctx, node, d.dev.Seq, mode, progress)
		return nil
	}, func(err error) {
		again := func() { m.look(ctx, d) }
		if v.out = false; stays {
			again = func() { m.leaveOut(v) }
		}
		if err != nil {
			m.endVolume(v, err)
			again()
			return
		}
		r := reportOf(kind, mode, found, failed)
		if untried && r.LogPending { // the power was cut, and rescue mode mounts nothing by itself
			r.Result, r.LogPending = "failed", false
			r.Message = "The file system's log holds changes, which are carried out when it is mounted. Mount it, and have it checked after that."
		}
		r.AtMs, r.TookMs = m.cfg.Now().UnixMilli(), m.cfg.Now().Sub(began).Milliseconds()
		m.cfg.Book.NoteReport(v.id, r)
		m.cfg.Log.Info("volume "+kind, "volume", v.id, "result", r.Result, "findings", r.Findings, "err", failed)
		severity := diskbook.Info
		if r.Result != "clean" {
			severity = diskbook.Warning
		}
		m.cfg.Tell(d.dev.ID, d.dev.Serial, severity, fmt.Sprintf("The volume %s: %s", v.name, r.Message))
		v.op.Status, v.op.Percent, v.op.Message = api.OperationStatusDone, 100, r.Message
		if failed != nil {
			v.op.Status = api.OperationStatusFailed
		}
		v.mended = mode != volume.Look && failed == nil
		again()
	})
}

// reportOf words what a check or repair came to.
func reportOf(kind string, mode volume.Mode, f volume.Findings, failed error) diskbook.Report {
	r := diskbook.Report{Kind: kind, Findings: f.Count, Lines: f.Lines, LogPending: f.Log}
	switch {
	case failed != nil:
		r.Result, r.Message = "failed", "It could not be done: "+firstLine(failed)+"."
	case f.Log:
		r.Result, r.Message = "damaged", "The file system's log holds changes that cannot be carried out."
		if mode != volume.Look {
			r.Result, r.Message = "failed", r.Message+" Nothing was changed."
		}
	case !f.Damaged:
		r.Result, r.Message = "clean", "It was checked, and nothing is wrong."
		if mode != volume.Look {
			r.Result, r.Message = "repaired", "It is in order: there was nothing to be repaired."
		}
	case mode == volume.Look:
		r.Result, r.Message = "damaged", "It was checked, and its file system is damaged. Have it repaired."
	default:
		r.Result, r.Message = "repaired", "It was damaged, and has been repaired."
	}
	return r
}

// nameless is what a repair has taken the name of: what the engine puts back, and what lies in lost+found.
type nameless struct{ handed, left int }

// handOver gives the engine what lost its name and may be a recording.
func (m *Manager) handOver(path string) nameless {
	handed, err := volume.HandOver(path, true)
	if err != nil {
		m.cfg.Log.Error("what lost its name cannot be handed over", "path", path, "err", err)
	}
	return nameless{handed, volume.Strays(path)}
}

// noteStrays completes the report of a repair, once the volume is mounted again.
func (m *Manager) noteStrays(v *vol, lost nameless) {
	v.mended = false
	r, ok := m.cfg.Book.LastReport(v.id)
	if !ok || lost.handed+lost.left == 0 {
		return
	}
	r.Strays = lost.handed + lost.left
	r.Message += fmt.Sprintf(" %d files or folders have lost their names.", r.Strays)
	if lost.handed > 0 {
		r.Message += " Recordings among them say themselves what they were called, and are put back now."
	}
	if lost.left > 0 {
		r.Message += fmt.Sprintf(" %d are none, and lie in the volume's folder lost+found.", lost.left)
	}
	m.cfg.Book.NoteReport(v.id, r)
	v.op.Message = r.Message
}

func (m *Manager) unmountVolume(ctx context.Context, v *vol) error {
	if v.out {
		return refuse("unmounted", "The volume is unmounted already.")
	}
	d := v.disk
	return m.takeOff(ctx, v, api.OperationNameUnmount, "Somebody has unmounted it; its disk may be pulled.", func(string) error { return nil }, func(err error) {
		m.endVolume(v, err)
		if err != nil {
			m.look(ctx, d)
			return
		}
		v.out = true
		m.cfg.Tell(d.dev.ID, d.dev.Serial, diskbook.Info, fmt.Sprintf("The volume %s was unmounted.", v.name))
	})
}

// takeOff tells everybody to let go of a volume, unmounts it and has work done with its disk. done is called by Run when the
// disk is still there then; the error is that of letting go, or the work's.
func (m *Manager) takeOff(ctx context.Context, v *vol, name api.OperationName, reason string, work func(node string) error, done func(error)) error {
	d := v.disk
	device := d.name
	if d.parent == nil {
		for _, p := range d.found.Parts {
			for _, c := range p.Contents {
				if c.UUID == v.id {
					var err error
					if device, err = d.device(&p); err != nil {
						return refuse("no_partition", "The kernel does not show the volume's partition.")
					}
				}
			}
		}
	}
	m.enter(d, caring)
	v.op = api.Operation{Name: name, Status: api.OperationStatusRunning, Message: "Its cameras are moved to other volumes."}
	if m.cfg.Rescue || v.out {
		v.op.Message = "Starting."
	}
	v.status, v.reason, v.retry, v.checking = api.VolumeStatusUnmounted, reason, time.Time{}, time.Time{}
	m.detach(v)
	m.cfg.Log.Info("volume is taken off", "volume", v.id, "for", string(name))
	m.cfg.Console.Say("volume "+v.id, "volume %s: %s", v.name, reason)
	node, path, within := m.cfg.Node(device), v.path, m.pace.leave
	m.job(ctx, func() func() {
		err := volume.Leave(ctx, node, path, within)
		if err == nil {
			err = work(node)
		}
		return func() {
			if m.disks[d.key] != d || v.disk != d {
				m.endVolume(v, errors.New("its disk was pulled meanwhile"))
				return
			}
			m.enter(d, idle)
			done(err)
		}
	})
	return nil
}

// endVolume ends a volume's operation.
func (m *Manager) endVolume(v *vol, err error) {
	v.op.Status, v.op.Message = api.OperationStatusDone, ""
	if err == nil {
		return
	}
	v.op.Status, v.op.Message = api.OperationStatusFailed, "It failed: "+firstLine(err)+". Nothing was changed."
	if errors.Is(err, volume.ErrHeld) {
		v.op.Message = "Something still uses the volume: a recording that is being played or exported. Try again when that has ended. Nothing was changed."
	}
	m.cfg.Log.Error("volume", "volume", v.id, "operation", string(v.op.Name), "err", err)
}
