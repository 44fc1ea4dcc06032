package board

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
)

func TestRevisionGrowsOnlyWithAChange(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	b := New(start, api.Status{})
	r := b.Status().Revision
	if r != start.UnixMilli() {
		t.Fatalf("first revision %d", r)
	}
	b.SetHostname("a")
	b.SetHostname("a")
	b.SetDisks(nil)
	b.SetClock(api.Clock{NowMs: 5, Status: api.ClockStatusWaiting})
	if got := b.Status().Revision; got != r+1 {
		t.Errorf("revision %d after one change, want %d", got, r+1)
	}
	b.SettleStorage()
	b.SetVolumes([]api.Volume{{ID: "v"}})
	if got := b.Status(); got.Revision != r+3 || !got.StorageSettled || got.Volumes[0].ID != "v" {
		t.Errorf("got %+v", got)
	}
}

func TestWaitReturnsAtTheChangeOrWhenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(time.Now(), api.Status{})
		r := b.Status().Revision
		if got := b.Wait(t.Context(), r-7); got.Revision != r {
			t.Errorf("a foreign revision waits: %d", got.Revision)
		}
		go func() {
			time.Sleep(3 * time.Second)
			b.SetHostname("x")
		}()
		began := time.Now()
		if got := b.Wait(t.Context(), r); got.Hostname != "x" || time.Since(began) != 3*time.Second {
			t.Errorf("got %q after %v", got.Hostname, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := b.Wait(ctx, r+1); got.Revision != r+1 || ctx.Err() == nil {
			t.Errorf("returned %d before its time", got.Revision)
		}
	})
}

func TestTheStartMovesWithTheClockWhenItIsSet(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	b := New(start, api.Status{StartedMs: start.UnixMilli()})
	before := b.Status()
	b.SetStarted(start.Add(999 * time.Millisecond))
	if b.Status().Revision != before.Revision {
		t.Error("a slewed clock is news")
	}
	set := start.AddDate(26, 0, 0)
	b.SetStarted(set)
	if s := b.Status(); s.StartedMs != set.UnixMilli() || s.Revision == before.Revision {
		t.Errorf("started %d, revision %d", s.StartedMs, s.Revision)
	}
}
