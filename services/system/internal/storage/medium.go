package storage

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/medium"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// med is a removable disk that exports can go to. It belongs to Run.
type med struct {
	disk     *disk
	found    medium.Found
	status   api.MediumStatus
	reason   string
	folder   string // mounted: for exports
	use      volume.Use
	checked  time.Time
	stopping bool         // it is unmounted, and its disk is being stopped
	waiting  []chan error // who asked for it to be mounted or ejected
}

// used tells whether a medium is mounted, or about to be. It may be called on nil.
func (x *med) used() bool {
	return x != nil && (x.status == api.MediumStatusMounting || x.status == api.MediumStatusMounted || x.status == api.MediumStatusEjecting)
}

// mediumAsk is a wish to have a medium mounted or ejected.
type mediumAsk struct {
	id    string
	eject bool
	reply chan error
}

// MountMedium makes a medium ready to be written to; EjectMedium lets go of it. Both return when that is done, or with an
// answer for people.
func (m *Manager) MountMedium(ctx context.Context, id string) error {
	return m.askMedium(ctx, mediumAsk{id, false, make(chan error, 1)})
}

// EjectMedium: see MountMedium.
func (m *Manager) EjectMedium(ctx context.Context, id string) error {
	return m.askMedium(ctx, mediumAsk{id, true, make(chan error, 1)})
}

func (m *Manager) askMedium(ctx context.Context, a mediumAsk) error {
	return put(ctx, m.mediaAsks, a, a.reply)
}

// meet notes what a disk that was looked at has for exports. Only disks that can be pulled count, and of these none that
// holds the system, a volume, or a part of something larger.
func (m *Manager) meet(d *disk, found probe.Result, err error) {
	if m.media[d.key].used() {
		return
	}
	delete(m.media, d.key)
	if err != nil || m.cfg.Observe || d.use != api.DiskUseOther || !d.dev.Removable || d.dev.Optical {
		return
	}
	if f, ok := medium.Find(found); ok {
		m.media[d.key] = &med{disk: d, found: f, status: api.MediumStatusPresent}
	}
}

// pulled deals with a medium whose disk is gone.
func (m *Manager) pulled(ctx context.Context, d *disk) {
	x := m.media[d.key]
	if x == nil {
		return
	}
	delete(m.media, d.key)
	if x.stopping || x.status == api.MediumStatusEjected {
		return // its port loses its power; whoever asked for that is told when it has: the kernel bears no pulling meanwhile
	}
	m.reply(x, answer.Refuse(http.StatusConflict, "gone", "The USB disk was pulled."))
	if x.used() {
		m.cfg.Log.Warn("medium was pulled while it was mounted", "disk", d.dev.Serial)
		m.letGo(ctx, m.mediumPath(d))
	}
}

// letGo unmounts what is there no more.
func (m *Manager) letGo(ctx context.Context, path string) {
	m.job(ctx, func() func() {
		err := volume.Unmount(path)
		return func() {
			if err != nil {
				m.cfg.Log.Warn("unmount", "path", path, "err", err)
			}
		}
	})
}

func (m *Manager) mediumPath(d *disk) string { return m.path("medium-" + d.dev.ID) }

// answerMedium begins what was asked for. Called by Run.
func (m *Manager) answerMedium(ctx context.Context, a mediumAsk) {
	var x *med
	for _, each := range m.media {
		if each.disk.dev.ID == a.id {
			x = each
		}
	}
	refuse := func(code, text string) { m.respond(a.reply, answer.Refuse(http.StatusConflict, code, text)) }
	switch {
	case m.cfg.Observe:
		refuse("observe", "Vigie only observes this machine; nothing is mounted.")
	case x == nil:
		m.respond(a.reply, answer.Refuse(http.StatusNotFound, "no_medium", "There is no such USB disk; it may have been pulled. Plug it in again."))
	case x.status == api.MediumStatusEjected:
		if a.eject {
			m.respond(a.reply, nil)
		} else {
			refuse("ejected", "This USB disk was ejected. Pull it and plug it in again to use it.")
		}
	case x.disk.busy() && !x.used():
		refuse("busy", "The disk is still being looked at. Try again in a moment.")
	case a.eject && x.status == api.MediumStatusMounting, !a.eject && x.status == api.MediumStatusEjecting:
		refuse("busy", "The disk is being mounted or ejected. Try again in a moment.")
	case !a.eject && x.status == api.MediumStatusMounted:
		m.respond(a.reply, nil)
	case !a.eject && x.disk.dev.ReadOnly:
		refuse("readonly", "The USB disk is write-protected.")
	default:
		x.waiting = append(x.waiting, a.reply)
		if x.status == api.MediumStatusMounting || x.status == api.MediumStatusEjecting {
			return
		}
		if a.eject {
			m.eject(ctx, x)
		} else {
			m.mountMedium(ctx, x)
		}
	}
}

func (m *Manager) mountMedium(ctx context.Context, x *med) {
	x.status, x.reason = api.MediumStatusMounting, ""
	name, err := x.disk.device(x.found.Part)
	node, path, kind := m.cfg.Node(name), m.mediumPath(x.disk), x.found.Kind
	m.job(ctx, func() func() {
		var folder string
		var use volume.Use
		if err == nil {
			folder, err = medium.Mount(node, path, kind)
		}
		if err == nil {
			use, err = volume.Check(path)
		}
		return func() { m.mediumMounted(ctx, x, folder, use, err) }
	})
}

func (m *Manager) mediumMounted(ctx context.Context, x *med, folder string, use volume.Use, err error) {
	if m.media[x.disk.key] != x {
		m.letGo(ctx, m.mediumPath(x.disk)) // pulled meanwhile
		return
	}
	if err != nil {
		x.status, x.reason = api.MediumStatusFailed, "It cannot be used: "+firstLine(err)+"."
		m.cfg.Log.Warn("medium cannot be mounted", "disk", x.disk.dev.Serial, "err", err)
		m.reply(x, answer.Refuse(http.StatusConflict, "unusable", x.reason))
		return
	}
	x.status, x.folder, x.use, x.checked = api.MediumStatusMounted, folder, use, m.cfg.Now()
	m.cfg.Log.Info("medium", "disk", x.disk.dev.Serial, "filesystem", x.found.System, "status", "mounted")
	m.reply(x, nil)
}

// eject unmounts a medium and stops its disk.
func (m *Manager) eject(ctx context.Context, x *med) {
	was := x.status
	x.status = api.MediumStatusEjecting
	node, name, serial, path := m.cfg.Node(x.disk.name), x.disk.name, x.disk.dev.Serial, m.mediumPath(x.disk)
	m.job(ctx, func() func() {
		err := medium.Unmount(path)
		return func() {
			if err != nil {
				m.notEjected(x, was, err)
				return
			}
			x.stopping, x.folder = true, ""
			m.job(ctx, func() func() {
				err := m.cfg.PowerOff(node, name)
				return func() {
					x.stopping, x.status = false, api.MediumStatusEjected
					m.cfg.Log.Info("medium", "disk", serial, "status", "ejected", "stopped", err == nil)
					m.reply(x, nil)
				}
			})
		}
	})
}

func (m *Manager) notEjected(x *med, was api.MediumStatus, err error) {
	x.status = was
	if errors.Is(err, medium.ErrBusy) {
		m.reply(x, answer.Refuse(http.StatusConflict, "in_use", "An export is being written to this USB disk. Wait for its end, or stop it first."))
		return
	}
	m.cfg.Log.Error("medium cannot be ejected", "disk", x.disk.dev.Serial, "err", err)
	m.reply(x, answer.Refuse(http.StatusConflict, "unusable", "The USB disk cannot be ejected: "+firstLine(err)+"."))
}

func (m *Manager) reply(x *med, err error) {
	for _, w := range x.waiting {
		m.respond(w, err)
	}
	x.waiting = nil
}

// watchMedia asks mounted media how full they are.
func (m *Manager) watchMedia(ctx context.Context) {
	for _, x := range m.media {
		if x.status != api.MediumStatusMounted || x.checked.IsZero() || m.cfg.Now().Sub(x.checked) < m.pace.check {
			continue
		}
		x.checked = time.Time{} // until the answer is there
		path := m.mediumPath(x.disk)
		m.job(ctx, func() func() {
			use, err := volume.Check(path)
			return func() {
				if x.checked = m.cfg.Now(); err == nil {
					x.use = use
				}
			}
		})
	}
}

func (m *Manager) mediumList() []api.Medium {
	var out []api.Medium
	for _, x := range m.media {
		a := api.Medium{ID: x.disk.dev.ID, Name: medium.Name(x.found.Label, x.disk.dev.Model), Filesystem: x.found.System,
			SizeBytes: x.disk.dev.SizeBytes, FileLimitBytes: x.found.Limit, Status: x.status, Reason: x.reason}
		if x.found.Part != nil {
			a.SizeBytes = x.found.Part.Size
		}
		if x.status == api.MediumStatusMounted {
			a.SizeBytes, a.FreeBytes, a.Path = x.use.SizeBytes, x.use.FreeBytes, x.folder
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b api.Medium) int { return strings.Compare(a.ID, b.ID) })
	return out
}
