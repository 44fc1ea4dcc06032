package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/mountinfo"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// vol is one volume: mounted, or one that should be. It belongs to Run.
type vol struct {
	id, name, path string
	disk           *disk // nil: a plain folder, or the disk is gone
	folder         bool
	state          bool // it has settings alone
	status         api.VolumeStatus
	reason         string
	use            volume.Use
	attached       bool      // Attach was called, Detach was not
	checking       time.Time // when the running check began; zero: none runs
	checked        time.Time
	retry          time.Time // when to try mounting again; zero: never
	pause          time.Duration
	stuck          bool // it does not grow with its array
	op             api.Operation
	out            bool                   // somebody has unmounted it
	mended         bool                   // it was repaired, and not mounted since
	place          diskbook.Volume        // where it was last in use
	cause          api.VolumeFailureCause // "": it can be used
	since          time.Time              // of that
	told           time.Time              // when an event was made of a failure
	untold         bool                   // that it is over
	foreign        string                 // the machine that it is used by, when that is another one
	replaces       string                 // id of the volume in the place of which it was made
	well           time.Time              // when it was mounted; zero: it has failed since
}

// retryMost is the longest pause before a volume that could not be mounted is tried again. It is tried again because,
// when a pulled disk comes back, the kernel keeps its old file system until the last open file on it is closed, and
// because a disk that failed once (a loose cable, a reset) may be well again: the kernel never uses a file system again
// that it has shut down, a new mount repairs it from its log. The pause doubles because a damaged file system stays
// damaged, and a dying disk fails again.
const retryMost = time.Minute

// wellAfter is how long a volume must have been mounted for its earlier failures to be forgotten.
const wellAfter = 10 * time.Minute

// gone is why a volume failed whose disk is not there any more.
const gone = "The disk was removed or has stopped answering."

// mount starts mounting the volume with the given UUID that was found on d.
func (m *Manager) mount(ctx context.Context, d *disk, id string, part *probe.Part) {
	if v := m.volumes[id]; v != nil && v.disk != nil && v.disk != d {
		d.use = api.DiskUseOther
		d.contents = fmt.Sprintf("a copy of volume %q, which is on disk %s", v.name, v.disk.dev.Serial)
		m.announce(d)
		return
	}
	v := m.volumes[id]
	fresh := v == nil
	if fresh {
		v = &vol{id: id, name: volume.DefaultName(id), path: m.path(id)}
		m.volumes[id] = v
	}
	v.disk, v.retry = d, time.Time{}
	d.use, d.volume = api.DiskUseVolume, id
	if v.state = isState(d, id); v.state {
		v.name = stateName
	}
	m.announce(d)
	if m.cfg.Rescue && (v.out || fresh && !m.isMounted(v.path)) {
		m.leaveOut(v)
		return
	}
	m.enter(d, mounting)
	name, err := d.device(part)
	node, path, bytes, readonly := m.cfg.Node(name), v.path, d.dev.SizeBytes, d.dev.ReadOnly
	who := volume.Identity{ID: id, Name: volume.DefaultName(id), CreatedMs: m.cfg.Now().UnixMilli(), Machine: m.cfg.Arrays.Mark}
	mended := v.mended
	if mended || d.op.Name == api.OperationNameFormat && d.op.Status == api.OperationStatusRunning {
		who.Name, who.Replaces = v.name, v.replaces
	}
	m.job(ctx, func() func() {
		fresh := who
		var use volume.Use
		if err == nil {
			err = volume.Mount(node, path, bytes, readonly)
		}
		var lost nameless
		if err == nil {
			if mended {
				err = volume.Restore(path, fresh)
			}
			if err == nil {
				who, err = m.welcome(path, fresh)
			}
			if err == nil {
				use, err = volume.Check(path)
			}
			if err == nil && !use.ReadOnly { // whenever it comes: the power may have gone just after the repair
				lost = m.handOver(path)
			}
			if err != nil {
				err = errors.Join(err, volume.Unmount(path))
			}
		}
		if err == nil && !use.ReadOnly {
			m.cfg.Attach(id, path)
		}
		return func() {
			m.mounted(ctx, d, v, who, use, err)
			if mended && err == nil {
				m.noteStrays(v, lost)
			}
		}
	})
}

// leaveOut has a volume wait, in rescue mode, for somebody to want it.
func (m *Manager) leaveOut(v *vol) {
	v.out, v.status, v.reason = true, api.VolumeStatusUnmounted, "Rescue mode: it is mounted when somebody asks for that."
}

// isMounted says whether something is mounted there: by a former run of the service.
func (m *Manager) isMounted(path string) bool {
	mounts, err := mountinfo.Read()
	return err == nil && slices.ContainsFunc(mounts, func(mt mountinfo.Mount) bool { return mt.Target == path })
}

func (m *Manager) mounted(ctx context.Context, d *disk, v *vol, who volume.Identity, use volume.Use, err error) {
	v.attached = err == nil && !use.ReadOnly
	if m.disks[d.key] != d {
		if v.disk == d || v.disk == nil {
			m.lose(ctx, v, api.VolumeFailureCauseGone, gone)
		}
		return
	}
	m.enter(d, idle)
	if errors.Is(err, volume.ErrForeign) {
		m.cfg.Log.Warn("volume refused", "disk", d.dev.Serial, "volume", v.id, "err", err)
		d.use, d.volume = api.DiskUseOther, ""
		d.contents += " (" + firstLine(err) + ")"
		m.finish(d, err)
		m.announce(d)
		delete(m.volumes, v.id)
		return
	}
	if err != nil {
		cause := api.VolumeFailureCauseErrors
		if volume.Damaged(err) {
			cause = api.VolumeFailureCauseDamaged
		}
		m.fail(v, cause, "It cannot be mounted: "+strings.TrimPrefix(firstLine(err), "mount: ")+".")
		m.retry(v)
		m.finish(d, err)
		return
	}
	if v.state {
		who.Name = stateName
	}
	v.name, v.replaces, v.foreign, v.use, v.checked, v.checking, v.well = who.Name, who.Replaces, m.another(who.Machine), use, m.cfg.Now(), time.Time{}, m.cfg.Now()
	m.finish(d, nil)
	m.healthy(v)
}

// healthy puts a volume into the state that its use says.
func (m *Manager) healthy(v *vol) {
	before, failed := v.status, v.cause
	v.status, v.reason, v.cause = api.VolumeStatusMounted, "", ""
	if v.use.ReadOnly {
		v.status, v.reason = api.VolumeStatusReadonly, "The file system cannot be written to: the disk is write-protected, or the kernel made it read-only after errors."
		m.detach(v)
		v.cause = api.VolumeFailureCauseReadonly
		if v.foreign != "" {
			v.reason, v.cause = "It is another machine's ("+v.foreign+"), and only read until somebody adopts it.", ""
		} else if failed != v.cause {
			v.since = m.cfg.Now()
			m.tellFailure(v)
		}
	}
	if failed != "" && v.cause == "" {
		m.tellWell(v)
	}
	if v.status != before {
		m.cfg.Log.Info("volume", "volume", v.id, "status", string(v.status), "path", v.path)
		words := map[api.VolumeStatus]string{api.VolumeStatusMounted: "mounted", api.VolumeStatusReadonly: "read-only"}[v.status]
		m.cfg.Console.Say("volume "+v.id, "volume %s: %s at %s, %s, %s free", v.name, words, v.path, size(v.use.SizeBytes), size(v.use.FreeBytes))
	}
}

// fail says that a volume cannot be used.
func (m *Manager) fail(v *vol, cause api.VolumeFailureCause, reason string) {
	if v.status != api.VolumeStatusFailed || v.reason != reason {
		m.cfg.Log.Error("volume", "volume", v.id, "status", "failed", "err", reason)
		m.cfg.Console.Say("volume "+v.id, "volume %s: %s", v.name, reason)
	}
	fresh := v.cause == ""
	if fresh {
		v.since = m.cfg.Now()
	}
	v.status, v.reason, v.cause = api.VolumeStatusFailed, reason, cause
	m.detach(v)
	if fresh {
		m.tellFailure(v)
	}
}

func (m *Manager) detach(v *vol) {
	if v.attached {
		v.attached = false
		m.cfg.Detach(v.id)
	}
}

// lose deals with a volume whose disk is gone: it is said, and the mount is let go of, so that the disk can come back.
func (m *Manager) lose(ctx context.Context, v *vol, cause api.VolumeFailureCause, reason string) {
	v.disk, v.checking, v.retry, v.pause, v.well, v.out = nil, time.Time{}, time.Time{}, 0, time.Time{}, false
	m.fail(v, cause, reason)
	path := v.path
	m.job(ctx, func() func() {
		err := volume.Unmount(path)
		return func() {
			if err != nil {
				m.cfg.Log.Warn("unmount", "volume", v.id, "err", err)
			}
		}
	})
}

// retry plans the next try to mount a volume.
func (m *Manager) retry(v *vol) {
	if !v.well.IsZero() && m.cfg.Now().Sub(v.well) >= wellAfter {
		v.pause = 0
	}
	v.well = time.Time{}
	v.pause = min(max(2*v.pause, m.pace.retryMount), retryMost)
	v.retry = m.cfg.Now().Add(v.pause)
}

// watch starts the checks that are due, sounds the alarm about those that hang, and mounts again what failed.
func (m *Manager) watch(ctx context.Context) {
	now := m.cfg.Now()
	for _, v := range m.volumes {
		d := v.disk
		switch {
		case d != nil && d.busy():
			if now.Sub(d.since) >= m.pace.patience && d.phase == mounting {
				m.fail(v, api.VolumeFailureCauseSilent, "Mounting it takes unusually long: its file system is put in order after a power cut, or the disk does not answer.")
			}
		case v.out:
		case !v.retry.IsZero() && now.After(v.retry) && d != nil:
			v.retry = time.Time{}
			m.look(ctx, d)
		case !v.checking.IsZero():
			if now.Sub(v.checking) >= m.pace.patience {
				m.fail(v, api.VolumeFailureCauseSilent, "The disk does not answer.")
			}
		case v.retry.IsZero() && (d != nil || v.folder) && now.Sub(v.checked) >= m.pace.check:
			m.check(ctx, v)
		}
	}
	for _, d := range m.disks {
		if d.phase == looking && now.Sub(d.since) >= m.pace.patience {
			d.contents = "does not answer"
		}
	}
}

func (m *Manager) check(ctx context.Context, v *vol) {
	v.checking = m.cfg.Now()
	began, path, d := v.checking, v.path, v.disk
	var room int64 // an array may have grown
	if d != nil && d.dev.Bus == "array" && d.parent == nil && !v.stuck {
		room = d.dev.SizeBytes
	}
	m.job(ctx, func() func() {
		use, err := volume.Check(path)
		var grown bool
		var failed error
		if err == nil && !use.ReadOnly && room > 0 {
			if grown, failed = volume.Extend(ctx, path, room); grown {
				use, err = volume.Check(path)
			}
		}
		if err != nil && d != nil { // to be mounted anew; what still has files open on it notices by itself
			err = errors.Join(err, volume.Unmount(path))
		}
		return func() {
			if v.disk != d || v.checking != began {
				return // another disk's by now
			}
			v.checked, v.checking = m.cfg.Now(), time.Time{}
			if failed != nil {
				v.stuck = true
				m.cfg.Log.Error("volume does not grow with its array", "volume", v.id, "err", failed)
			}
			if grown {
				m.cfg.Log.Info("volume has grown with its array", "volume", v.id)
			}
			if err != nil {
				m.fail(v, api.VolumeFailureCauseErrors, "It cannot be used: "+firstLine(err)+".")
				if d != nil {
					m.retry(v)
				}
				return
			}
			v.use = use
			m.healthy(v)
			if v.status == api.VolumeStatusMounted && !v.attached {
				m.attachAgain(ctx, v)
			}
		}
	})
}

// attachAgain follows a volume that came back by itself: a disk that hung for a while.
func (m *Manager) attachAgain(ctx context.Context, v *vol) {
	v.attached = true
	id, path := v.id, v.path
	m.job(ctx, func() func() {
		m.cfg.Attach(id, path)
		return func() {}
	})
}

// dropStale lets go of mounts that a former run of the service left behind and whose disks are gone.
func (m *Manager) dropStale() {
	mounts, err := mountinfo.Read()
	if err != nil {
		m.cfg.Log.Error("mount table", "err", err)
		return
	}
	for _, mt := range mounts {
		if filepath.Dir(mt.Target) != m.cfg.Root || !volume.Gone(mt) {
			continue
		}
		if err := volume.Unmount(mt.Target); err != nil {
			m.cfg.Log.Warn("unmount", "path", mt.Target, "err", err)
		}
	}
}

// firstLine is an error as it can stand in a sentence.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimRight(line, ".")
}
