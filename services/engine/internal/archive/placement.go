package archive

import (
	"errors"
	"fmt"
	"maps"
	"slices"
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
// unless another has much less to do for its size. Retired ones come last: what nothing else takes is better there than
// nowhere. The segment counts as coming to the volume: many cameras choose at once when the engine starts.
func (a *Archive) choose(camera string, tried map[string]bool) (chosen *volume) {
	pinned := a.cfg.Pinned(camera) // takes locks of its own
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() {
		if chosen != nil {
			chosen.mu.Lock()
			chosen.coming++
			chosen.mu.Unlock()
		}
	}()
	if v := a.volumes[pinned]; v != nil && !tried[pinned] && !v.retired.Load() {
		v.mu.Lock()
		usable := v.usable()
		v.mu.Unlock()
		if usable {
			return v
		}
	}
	for _, retired := range []bool{false, true} {
		if v := a.lightest(camera, tried, retired); v != nil {
			return v
		}
	}
	return nil
}

// lightest is the volume with least to do for its size among those that are retired, or are not; mu is held.
func (a *Archive) lightest(camera string, tried map[string]bool, retired bool) *volume {
	var best, home *volume
	load := map[*volume]float64{}
	free := a.uncommitted(nil, tried)
	for _, v := range a.volumes {
		if tried[v.id] || v.retired.Load() != retired {
			continue
		}
		v.mu.Lock()
		usable := v.usable() && (!free || v.committedAt.IsZero())
		load[v] = v.load(1)
		if v.id == a.home[camera] {
			load[v] = v.load(0)
		}
		v.mu.Unlock()
		if !usable {
			continue
		}
		if best == nil || load[v] < load[best] || load[v] == load[best] && v.id < best.id {
			best = v
		}
		if v.id == a.home[camera] {
			home = v
		}
	}
	// Moving costs an empty file's worth of disorder; twice the load costs more.
	if home != nil && load[home] <= 2*load[best] {
		return home
	}
	return best
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
