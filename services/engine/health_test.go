package engine

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestEngineIsIllOnlyWhenRecordingStandsStill(t *testing.T) {
	var written atomic.Uint64
	now := time.Unix(1000, 0)
	p := newPulse(&written, func() time.Time { return now })
	busy, dbErr := true, error(nil)
	ask := func() (bool, error) { return busy, dbErr }
	well := func(want bool) {
		t.Helper()
		if _, err := p.check(); (err == nil) != want {
			t.Fatalf("well: %v, want %v (%v)", err == nil, want, err)
		}
	}
	now = now.Add(time.Hour)
	well(true) // starting
	p.recording.Store(&ask)
	written.Add(1)
	well(true)
	now = now.Add(standstill)
	well(true)
	now = now.Add(time.Second)
	well(false)
	written.Add(1)
	well(true)
	busy = false
	now = now.Add(time.Hour)
	well(true) // nothing to record
	busy = true
	now = now.Add(standstill)
	well(true)
	dbErr = errors.New("database is closed")
	well(false)
}
