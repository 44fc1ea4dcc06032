package archive

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"vigie/internal/atomicfile"
	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// keep is the volume's keeper: it reconciles once, then looks after space and health.
func (v *volume) keep() {
	if v.before != nil {
		select {
		case <-v.before:
		case <-v.ctx.Done():
			return
		}
	}
	v.finishDeletions()
	v.repairOpen(true)
	close(v.recovered)
	v.reconcile()
	t := time.NewTicker(v.arch.cfg.KeepEvery)
	defer t.Stop()
	last, lastAt := v.written.Load(), time.Now()
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-t.C:
		case <-v.wake:
		}
		v.space()
		v.check(v.arch.cfg.KeepEvery / 2)
		now, n := time.Now(), v.written.Load()
		if d := now.Sub(lastAt); d >= time.Second {
			v.mu.Lock()
			v.writeBps = int64(float64((n-last)*8) / d.Seconds())
			v.mu.Unlock()
			last, lastAt = n, now
		}
		if !v.isReadOnly() {
			v.heal()
		}
	}
}

// space sees to it that there is room.
func (v *volume) space() {
	if err := v.measure(); err != nil {
		v.ioError(err)
	}
	if !v.isReadOnly() {
		v.retain()
		v.fill()
	}
}

func (v *volume) isReadOnly() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.readOnly
}

// retain deletes what retention says, batch by batch.
func (v *volume) retain() {
	const batch = 64
	freed := int64(-1) // what is free at least: XFS gives the blocks of removed files back a little later
	for v.ctx.Err() == nil {
		limit := v.arch.limit(v.id) // takes the archive's lock, which comes before ours
		v.mu.Lock()
		state := retention.Volume{SizeBytes: v.size, FreeBytes: max(v.free, freed), LimitPercent: limit}
		status := v.status
		v.mu.Unlock()
		if state.Excess() == 0 || status == Degraded || status == ReadOnly {
			return
		}
		heads, err := v.arch.idx.Heads(v.id, batch, func(index.Segment) (bool, int64) { return false, 0 })
		if err != nil {
			v.arch.log.Error("cannot list the oldest segments", "volume", v.id, "err", err)
			return
		}
		var oldest []index.Segment
		for _, h := range heads {
			oldest = append(oldest, h.Segments...)
		}
		slices.SortFunc(oldest, func(a, b index.Segment) int { return cmp.Compare(a.StartMs, b.StartMs) })
		oldest = oldest[:min(len(oldest), batch)]
		candidates := make([]retention.Candidate, len(oldest))
		for i, s := range oldest {
			candidates[i].SizeBytes = s.SizeBytes
		}
		plan := retention.Plan(state, candidates)
		if len(plan) == 0 {
			return
		}
		gone := make([]index.Segment, len(plan))
		freed = state.FreeBytes
		for i, d := range plan {
			gone[i] = oldest[d.Index]
			freed += gone[i].SizeBytes
		}
		if gone = v.sure(gone); len(gone) == 0 {
			continue
		}
		v.arch.log.Info("deleting the oldest recordings", "volume", v.id, "segments", len(gone), "reason", plan[0].Reason)
		if gone, err = v.arch.idx.Mark(nil, keys(gone)...); err != nil {
			v.arch.log.Error("cannot mark segments for deletion", "volume", v.id, "err", err)
			return
		}
		if !v.remove(gone) {
			return
		}
		if err := v.measure(); err != nil {
			v.ioError(err)
			return
		}
	}
}

func keys(list []index.Segment) []index.Key {
	out := make([]index.Key, len(list))
	for i, s := range list {
		out[i] = s.Key
	}
	return out
}

// remove unlinks marked segments, makes that durable and drops the marks.
func (v *volume) remove(list []index.Segment) bool {
	days := map[string]bool{}
	err := v.disk(func() error {
		if err := v.here(); err != nil {
			return err
		}
		for _, s := range list {
			path := filepath.Join(v.path, relPath(s))
			if err := v.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			days[filepath.Dir(path)] = true
		}
		for day := range days {
			// A day without recordings goes with the last of them; the day being recorded is not empty.
			if v.fs.Remove(day) == nil {
				day = filepath.Dir(day)
			}
			if err := filesys.SyncDir(v.fs, day); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		v.ioError(err)
		return false
	}
	if err := v.arch.idx.Unmark(list...); err != nil {
		v.arch.log.Error("cannot drop deletion marks", "volume", v.id, "err", err)
		return false
	}
	return true
}

// finishDeletions goes on with what an earlier process had marked on this volume.
func (v *volume) finishDeletions() {
	if v.isReadOnly() {
		return
	}
	marks, err := v.arch.idx.Marks()
	if err != nil {
		v.arch.log.Error("cannot read deletion marks", "volume", v.id, "err", err)
		return
	}
	var mine []index.Segment
	for _, s := range marks {
		if s.Volume == v.id {
			mine = append(mine, s)
		}
	}
	if len(mine) > 0 {
		v.remove(mine)
	}
}

// fill notes that there is too little room for new segments; open ones go on as long as they can.
func (v *volume) fill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.status == OK && v.free <= v.reserve() {
		v.status, v.reason = Full, "There is no room left, and nothing old enough to delete."
		v.arch.log.Error("volume is full", "volume", v.id, "free_bytes", v.free)
	}
}

// heal finds out whether a volume that failed can be written again.
func (v *volume) heal() {
	v.mu.Lock()
	status, due := v.status, time.Now().After(v.retryAt)
	full := status == Full && v.free > v.reserve()
	v.mu.Unlock()
	switch {
	case status == OK, status == Full && !full, status != Full && !due:
		return
	}
	if v.ending() {
		return // what it left open is repaired below, but not before its segments have let go of it
	}
	if err := v.disk(v.probe); err != nil {
		v.mu.Lock()
		v.penalty = min(2*v.penalty, 10*time.Minute)
		v.retryAt = time.Now().Add(v.penalty)
		v.mu.Unlock()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			v.degrade(Degraded, "The folder for recordings is missing on the volume.")
		case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
			v.ioError(err) // it works, but old recordings must go first
		}
		return
	}
	v.finishDeletions()
	v.repairOpen(true) // what it left open when it failed is in a newest folder
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.status == Full && v.free <= v.reserve() {
		return
	}
	v.arch.log.Info("volume can be written again", "volume", v.id)
	v.status, v.reason, v.wellSince = OK, "", time.Now()
}

// ending tells whether a segment was given up and still has its file.
func (v *volume) ending() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.open {
		s.mu.Lock()
		given := s.err != nil && !s.closing
		s.mu.Unlock()
		if given {
			return true
		}
	}
	return false
}

// probe writes, syncs and removes a file of its own.
func (v *volume) probe() error {
	if err := v.here(); err != nil {
		return err
	}
	path := filepath.Join(v.path, recDir, ".probe")
	if err := atomicfile.WriteOn(v.fs, path, make([]byte, 4096), 0o600); err != nil {
		return err
	}
	return v.fs.Remove(path)
}
