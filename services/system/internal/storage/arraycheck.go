package storage

import (
	"fmt"
	"time"

	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/md"
)

const (
	// checkEvery is between two comparisons of all of an array's disks: sectors that nobody reads for years go bad
	// unseen, and are missing when another disk fails.
	checkEvery = 30 * 24 * time.Hour
	// checkAfter is how long the machine runs before one begins: until then cameras come, and volumes tell when the last
	// one was.
	checkAfter = 10 * time.Minute
	// checkPutOff is after how long one begins that was stopped.
	checkPutOff = 24 * time.Hour
)

// watchCheck has the disks of an array compared each month, and tells what that found. In rescue mode nobody has asked for it.
func (m *Manager) watchCheck(a *arr) {
	if a.running.Level == "raid0" || m.cfg.Rescue {
		return
	}
	now, sync := m.cfg.Now(), a.running.Sync
	checks := sync.Action == "check"
	if a.checks && !checks {
		m.checked(a, now)
	}
	a.checks = checks
	if now.Sub(m.began) < checkAfter || sync.Runs() || a.running.Degraded > 0 || a.working || now.Before(a.notBefore) {
		return
	}
	last, known := m.cfg.Arrays.LastCheck(a.id)
	if at := time.UnixMilli(last.AtMs); !known || at.After(now.Add(checkPutOff)) { // a new one, or the clock was wrong
		m.cfg.Arrays.NoteCheck(a.id, diskbook.Check{AtMs: now.UnixMilli(), Never: true})
		return
	} else if now.Sub(at) < checkEvery {
		return
	}
	for _, other := range m.arrays { // one at a time: they may share what they are attached to
		if other.running != nil && other.running.Sync.Runs() {
			return
		}
	}
	a.notBefore = now.Add(checkPutOff)
	if err := md.Check(m.cfg.Arrays.Root, a.running.Name, true); err != nil {
		m.cfg.Log.Warn("check of an array", "array", a.id, "err", err)
		return
	}
	a.running.Sync.Action = "check" // no other one begins in this round
	a.checks = true                 // it may be over before the next one
	m.tell(a, diskbook.Info, "Its disks are compared, as each month. Recording goes first.")
}

// checked is the end of a check.
func (m *Manager) checked(a *arr, now time.Time) {
	if a.stopped || a.running.Degraded > 0 || a.running.Sync.Runs() {
		a.stopped, a.notBefore = false, now.Add(checkPutOff)
		return
	}
	m.cfg.Arrays.NoteCheck(a.id, diskbook.Check{AtMs: now.UnixMilli(), Differs: a.running.Mismatch})
	if n := a.running.Mismatch; n > 0 {
		m.tell(a, diskbook.Warning, fmt.Sprintf("Its disks were compared, and differ in %d sectors. Look at the health of each; one may be failing.", n))
		return
	}
	m.tell(a, diskbook.Info, "Its disks were compared, and are equal.")
}
