package archive

import (
	"errors"
	"slices"
	"time"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/deletion"
	"vigie/services/engine/internal/index"
)

// erasing is how far a volume's keeper has come with an order; it begins anew with each process.
type erasing struct {
	order  string
	pair   int   // camera and kind that it is at
	fromMs int64 // where to go on there
}

// erase deletes what people had deleted, as retain does: batch by batch, with a rest as long as each took, and for KeepEvery
// before the keeper looks at other things.
func (v *volume) erase() {
	a := v.arch
	began := time.Now()
	for v.ctx.Err() == nil {
		o, ok := a.deletions.Next(v.id)
		if !ok {
			return
		}
		v.mu.Lock()
		well := v.takesWrites()
		v.mu.Unlock()
		if !well {
			return
		}
		batch := time.Now()
		list, err := v.portion(o)
		if err != nil {
			a.log.Error("cannot list what is to be deleted", "volume", v.id, "err", err)
			return
		}
		if len(list) == 0 {
			if err := a.deletions.Finish(o.ID, v.id, time.Now().UnixMilli()); err != nil && !errors.Is(err, deletion.ErrEnded) {
				a.log.Error("cannot note the end of a deletion", "volume", v.id, "err", err)
				return
			}
			a.tellEnd(o.ID)
			continue
		}
		if !v.eraseBatch(o, list) {
			return
		}
		if time.Since(began) > a.cfg.KeepEvery {
			v.rouse()
			return
		}
		v.rest(time.Since(batch))
	}
}

// portion returns the next segments of an order on the volume; none: it has been gone through.
func (v *volume) portion(o deletion.Order) ([]index.Segment, error) {
	at := &v.erasing
	if at.order != o.ID {
		*at = erasing{order: o.ID, fromMs: o.FromMs}
	}
	for ; at.pair < len(o.Cameras)*len(o.Kinds); at.pair, at.fromMs = at.pair+1, o.FromMs {
		camera, kind := o.Cameras[at.pair/len(o.Kinds)], index.Kind(o.Kinds[at.pair%len(o.Kinds)])
		list, err := v.arch.idx.Within(camera, kind, v.id, at.fromMs, o.ToMs, batchMost)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, nil
}

// eraseBatch deletes a portion: mark and count, unlink, fsync, unmark. ok is false when the disk or the database is in the
// way.
func (v *volume) eraseBatch(o deletion.Order, list []index.Segment) (ok bool) {
	a := v.arch
	v.erasing.fromMs = list[len(list)-1].StartMs + 1
	sure := v.sure(list)
	if len(sure) == 0 {
		return true
	}
	committed := func() {}
	gone, err := a.idx.Erase(func(tx *mirror.Tx, s index.Segment) (bool, error) {
		spared, err := v.spared(tx, s, false)
		return spared || s.StartMs < o.FromMs || s.EndMs > o.ToMs, err
	}, func(tx *mirror.Tx, marked []index.Segment) (err error) {
		committed, err = a.deletions.Count(tx, o.ID, int64(len(marked)), sizeOf(marked))
		return err
	}, keys(sure)...)
	switch {
	case errors.Is(err, deletion.ErrEnded): // stopped meanwhile
		return true
	case err != nil:
		a.log.Error("cannot mark segments for deletion", "volume", v.id, "err", err)
		return false
	}
	committed()
	return v.remove(gone)
}

func sizeOf(list []index.Segment) (bytes int64) {
	for _, s := range list {
		bytes += s.SizeBytes
	}
	return bytes
}

// tellEnd puts an order that has ended into the log.
func (a *Archive) tellEnd(id string) {
	if o, ok := a.deletions.Get(id); ok && o.Status != deletion.Running {
		a.log.Info("deletion has ended", "deletion", id, "by", o.By, "status", string(o.Status), "segments", o.Progress.Segments, "bytes", o.Progress.Bytes)
	}
}

// giveUpDeletions ends orders that wait for volumes which have been away, or could not be written, for too long.
func (a *Archive) giveUpDeletions(now time.Time) {
	for _, o := range a.deletions.Running() {
		if now.Sub(time.UnixMilli(o.CreatedMs)) < deletion.WaitFor {
			continue
		}
		away := a.waitsFor(o)
		if len(away) == 0 || len(away) < len(o.Left()) {
			continue
		}
		switch err := a.deletions.GiveUp(o.ID, away[0], now.UnixMilli()); {
		case err == nil:
			a.tellEnd(o.ID)
		case !errors.Is(err, deletion.ErrEnded): // else another volume's keeper was first
			a.log.Error("cannot end a deletion", "deletion", o.ID, "err", err)
		}
	}
}

// waitsFor says which volumes an order cannot go on with now, a sentence for each.
func (a *Archive) waitsFor(o deletion.Order) (out []string) {
	for _, id := range o.Left() {
		a.mu.Lock()
		v, name := a.volumes[id], a.known[id].Name
		a.mu.Unlock()
		if v == nil {
			out = append(out, "Volume "+name+" is not connected.")
			continue
		}
		v.mu.Lock()
		if !v.takesWrites() {
			out = append(out, "Volume "+name+" cannot be written to.")
		}
		v.mu.Unlock()
	}
	slices.Sort(out)
	return out
}
