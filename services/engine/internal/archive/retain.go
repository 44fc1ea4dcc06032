package archive

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/protection"
	"vigie/services/engine/internal/retention"
)

const (
	// headLength is how many of a line's oldest segments a plan is made from, batchMost how many deletions it may have:
	// enough that a disk's log is not written for each file, few enough that nobody waits long behind them.
	headLength = 8
	batchMost  = 16
	// rarely is how many looks at space there are to one for what is past its target, and for how many a volume must
	// have held nothing but promised recordings before a promise is broken for it: a disk that comes late, or a camera
	// that moves to another one, spares that.
	rarely = 30
)

// retain deletes what retention says, batch by batch, and rests after each for as long as it took: deletion is never
// more than half of what a disk does, unless the volume is about to be full. After KeepEvery it lets the keeper look at
// other things first.
func (v *volume) retain() {
	began := time.Now()
	byAge := v.arch.trusted(began) && began.Sub(v.agedAt) >= rarely*v.arch.cfg.KeepEvery
	freed := int64(-1) // what is free at least: XFS gives the blocks of removed files back a little later
	for v.ctx.Err() == nil {
		limit := v.arch.limit(v.id) // takes the archive's lock, which comes before ours
		v.mu.Lock()
		room := retention.Volume{SizeBytes: v.size, FreeBytes: max(v.free, freed), LimitPercent: limit}
		status := v.status
		urgent := v.free < 2*v.reserve()
		v.mu.Unlock()
		if room.Excess() == 0 && room.FreeBytes > room.SizeBytes-room.Limit()+room.Slack() {
			v.stand(retention.Verdict{})
		}
		if room.Excess() == 0 && !byAge || status == Degraded || status == ReadOnly {
			return
		}
		batch := time.Now()
		s, heads, err := v.situation(room, byAge, urgent)
		if err != nil {
			v.arch.log.Error("cannot list the oldest segments", "volume", v.id, "err", err)
			return
		}
		verdict := retention.Plan(s)
		if room.Excess() > 0 {
			v.stand(verdict)
		}
		if !verdict.More && byAge {
			byAge, v.agedAt = false, began
		}
		if len(verdict.Deletions) == 0 {
			return
		}
		gone, ok := v.delete(s, heads, verdict.Deletions)
		if !ok {
			return
		}
		freed = room.FreeBytes
		for _, g := range gone {
			freed += g.SizeBytes
		}
		if err := v.measure(); err != nil {
			v.ioError(err)
			return
		}
		if verdict.More && time.Since(began) > v.arch.cfg.KeepEvery {
			v.rouse()
			return
		}
		if !urgent {
			v.rest(time.Since(batch))
		}
	}
}

// rest waits, unless the volume goes away.
func (v *volume) rest(d time.Duration) {
	t := time.NewTimer(min(d, time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-v.ctx.Done():
	}
}

// situation is what a plan for the volume is made from, with the segments that its lines' are.
func (v *volume) situation(room retention.Volume, byAge, urgent bool) (retention.Situation, []index.Head, error) {
	a := v.arch
	s := retention.Situation{Volume: room, NowMs: time.Now().UnixMilli(), ByAge: byAge, Breaking: v.mayBreak(urgent), Most: batchMost}
	spans := a.protectedSpans()
	if !s.Breaking {
		a.holds.add(spans)
	}
	heads, err := a.idx.Heads(v.id, headLength, func(s index.Segment) (bool, int64) {
		for _, span := range spans[s.Camera] {
			if span.Overlaps(s.StartMs, s.EndMs) {
				if s.StartMs < span.FromMs {
					return true, 0 // another one may start behind it and not reach into the span
				}
				return true, span.ToMs
			}
		}
		return false, 0
	})
	for _, h := range heads {
		l := retention.Line{Camera: h.Camera, Kind: string(h.Kind), More: h.More, Protected: spans[h.Camera]}
		l.Days, l.MinDays = a.targets(h.Camera, h.Kind)
		for _, seg := range h.Segments {
			l.Segments = append(l.Segments, retention.Segment{StartMs: seg.StartMs, EndMs: seg.EndMs, SizeBytes: seg.SizeBytes})
		}
		s.Lines = append(s.Lines, l)
	}
	return s, heads, err
}

// targets returns a camera's target and promise for a kind, in days.
func (a *Archive) targets(camera string, kind index.Kind) (days, minDays int) {
	t, _ := a.cfg.Targets(camera)
	if kind == index.Alarm {
		return t.AlarmDays, t.AlarmMinDays
	}
	return t.StandardDays, t.StandardMinDays
}

// delete carries deletions out: mark, unlink, fsync, unmark. It returns what went; ok is false when the disk or the
// database is in the way.
func (v *volume) delete(s retention.Situation, heads []index.Head, list []retention.Deletion) (gone []index.Segment, ok bool) {
	var broken []index.Segment
	why := map[retention.Why]int{}
	for _, d := range list {
		seg := heads[d.Line].Segments[d.Segment]
		if why[d.Why]++; d.Why == retention.Breaking {
			broken = append(broken, seg)
		}
		gone = append(gone, seg)
	}
	if gone = v.sure(gone); len(gone) == 0 {
		return nil, true
	}
	broken = slices.DeleteFunc(broken, func(s index.Segment) bool { return !slices.Contains(keys(gone), s.Key) })
	for w, n := range why {
		v.arch.log.Info("deleting recordings", "volume", v.id, "segments", n, "reason", w.String())
	}
	if err := v.arch.noteBroken(broken, s.NowMs); err != nil {
		v.arch.log.Error("cannot note that a promise is broken", "volume", v.id, "err", err)
		return nil, false
	}
	// The plan is a moment old: who has protected something meanwhile wins.
	breaking := s.Breaking
	gone, err := v.arch.idx.Mark(func(tx *mirror.Tx, s index.Segment) (bool, error) {
		return v.spared(tx, s, breaking)
	}, keys(gone)...)
	if err != nil {
		v.arch.log.Error("cannot mark segments for deletion", "volume", v.id, "err", err)
		return nil, false
	}
	return gone, v.remove(gone)
}

// spared tells, within a transaction, whether a segment must not be deleted: it is protected, kept for an export, unless promises
// are being broken, or on another volume by now.
func (v *volume) spared(tx *mirror.Tx, s index.Segment, breaking bool) (bool, error) {
	covered, err := protection.Covers(tx, s.Camera, s.StartMs, s.EndMs, v.arch.lapseMs())
	held := !breaking && v.arch.holds.covers(s.Camera, s.StartMs, s.EndMs)
	return covered || held || s.Volume != v.id, err
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
	mine := slices.DeleteFunc(marks, func(s index.Segment) bool { return s.Volume != v.id })
	if len(mine) > 0 {
		v.remove(mine)
	}
}

// stand notes how the volume stands after a plan.
func (v *volume) stand(verdict retention.Verdict) {
	committed := verdict.Promised || slices.ContainsFunc(verdict.Deletions, func(d retention.Deletion) bool { return d.Why == retention.Breaking })
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !committed:
		v.committedAt = time.Time{}
	case v.committedAt.IsZero():
		v.committedAt = time.Now()
		v.arch.log.Warn("volume holds nothing but promised and protected recordings", "volume", v.id)
	}
	v.stuckBytes = 0
	if !verdict.Promised {
		v.stuckBytes = verdict.ShortBytes
	}
}

// mayBreak tells whether promises may be broken on the volume: it has been committed for a while, or is about to be full,
// and no other volume can take recordings without breaking one.
func (v *volume) mayBreak(urgent bool) bool {
	v.mu.Lock()
	since := v.committedAt
	v.mu.Unlock()
	if since.IsZero() || !urgent && time.Since(since) < rarely*v.arch.cfg.KeepEvery {
		return false
	}
	v.arch.mu.Lock()
	defer v.arch.mu.Unlock()
	return !v.arch.uncommitted(v, nil)
}

// uncommitted tells whether a volume other than one, and not tried yet, takes segments without breaking a promise; mu is
// held.
func (a *Archive) uncommitted(but *volume, tried map[string]bool) bool {
	for _, v := range a.volumes {
		if v == but || tried[v.id] {
			continue
		}
		v.mu.Lock()
		free := v.usable() && v.committedAt.IsZero() && !v.retired.Load()
		v.mu.Unlock()
		if free {
			return true
		}
	}
	return false
}
