package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/volume"
)

// ask is an administrator's wish to format a disk.
type ask struct {
	disk, serial, name string
	replaces           string // volume
	reply              chan error
}

// Format starts making a disk a data volume. It returns when the work has begun or was refused, with an answer for
// people; the rest is in the disk's operation.
func (m *Manager) Format(ctx context.Context, disk string, r api.FormatRequest) error {
	if why := volume.CheckName(r.Name); why != "" {
		return answer.Field("name", "bad_name", why)
	}
	a := ask{disk, r.ConfirmSerial, r.Name, r.Replaces, make(chan error, 1)}
	return put(ctx, m.asks, a, a.reply)
}

// put hands a wish to Run, and waits for its reply.
func put[A any](ctx context.Context, to chan<- A, wish A, reply <-chan error) error {
	select {
	case to <- wish:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// format checks a wish. Called by Run.
func (m *Manager) format(ctx context.Context, a ask) error {
	refuse := func(code, message string) error { return answer.Refuse(http.StatusConflict, code, message) }
	if m.cfg.Observe {
		return refuse("observe", "Vigie only observes this machine; disks are not formatted.")
	}
	var d *disk
	for _, each := range m.disks {
		if each.dev.ID == a.disk && !each.hidden && each.parent == nil {
			d = each
		}
	}
	if d == nil {
		return noDisk()
	}
	v := m.volumes[d.volume]
	switch {
	case a.serial != d.dev.Serial:
		return wrongSerial("confirmSerial", "the disk")
	case d.use == api.DiskUseSystem:
		return refuse("system_disk", "The disk holds an installed system; it cannot be a data volume.")
	case d.use == api.DiskUseBoot:
		return refuse("boot_medium", "Vigie was started from this disk; it cannot be a data volume.")
	case d.volume == "" && len(m.users(d)) > 0:
		return refuse("in_use", fmt.Sprintf("The disk is in use (%s). Nothing was changed.", strings.Join(m.users(d), ", ")))
	case d.phase == formatting || d.op.Status == api.OperationStatusRunning:
		return refuse("busy", "This disk is already being formatted.")
	case d.busy():
		return refuse("busy", "The disk is still being looked at. Try again in a moment.")
	case d.dev.ReadOnly || d.dev.Optical:
		return refuse("readonly", "The disk cannot be written to; it may be write-protected.")
	case v != nil && v.disk == d && v.status != api.VolumeStatusFailed:
		return refuse("mounted", fmt.Sprintf("The disk holds the data volume %q, which is in use.", v.name))
	case m.media[d.key].used():
		return refuse("in_use", "The disk is mounted for exports. Eject it on the Exports page, pull it and plug it in again.")
	case d.dev.SizeBytes < volume.MinSize:
		return refuse("too_small", fmt.Sprintf("The disk has %s; a data volume needs at least 300 MiB.", size(d.dev.SizeBytes)))
	}
	old, err := m.replaced(d, a.replaces)
	if err != nil {
		return err
	}
	name := a.name
	if old != nil && name == "" {
		name = old.name
	}
	if err := m.nameTaken(name, old, v); err != nil {
		return err
	}
	if v != nil && v.disk == d && v != old {
		m.forget(v) // failed; its mount is let go of below
	}
	if old != nil {
		m.tellReplaced(d, old)
		m.forget(old)
	}
	m.startFormat(ctx, d, name, a.replaces)
	return nil
}

func (m *Manager) startFormat(ctx context.Context, d *disk, name, replaces string) {
	id := uuid.NewString()
	if name == "" {
		name = volume.DefaultName(id)
	}
	m.enter(d, formatting)
	old := d.volume
	d.volume = ""
	d.op = api.Operation{Name: api.OperationNameFormat, Status: api.OperationStatusRunning, Message: "Starting."}
	m.cfg.Log.Info("format", "disk", d.dev.Serial, "volume", id)
	m.say(d, "formatting as volume %s", name)
	node, seq, rotational := m.cfg.Node(d.name), d.dev.Seq, d.dev.Rotational
	step := func(what string) {
		select {
		case m.results <- func() { d.op.Message = "Working: " + what + "." }:
		case <-ctx.Done():
		}
	}
	m.job(ctx, func() func() {
		var err error
		if old != "" {
			err = volume.Unmount(m.path(old))
		}
		if err == nil {
			err = volume.Format(ctx, node, seq, id, rotational, step)
		}
		return func() { m.formatted(ctx, d, id, name, replaces, err) }
	})
}

func (m *Manager) formatted(ctx context.Context, d *disk, id, name, replaces string, err error) {
	if m.disks[d.key] != d {
		return
	}
	m.enter(d, idle)
	if err != nil {
		m.finish(d, err)
		m.look(ctx, d) // what is on it now is anybody's guess
		return
	}
	d.op.Message = "Working: mounting the new volume."
	d.contents = `XFS file system "vigie"`
	m.volumes[id] = &vol{id: id, name: name, replaces: replaces, path: m.path(id)}
	m.mount(ctx, d, id, nil)
}

// finish ends the disk's operation, when one runs.
func (m *Manager) finish(d *disk, err error) {
	if d.op.Status != api.OperationStatusRunning {
		return
	}
	if err == nil {
		d.op.Status, d.op.Message = api.OperationStatusDone, "The disk is a data volume now."
		return
	}
	d.op.Status, d.op.Message = api.OperationStatusFailed, failure(err)
	if errors.Is(err, volume.ErrInUse) {
		d.op.Message = "Something uses the disk (it is mounted, or part of an array). Nothing was changed."
	}
	m.cfg.Log.Error("format", "disk", d.dev.Serial, "err", err)
	m.say(d, "formatting failed: %s", firstLine(err))
}
