package archive

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"vigie/internal/atomicfile"
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
	v.adoptProtections() // before anything is deleted
	v.finishDeletions()
	v.repairOpen(func() { close(v.recovered) })
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
		case <-v.again:
			v.lookAgain()
		}
		v.space()
		if !v.arch.cfg.KeepAll {
			v.erase()
			v.arch.giveUpDeletions(time.Now())
		}
		v.check(v.arch.cfg.KeepEvery / 2)
		v.storeProtections()
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
		if !v.arch.cfg.KeepAll {
			v.retain()
		}
		v.fill()
	}
}

func (v *volume) isReadOnly() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.readOnly
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

// heal finds out whether a volume that failed can be written again: from time to time, and often while nothing is recorded
// because of it.
func (v *volume) heal() {
	v.mu.Lock()
	status, due, soon := v.status, time.Now().After(v.retryAt), time.Since(v.failedAt) > v.arch.cfg.ProbeAfter/alone
	full := status == Full && v.free > v.reserve()
	v.mu.Unlock()
	due = due || status != OK && soon && v.arch.isAlone(v)
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
		v.failedAt, v.retryAt = time.Now(), time.Now().Add(v.penalty)
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
	v.repairOpen(func() {}) // what it left open when it failed is in a newest folder
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
