package archive

import (
	"slices"

	"vigie/services/engine/internal/index"
)

// A volume that is another machine's is only read: its recordings are in the index, and on the timeline, for as long as its disk
// is there. Afterwards they are missed by nobody here, and leave the index.

// dropStrangers drops those of whose leaving this process knows nothing: their disks were pulled while it did not run. mu is held.
func (a *Archive) dropStrangers(list []Volume) {
	for id, row := range a.known {
		there := slices.ContainsFunc(list, func(n Volume) bool { return n.ID == id })
		if !row.Foreign || there || a.leaving[id] != nil || a.broken[id].ID != "" || a.idx.Totals(id).Segments == 0 {
			continue
		}
		gone := make(chan struct{})
		a.leaving[id] = gone
		a.closing.Go(func() {
			defer close(gone)
			a.drop(id)
		})
	}
}

// drop takes what a volume holds out of the index.
func (a *Archive) drop(volume string) {
	for {
		heads, err := a.idx.Heads(volume, 500, func(index.Segment) (bool, int64) { return false, 0 })
		if err != nil {
			a.log.Error("recordings of another machine's volume stay in the index", "volume", volume, "err", err)
			return
		}
		if len(heads) == 0 {
			a.log.Info("another machine's volume has left the index", "volume", volume)
			return
		}
		for _, h := range heads {
			if err := a.idx.Forget(h.Segments...); err != nil {
				a.log.Error("recordings of another machine's volume stay in the index", "volume", volume, "err", err)
				return
			}
		}
	}
}
