package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vigie/installer/layout"
	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/install"
	"vigie/services/system/internal/volume"
)

// settingsWithin is how long configuration, accounts and index may take to be on a new STATE.
const settingsWithin = 2 * time.Minute

// installAsk is an administrator's wish to install the machine on a disk.
type installAsk struct {
	disk, serial string
	data         bool
	reply        chan error
}

// installing is an installation that has written its disk, and now waits for the settings to be on it.
type installing struct {
	activate func(context.Context) error
	begun    time.Time
	copying  bool // a job waits for the copies
}

// Install starts installing this machine on a disk. It returns when the work has begun or was refused, with an answer for
// people; the rest is in the disk's operation.
func (m *Manager) Install(ctx context.Context, disk string, r api.InstallRequest) error {
	a := installAsk{disk, r.ConfirmSerial, r.DataVolume, make(chan error, 1)}
	return put(ctx, m.installAsks, a, a.reply)
}

// Installable says for each disk whether the machine can be installed on it.
func (m *Manager) Installable(ctx context.Context) ([]api.InstallDisk, error) {
	out := make(chan []api.InstallDisk, 1)
	work := func() {
		list := []api.InstallDisk{}
		for _, shown := range m.diskList() {
			entry := api.InstallDisk{Disk: shown.ID, Offered: true}
			var problem *answer.Problem
			if errors.As(m.refuseInstall(m.shown(shown.ID), false), &problem) {
				entry.Offered, entry.Reason = false, problem.Detail.Message
			}
			list = append(list, entry)
		}
		out <- list
	}
	select {
	case m.results <- work:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return <-out, nil
}

// shown is the disk with this id, of those that people know; nil: none.
func (m *Manager) shown(id string) *disk {
	for _, d := range m.disks {
		if d.dev.ID == id && !d.hidden && d.parent == nil {
			return d
		}
	}
	return nil
}

// refuseInstall says why the machine cannot be installed on a disk, if it cannot.
func (m *Manager) refuseInstall(d *disk, data bool) error {
	refuse := func(code, message string) error { return answer.Refuse(http.StatusConflict, code, message) }
	least := int64(layout.MinBytes)
	if data {
		least += volume.MinSize
	}
	switch {
	case m.cfg.Observe:
		return refuse("observe", "Vigie only observes this machine; nothing is installed.")
	case d == nil:
		return answer.Refuse(http.StatusNotFound, "no_disk", "There is no such disk; it may have been removed.")
	case d.use == api.DiskUseBoot:
		return refuse("boot_medium", "Vigie was started from this disk.")
	case d.dev.ReadOnly || d.dev.Optical:
		return refuse("readonly", "The disk cannot be written to; it may be write-protected.")
	case d.use == api.DiskUseArray:
		return refuse("array", "The disk is a part of an array.")
	case d.use == api.DiskUseVolume:
		return refuse("volume", "The disk is a data volume with recordings. Format another disk, or this one elsewhere, to install on it.")
	case d.use == api.DiskUseSystem && m.cfg.Installed:
		return refuse("system", "The disk holds an installed system. To install on it anew, start the machine from the installation medium.")
	case d.use != api.DiskUseSystem && len(m.users(d)) > 0:
		return refuse("in_use", fmt.Sprintf("The disk is in use (%s).", strings.Join(m.users(d), ", ")))
	case m.media[d.key].used():
		return refuse("in_use", "The disk is mounted for exports. Eject it on the Exports page, pull it and plug it in again.")
	case d.dev.SizeBytes < least:
		return refuse("too_small", fmt.Sprintf("The disk has %s; this needs %s.", size(d.dev.SizeBytes), size(least)))
	case d.op.Status == api.OperationStatusRunning:
		return refuse("busy", "The disk is being written to.")
	case d.busy():
		return refuse("busy", "The disk is still being looked at. Try again in a moment.")
	}
	return nil
}

// install checks a wish, and begins. Called by Run.
func (m *Manager) install(ctx context.Context, a installAsk) error {
	d := m.shown(a.disk)
	if err := m.refuseInstall(d, a.data); err != nil {
		return err
	}
	if a.serial != d.dev.Serial {
		return wrongSerial("confirmSerial", "the disk")
	}
	m.leaveSystem(ctx, d)
	m.enter(d, formatting)
	d.op = api.Operation{Name: api.OperationNameInstall, Status: api.OperationStatusRunning, Message: "Starting."}
	m.cfg.Log.Info("install", "disk", d.dev.Serial, "data", a.data)
	m.say(d, "installing Vigie on it")
	step := func(s install.Step) {
		select {
		case m.results <- func() { d.op.Message, d.op.Percent = "Working: "+s.What+".", s.Percent }:
		case <-ctx.Done():
		}
	}
	name := d.name
	target := install.Target{
		Node: m.cfg.Node(name), Serial: d.dev.Serial, Seq: d.dev.Seq, Bytes: d.dev.SizeBytes, Rotational: d.dev.Rotational, Data: a.data,
		Part: func(number int) string { return m.cfg.Node(partName(name, number)) },
	}
	var sources []install.Source
	for _, each := range m.disks {
		if each.use == api.DiskUseBoot {
			sources = append(sources, install.Source{Node: m.cfg.Node(each.name)})
		}
		if each.use == api.DiskUseSystem && m.cfg.Installed && each != d {
			for _, number := range []int{3, 4} {
				sources = append(sources, install.Source{Node: m.cfg.Node(partName(each.name, number)), Slot: true})
			}
		}
	}
	m.job(ctx, func() func() {
		activate, err := m.cfg.Install(ctx, target, sources, step)
		return func() { m.written(ctx, d, activate, err) }
	})
	return nil
}

// partName is the kernel's name of a partition.
func partName(disk string, number int) string {
	if last := disk[len(disk)-1]; last >= '0' && last <= '9' {
		return fmt.Sprintf("%sp%d", disk, number)
	}
	return fmt.Sprintf("%s%d", disk, number)
}

// written goes on once the disk was written, or not.
func (m *Manager) written(ctx context.Context, d *disk, activate func(context.Context) error, err error) {
	if m.disks[d.key] != d {
		return
	}
	m.enter(d, idle)
	m.scan(ctx, "") // the kernel shows other partitions now
	if err != nil {
		m.endInstall(d, err)
	} else {
		d.op.Message, d.op.Percent = "Working: copying the settings.", 90
		d.install = &installing{activate: activate, begun: m.cfg.Now()}
	}
	m.look(ctx, d)
}

// goOn looks at installations that wait for their settings.
func (m *Manager) goOn(ctx context.Context) {
	for _, d := range m.disks {
		i := d.install
		if i == nil || i.copying {
			continue
		}
		late := m.cfg.Now().Sub(i.begun) > settingsWithin
		for _, v := range m.volumes {
			if v.state && v.disk != nil && v.disk.parent == d && v.status == api.VolumeStatusMounted {
				i.copying = true
				m.copySettings(ctx, d, v.path)
			}
		}
		if late && !i.copying {
			m.endInstall(d, errors.New("its settings partition cannot be mounted"))
		}
	}
}

// copySettings waits until configuration, accounts and index are on STATE, where their services copy them to, and then makes
// the disk one that a machine starts from.
func (m *Manager) copySettings(ctx context.Context, d *disk, state string) {
	activate := d.install.activate
	m.job(ctx, func() func() {
		err := copied(ctx, state)
		if err == nil {
			err = activate(ctx)
		}
		return func() {
			if m.disks[d.key] == d {
				m.endInstall(d, err)
				m.look(ctx, d)
			}
		}
	})
}

// copied waits for the first copies of the databases, and flushes them. The configuration is there since the volume was
// attached.
func copied(ctx context.Context, state string) error {
	deadline := time.Now().Add(settingsWithin)
	for _, copies := range []string{"vigie/accounts/*.snap", "vigie/index/*.snap"} {
		for {
			found, err := filepath.Glob(filepath.Join(state, copies))
			if err == nil && len(found) > 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("no copy has come to %s", filepath.Dir(copies))
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	f, err := os.Open(state)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// endInstall ends the operation.
func (m *Manager) endInstall(d *disk, err error) {
	d.install = nil
	if err == nil {
		next := "Take the medium out and restart."
		if m.cfg.Installed {
			next = "The machine starts from it, should the other one fail."
		}
		d.op.Status, d.op.Message, d.op.Percent = api.OperationStatusDone, "Vigie is installed on this disk. "+next, 100
		m.say(d, "Vigie is installed on it")
		return
	}
	d.op.Status, d.op.Message = api.OperationStatusFailed, failure(err)
	m.cfg.Log.Error("install", "disk", d.dev.Serial, "err", err)
	m.say(d, "installing failed: %s", firstLine(err))
}
