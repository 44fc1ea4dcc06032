package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
)

func TestSystemIsToldHowFarRecordingIsBehindWhileAnArrayIsBroughtInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		var told []time.Duration
		waited := 100 * time.Millisecond
		go tellLag(t.Context(), m.get, func() time.Duration { return waited }, func(_ context.Context, d time.Duration) error {
			told = append(told, d)
			return nil
		})
		array := func(action string) api.Status {
			return api.Status{Arrays: []api.Array{{ID: "a"}, {ID: "b", Sync: api.ArraySync{Action: action}}}}
		}
		m.set(array(""))
		time.Sleep(10 * time.Second)
		if len(told) > 0 {
			t.Fatalf("told %v without need", told)
		}
		m.set(array("recover"))
		time.Sleep(2500 * time.Millisecond)
		waited = 900 * time.Millisecond
		time.Sleep(time.Second)
		m.set(array(""))
		time.Sleep(10 * time.Second)
		if ms := time.Millisecond; !slices.Equal(told, []time.Duration{100 * ms, 100 * ms, 100 * ms, 900 * ms}) {
			t.Errorf("told %v", told)
		}
	})
}
