package storage

import (
	"cmp"
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

// What people are told of a volume that cannot be used: what happened to it, since when, where its disk is or was, and what to
// do next. The steps are made anew with each look at the disks, so that they go on by themselves: once another disk is there,
// they say so.

// noteEvery is how often it is noted that a volume is in use, and where.
const noteEvery = time.Hour

// placeOf is where a volume is.
func placeOf(name string, d *disk, now time.Time) diskbook.Volume {
	return diskbook.Volume{Name: name, Disk: d.dev.ID, Serial: d.dev.Serial, Model: d.dev.Model, Slot: d.dev.Slot, SizeBytes: d.dev.SizeBytes, SeenMs: now.UnixMilli()}
}

// notePlaces keeps what is known of where volumes are.
func (m *Manager) notePlaces() {
	now := m.cfg.Now()
	for _, v := range m.volumes {
		if v.status != api.VolumeStatusMounted || v.disk == nil || v.state {
			continue
		}
		place := placeOf(v.name, v.disk, now)
		if was := v.place.SeenMs; now.UnixMilli()-was < noteEvery.Milliseconds() {
			place.SeenMs = was
		}
		if place != v.place {
			v.place = place
			m.cfg.Book.NoteVolume(v.id, place)
		}
	}
}

// missVolumes takes up, once, the volumes that were in use before the machine started and are not there.
func (m *Manager) missVolumes() {
	for id, place := range m.cfg.Book.Volumes() {
		if m.volumes[id] != nil || m.cfg.Observe || m.cfg.Rescue {
			continue
		}
		v := &vol{id: id, name: place.Name, path: m.path(id), place: place}
		m.volumes[id] = v
		m.fail(v, api.VolumeFailureCauseMissing, "Its disk was not there when the machine started.")
		v.since = time.UnixMilli(place.SeenMs)
	}
}

// forget lets go of a volume that is there no more, for good.
func (m *Manager) forget(v *vol) {
	delete(m.volumes, v.id)
	m.cfg.Book.ForgetVolume(v.id)
}

// forgetVolume is an administrator's wish to be told of a volume no more.
func (m *Manager) forgetVolume(v *vol) error {
	if v.disk != nil || v.folder || v.status != api.VolumeStatusFailed {
		return refuse("present", "The volume is there. Only one whose disk is out can be forgotten.")
	}
	m.cfg.Log.Info("volume is forgotten", "volume", v.id, "name", v.name)
	m.forget(v)
	return nil
}

// replaced says which volume a new one on d is to take the place of, and checks that it may.
func (m *Manager) replaced(d *disk, id string) (*vol, error) {
	if id == "" {
		return nil, nil
	}
	v := m.volumes[id]
	switch {
	case v == nil:
		return nil, answer.Refuse(http.StatusNotFound, "no_volume", "There is no such volume to be replaced.")
	case v.state || v.folder || v.status != api.VolumeStatusFailed:
		return nil, refuse("not_failed", fmt.Sprintf("The volume %q has not failed. Only one that has can be replaced.", v.name))
	case v.disk != nil && v.disk != d:
		return nil, refuse("present", fmt.Sprintf("The disk of the volume %q, %s, is still there. Pull it first.", v.name, v.disk.dev.Serial))
	}
	return v, nil
}

// failureOf is what is told of a volume that has failed.
func (m *Manager) failureOf(v *vol) api.VolumeFailure {
	if v.folder || v.state || v.cause == "" {
		return api.VolumeFailure{}
	}
	place := v.place
	if v.disk != nil {
		place = placeOf(v.name, v.disk, m.cfg.Now())
	}
	f := api.VolumeFailure{Cause: v.cause, SinceMs: v.since.UnixMilli(), Serial: place.Serial, Model: place.Model, Slot: place.Slot, SizeBytes: place.SizeBytes}
	if v.disk == nil && place.Serial != "" {
		f.Spares = m.sparesFor(place.SizeBytes)
	}
	f.Steps = m.steps(v, place, f.Spares)
	return f
}

// sparesFor are the ids of fixed disks that could take another one's place: nothing that is ours is on them, and nothing uses
// them. Smaller ones will do, as recordings go where there is room; those that are blank and large enough come first.
func (m *Manager) sparesFor(bytes int64) []string {
	var fit []*disk
	for _, d := range m.disks {
		use := m.use(d)
		if d.parent == nil && !d.hidden && !d.busy() && !d.dev.Removable && !d.dev.Optical && !d.dev.ReadOnly && d.dev.SizeBytes >= volume.MinSize &&
			(use == api.DiskUseBlank || use == api.DiskUseOther) && d.op.Status != api.OperationStatusRunning && !m.media[d.key].used() && !m.foreign(d) {
			fit = append(fit, d)
		}
	}
	rank := func(d *disk) int {
		switch blank, large := m.use(d) == api.DiskUseBlank, d.dev.SizeBytes >= bytes; {
		case blank && large:
			return 0
		case blank:
			return 1
		}
		return 2
	}
	slices.SortFunc(fit, func(a, b *disk) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a.dev.ID, b.dev.ID)) })
	var out []string
	for _, d := range fit {
		out = append(out, d.dev.ID)
	}
	return out
}

// foreign tells whether a disk holds a data volume that cannot be used here, or a copy of one.
func (m *Manager) foreign(d *disk) bool {
	_, _, ours := d.found.Find(isVolume)
	return ours
}

// steps says what to do about a volume that has failed.
func (m *Manager) steps(v *vol, place diskbook.Volume, spares []string) []string {
	where := "the disk " + place.Serial
	if place.Slot != "" {
		where += " (" + place.Slot + ")"
	}
	array := v.disk != nil && v.disk.dev.Bus == "array" || strings.HasPrefix(place.Serial, "RAID-")
	again := fmt.Sprintf("Pull %s and plug it in again. It is also tried again by itself, each minute.", where)
	if array {
		again = "Look at the array and its disks below. It is also tried again by itself, each minute."
	}
	replace := fmt.Sprintf("Should it fail again: pull it, and put another disk in its place, best one of %s or more. The rest is asked for here.", size(place.SizeBytes))
	keep := "What was recorded to the old disk shows as absent meanwhile, and is there again should that disk ever be plugged in."
	switch v.cause {
	case api.VolumeFailureCauseGone, api.VolumeFailureCauseMissing:
		first := fmt.Sprintf("Look whether %s is firmly in its place, with its cables. Once it is seen again it is used at once, with all that is on it.", where)
		if array {
			first = "The volume is on an array, which does not run: look at the array and its disks below. Once it runs the volume is used at once, with all that is on it."
		}
		second := fmt.Sprintf("If the disk is broken, put another one in its place, best one of %s or more: this page goes on by itself then.", size(place.SizeBytes))
		if len(spares) > 0 {
			second = "If the disk is broken: another disk is there. Have it take the old one's place: it gets the name, the limit, and the cameras that are to be recorded there."
		}
		return []string{first, second, keep}
	case api.VolumeFailureCauseDamaged:
		return []string{
			"Have the volume checked. Nothing is changed by that, and you see what is wrong.",
			"Have it repaired then. What can be saved is on the timeline afterwards.",
			"If it cannot be repaired, or is damaged again soon, the disk is likely to be failing: look at its health below, and replace it.",
		}
	case api.VolumeFailureCauseReadonly:
		return []string{
			fmt.Sprintf("If %s has a switch against writing, move it, and plug the disk in again.", where),
			"If it has none, the disk itself may have given up: look at its health below, and replace it. What is on it can be played meanwhile.",
		}
	}
	return []string{fmt.Sprintf("Look at the health of %s below, and at its cables and its power.", where), again, replace, keep}
}

// tellFailure makes an event of a failure, with what to do first. A disk that comes and goes must not fill the list of events.
func (m *Manager) tellFailure(v *vol) {
	f, now := m.failureOf(v), m.cfg.Now()
	if f.Serial == "" || now.Sub(v.told) < wellAfter {
		return
	}
	v.told, v.untold = now, true
	where := ""
	if f.Slot != "" {
		where = " Its disk is or was at " + f.Slot + "."
	}
	disk := v.place.Disk
	if v.disk != nil {
		disk = v.disk.dev.ID
	}
	m.cfg.Tell(disk, f.Serial, diskbook.Failure, fmt.Sprintf("The volume %s cannot be used: %s%s What to do: %s", v.name, lowerFirst(v.reason), where, f.Steps[0]))
}

// tellWell makes an event of a volume that had failed and can be used again.
func (m *Manager) tellWell(v *vol) {
	if v.disk != nil && v.untold {
		v.untold = false
		m.cfg.Tell(v.disk.dev.ID, v.disk.dev.Serial, diskbook.Info, fmt.Sprintf("The volume %s can be used again.", v.name))
	}
}

func lowerFirst(sentence string) string {
	if sentence == "" {
		return sentence
	}
	return strings.ToLower(sentence[:1]) + sentence[1:]
}

// tellReplaced makes an event of a replacement.
func (m *Manager) tellReplaced(d *disk, old *vol) {
	m.cfg.Log.Info("volume is replaced", "volume", old.id, "disk", d.dev.Serial)
	m.cfg.Tell(d.dev.ID, d.dev.Serial, diskbook.Info, fmt.Sprintf("It takes the place of %s as the volume %s.", cmp.Or(old.place.Serial, "a disk"), old.name))
}
