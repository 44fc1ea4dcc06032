package archive

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrUnknownVolume: no volume of that id was ever seen.
var ErrUnknownVolume = errors.New("unknown volume")

// VolumeChange is what is to become of a volume; nil: as it is.
type VolumeChange struct {
	LimitPercent *int  // how full it may get, of its size: 10 to 99
	WarnPercent  *int  // from which filling on it is warned: 10 to 99, or 0: never
	Retired      *bool // nothing new is to be written to it
}

// ChangeVolume changes what is set of a volume, present or not, all or nothing.
func (a *Archive) ChangeVolume(volume string, c VolumeChange) error {
	a.mu.Lock()
	row, ok := a.known[volume]
	a.mu.Unlock()
	if system := a.cfg.SystemDisk(volume); !ok && !system || system && (c.LimitPercent != nil || c.Retired != nil) {
		return ErrUnknownVolume
	}
	if w := c.WarnPercent; w != nil {
		if *w != 0 && (*w < 10 || *w > 99) {
			return fmt.Errorf("warning at %d %%: must be from 10 to 99, or 0", *w)
		}
		row.WarnPercent = new(*w)
	}
	if c.LimitPercent != nil {
		if row.LimitPercent = *c.LimitPercent; row.LimitPercent < 10 || row.LimitPercent > 99 {
			return fmt.Errorf("limit of %d %%: must be from 10 to 99", row.LimitPercent)
		}
	}
	if c.Retired != nil {
		row.Retired = *c.Retired
	}
	if err := a.remember(volume, row); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[volume] = row
	if v := a.volumes[volume]; v != nil {
		if v.retired.Swap(row.Retired) != row.Retired {
			a.log.Info("volume is changed", "volume", volume, "retired", row.Retired)
		}
		v.rouse()
	}
	return nil
}

// Knows tells whether a volume was ever seen.
func (a *Archive) Knows(volume string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.known[volume]
	return ok && !a.cfg.SystemDisk(volume)
}

// choose returns the best volume not yet tried, or nil: the one that the camera is pinned to; else the one that it is on,
// unless another has much less to do; one that holds its duplicates only if there is no other. Retired ones come last: what
// nothing else takes is better there than nowhere. The segment counts as coming to the volume: many cameras choose at once
// when the engine starts.
func (a *Archive) choose(camera string, tried map[string]bool) (chosen *volume) {
	pinned := a.cfg.Pinned(camera) // takes locks of its own
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { chosen.comes() }()
	if v := a.volumes[pinned]; v != nil && !tried[pinned] && !v.retired.Load() {
		v.mu.Lock()
		usable := v.usable()
		v.mu.Unlock()
		if usable {
			return v
		}
	}
	free := a.uncommitted(nil, tried)
	takes := func(v *volume) bool {
		return !tried[v.id] && !v.retired.Load() && v.usable() && (!free || v.committedAt.IsZero())
	}
	home := a.home[camera]
	return cmp.Or(
		a.lightest(home, func(v *volume) bool { return takes(v) && !v.duplicates(camera) }),
		a.lightest(home, takes),
		a.lightest(home, func(v *volume) bool { return !tried[v.id] && v.retired.Load() && v.usable() }),
	)
}

// chooseSecond is choose for a camera's duplicate: any volume but the one that the camera is recorded to, rather not the one
// that it is to be recorded to, and none where it would cost what was promised.
func (a *Archive) chooseSecond(camera string, tried map[string]bool) (chosen *volume) {
	pinned := a.cfg.Pinned(camera)
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { chosen.comes() }()
	takes := func(v *volume) bool {
		return !tried[v.id] && v.id != a.home[camera] && !v.retired.Load() && v.usable() && v.committedAt.IsZero()
	}
	at := a.second[camera]
	return cmp.Or(a.lightest(at, func(v *volume) bool { return takes(v) && v.id != pinned }), a.lightest(at, takes))
}

// comes counts a segment for which the volume was chosen; nil: none was.
func (v *volume) comes() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.coming++
}

// duplicates tells whether a camera's duplicate is being written to the volume; v.mu is held.
func (v *volume) duplicates(camera string) bool {
	for s := range v.open {
		if s.key.Camera == camera && s.key.IsDuplicate() {
			return true
		}
	}
	return false
}

// lightest is the volume with least to do among those that take a segment, or the one that its camera is on at home. Those
// that have as much to do as they were measured to bear come last, see latency. Archive.mu is held.
func (a *Archive) lightest(home string, takes func(*volume) bool) *volume {
	type burden struct {
		v     *volume
		full  bool
		share float64
	}
	var best, there burden
	now := time.Now()
	for _, v := range a.volumes {
		v.mu.Lock()
		usable, more := takes(v), 1
		if v.id == home {
			more = 0
		}
		b := burden{v, v.rounds.foreseen(now, len(v.open)+v.coming+more) > bearable, v.load(more)}
		v.mu.Unlock()
		if !usable {
			continue
		}
		if v.id == home {
			there = b
		}
		switch {
		case best.v == nil, best.full && !b.full:
			best = b
		case b.full && !best.full:
		case b.share < best.share || b.share == best.share && v.id < best.v.id:
			best = b
		}
	}
	// Moving costs an empty file's worth of disorder; twice the load costs more.
	if there.v != nil && there.full == best.full && there.share <= 2*best.share {
		return there.v
	}
	return best.v
}

// misplaced says which cameras are not recorded where they are to be.
func (a *Archive) misplaced() (out []string) {
	a.mu.Lock()
	home := maps.Clone(a.home)
	a.mu.Unlock()
	elsewhere := map[string][]string{} // pinned to, and the cameras' names
	for camera, volume := range home {
		if pinned := a.cfg.Pinned(camera); pinned != "" && pinned != volume {
			elsewhere[pinned] = append(elsewhere[pinned], a.cfg.CameraName(camera))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for volume, cameras := range elsewhere {
		if v := a.volumes[volume]; v != nil && !v.retired.Load() {
			v.mu.Lock()
			usable := v.usable()
			v.mu.Unlock()
			if usable { // with the next file
				continue
			}
		}
		slices.Sort(cameras)
		which := cameras[0] + " is"
		if n := len(cameras); n > 1 {
			which = fmt.Sprintf("%s and %d other cameras are", cameras[0], n-1)
		}
		out = append(out, fmt.Sprintf("%s to be recorded to volume %s, which does not take recordings now, and goes elsewhere meanwhile.", which, a.known[volume].Name))
	}
	slices.Sort(out)
	return out
}

// resorted are the segments that are written to a retired volume because no other took them.
func (v *volume) resorted() (out []*Segment) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.open {
		if s.lastResort {
			out = append(out, s)
		}
	}
	return out
}
