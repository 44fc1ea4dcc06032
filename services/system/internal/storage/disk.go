package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// disk is what is known about one appearance of a disk. It belongs to Run.
type disk struct {
	key
	dev      blockdev.Disk
	phase    phase
	since    time.Time // of the phase
	use      api.DiskUse
	contents string
	found    probe.Result
	hidden   bool   // a drive without a medium
	volume   string // id of the volume on it
	op       api.Operation
	parent   *disk       // it is a partition of this system disk
	install  *installing // nil: none waits
	late     bool        // it has an answer file, and was not there when the machine started
}

// phase is what a job is doing with the disk.
type phase int

const (
	idle phase = iota
	looking
	mounting
	formatting
	caring // its volume is unmounted, and checked or repaired
)

func (d *disk) busy() bool { return d.phase != idle }

func (m *Manager) enter(d *disk, p phase) { d.phase, d.since = p, m.cfg.Now() }

// look starts reading what is on a disk.
func (m *Manager) look(ctx context.Context, d *disk) {
	m.enter(d, looking)
	if d.volume == "" {
		d.use, d.contents = api.DiskUseOther, "being looked at"
	}
	node, size := m.cfg.Node(d.name), d.dev.SizeBytes
	m.job(ctx, func() func() {
		found, err := read(ctx, node, size)
		return func() { m.looked(ctx, d, found, err) }
	})
}

// read probes a disk. The node may appear a moment after the disk does.
func read(ctx context.Context, node string, size int64) (probe.Result, error) {
	for try := 0; ; try++ {
		f, err := os.Open(node)
		if err == nil {
			defer f.Close()
			return probe.Probe(f, size)
		}
		if !errors.Is(err, os.ErrNotExist) || try == 20 {
			return probe.Result{}, err
		}
		select {
		case <-ctx.Done():
			return probe.Result{}, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// looked decides what a disk is for.
func (m *Manager) looked(ctx context.Context, d *disk, found probe.Result, err error) {
	if m.disks[d.key] != d {
		return // pulled meanwhile
	}
	m.enter(d, idle)
	d.hidden = errors.Is(err, unix.ENOMEDIUM)
	d.found, d.contents = found, found.Describe()
	if len(found.Members()) > 0 {
		m.watchArrays(ctx) // at once: storage does not count as settled while an array waits for its disks
	}
	boot := func(c probe.Content) bool { return c.Kind == "iso9660" && c.Label == m.cfg.BootLabel }
	ours := func(c probe.Content) bool {
		return isVolume(c) || c.Kind == "xfs" && c.UUID != "" && c.Label == volume.StateLabel && d.parent != nil
	}
	systemParts, complete := systemParts(found)
	_, _, isBoot := found.Find(boot)
	c, part, isOurs := found.Find(ours)
	if isOurs && (part == nil && found.Member != nil || part != nil && part.Member != nil) {
		isOurs = false // one side of a mirror whose superblock stands at the end: the file system is the array's
	}
	if v := m.volumes[d.volume]; v != nil && v.disk == d && err != nil {
		m.fail(v, api.VolumeFailureCauseErrors, "The disk cannot be read: "+plain(err)+".")
		m.retry(v)
		return
	}
	if len(systemParts) > 0 && (complete || d.install != nil) && !m.cfg.Observe && err == nil {
		m.useSystem(ctx, d, systemParts)
		return
	}
	if d.volume != "" && !isOurs {
		if v := m.volumes[d.volume]; v != nil {
			m.forget(v) // it was there a moment ago; somebody else has written to the disk
		}
		d.volume = ""
	}
	switch {
	case err != nil:
		d.use, d.contents = api.DiskUseOther, "cannot be read: "+plain(err)
		m.cfg.Log.Warn("disk cannot be read", "disk", d.dev.Serial, "err", plain(err))
	case isBoot:
		d.use = api.DiskUseBoot
	case len(systemParts) > 0 && !complete:
		d.use, d.contents = api.DiskUseOther, "an installation of Vigie that did not come to its end"
	case isOurs && !m.cfg.Observe:
		m.mount(ctx, d, c.UUID, part)
		return
	case len(found.Members()) > 0:
		d.use = api.DiskUseArray
	case found.Blank:
		d.use = api.DiskUseBlank
	default:
		d.use = api.DiskUseOther
	}
	m.meet(d, found, err)
	m.announce(d)
	m.meetAnswers(d)
	if d.use == api.DiskUseBlank && m.cfg.FormatBlank && !m.cfg.Observe && !d.dev.Removable && !d.dev.Optical && !d.dev.ReadOnly &&
		d.dev.SizeBytes >= volume.MinSize && !m.settled && d.op.Status == "" {
		m.startFormat(ctx, d, "", "")
	}
}

// isVolume tells whether a content looks like a data volume.
func isVolume(c probe.Content) bool {
	return c.Kind == "xfs" && c.UUID != "" && c.Label == volume.Label
}

// gone deals with a disk that was pulled or died.
func (m *Manager) gone(ctx context.Context, d *disk) {
	if !d.hidden && !d.dev.Optical && d.parent == nil {
		m.cfg.Log.Warn("disk is gone", "disk", d.dev.Serial, "slot", d.dev.Slot)
		m.say(d, "gone (%s)", orUnknown(d.dev.Model))
	}
	if v := m.volumes[d.volume]; v != nil && v.disk == d && v.out {
		m.forget(v) // somebody wanted that
	} else if v != nil && v.disk == d {
		m.lose(ctx, v, api.VolumeFailureCauseGone, gone)
	}
	m.pulled(ctx, d)
}

// announce tells the installer about a disk.
func (m *Manager) announce(d *disk) {
	if d.parent != nil || d.hidden || d.dev.Optical && d.use != api.DiskUseBoot {
		return
	}
	use := map[api.DiskUse]string{
		api.DiskUseBlank: "blank", api.DiskUseBoot: "the boot medium", api.DiskUseOther: "not ours: " + d.contents,
		api.DiskUseVolume: "data volume", api.DiskUseSystem: "Vigie's system", api.DiskUseArray: d.contents, api.DiskUseBusy: "in use: " + strings.Join(m.users(d), ", "),
	}[m.use(d)]
	where := ""
	if d.dev.Slot != "" {
		where = ", " + d.dev.Slot
	}
	m.say(d, "%s, %s%s, %s", orUnknown(d.dev.Model), size(d.dev.SizeBytes), where, use)
}

// say puts a line about a disk on the console. People know it by its serial: the kernel's name for it says nothing about
// which one to pull.
func (m *Manager) say(d *disk, format string, args ...any) {
	m.cfg.Console.Say("disk "+d.dev.ID, "disk %s: %s", d.dev.Serial, fmt.Sprintf(format, args...))
}

// use is what a disk is for at the moment: what was found on it, unless something that is not ours uses it.
func (m *Manager) use(d *disk) api.DiskUse {
	if (d.use == api.DiskUseBlank || d.use == api.DiskUseOther) && len(m.users(d)) > 0 {
		return api.DiskUseBusy
	}
	return d.use
}

// users says in words what uses a disk, but for mounts of this service.
func (m *Manager) users(d *disk) []string {
	var out []string
	for _, u := range d.dev.Users {
		switch {
		case u.Kind == blockdev.Swap:
			out = append(out, "swap space")
		case u.Kind == blockdev.Holder && strings.HasPrefix(u.Name, "md"):
			out = append(out, "an array that runs")
		case u.Kind == blockdev.Holder:
			out = append(out, "an encrypted or logical volume")
		case filepath.Dir(u.Name) != m.cfg.Root:
			out = append(out, "mounted at "+u.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// device returns the name of the node that holds a partition, or the disk itself.
func (d *disk) device(part *probe.Part) (string, error) {
	if part == nil {
		return d.name, nil
	}
	for _, p := range d.dev.Parts {
		if p.Start == part.Start {
			return p.Name, nil
		}
	}
	return "", fmt.Errorf("the kernel does not show partition %d", part.Number)
}

func orUnknown(model string) string {
	if model == "" {
		return "unknown model"
	}
	return model
}

// size is a number of bytes as it is printed on a disk's label.
func size(n int64) string {
	for _, u := range []struct {
		unit int64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}} {
		if n >= u.unit {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.unit), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// plain is an error without the path that the reader knows anyway.
func plain(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
