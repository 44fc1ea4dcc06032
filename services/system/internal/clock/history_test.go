package clock

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
)

func TestHistoryKeepsADayAndAHundredSteps(t *testing.T) {
	var h history
	begin := time.UnixMilli(1_700_000_040_000) // a whole minute
	for s := range 3 * 24 * 3600 / 16 {
		h.offset(begin.Add(time.Duration(s)*16*time.Second), float64(s%4)-1.5)
	}
	p := h.past.Points
	if len(p) < 1439 || len(p) > 1441 || p[len(p)-1].AtMs-p[0].AtMs > span.Milliseconds() || p[7].OffsetMs*p[7].OffsetMs != 2.25 {
		t.Errorf("%d points from %d to %d, one of %v", len(p), p[0].AtMs, p[len(p)-1].AtMs, p[7].OffsetMs)
	}
	h.offset(begin.Add(49*time.Hour), 1) // the clock was set back
	if n := len(h.past.Points); n > 100 {
		t.Errorf("%d points after a step back by a day", n)
	}
	for i := range 150 {
		h.step(time.UnixMilli(int64(i)), time.UnixMilli(int64(i+1)), "a")
	}
	if n := len(h.past.Steps); n != stepsKept || h.past.Steps[n-1].BeforeMs != 149 {
		t.Errorf("%d steps, last %+v", n, h.past.Steps[n-1])
	}
}

func TestARestartedServiceKnowsWhatTheClockFollows(t *testing.T) {
	dir := t.TempDir()
	h := &hands{off: -time.Hour}
	here := func(c *Config) { c.Dir = dir }
	r := newRig(t, h, says(h, map[string]time.Duration{"a": 0}), here)
	r.Offer([]string{"a"})
	r.round(t.Context())
	h.off -= ms(0.5)
	r.round(t.Context())
	before, history := r.now, r.History()
	if before.Reference.Stratum != 3 || before.Reference.ID != "c0000201" || before.Reference.RootDelayUs != 20000 || before.Reference.RootDispersionUs < 500 || before.Reference.RootDispersionUs > 6000 {
		t.Errorf("reference %+v", before.Reference)
	}
	if len(history.Steps) != 1 || history.Steps[0].AfterMs-history.Steps[0].BeforeMs != 3_600_000 || history.Steps[0].Server != "a" || len(history.Points) != 1 {
		t.Errorf("history %+v", history)
	}
	h.synced = true
	again := newRig(t, h, says(h, nil), here)
	if again.now.Reference != before.Reference || again.now.LastSyncMs != before.LastSyncMs {
		t.Errorf("was %+v, is %+v", before, again.now)
	}
	if diff := cmp.Diff(history, again.History()); diff != "" {
		t.Error(diff)
	}
	h.synced = false // the machine was restarted, and somebody kept the folder
	if cold := newRig(t, h, says(h, nil), here); cold.now.Reference.Stratum != 0 {
		t.Errorf("a reference of another life: %+v", cold.now)
	}
	if err := os.WriteFile(filepath.Join(dir, historyFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.synced = true
	if torn := newRig(t, h, says(h, nil), here); torn.now.Status != api.ClockStatusWaiting || torn.now.Reference.Stratum != 0 {
		t.Errorf("from a torn file: %+v", torn.now)
	}
}

func TestLeapSecondsArePassedOnInTheirMonthsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // from 1 January 2000 on
		h := &hands{}
		r := newRig(t, h, says(h, map[string]time.Duration{"a": 0}))
		ask := r.cfg.Query
		r.cfg.Query = leaping(ask)
		r.Offer([]string{"a"})
		r.round(t.Context())
		if h.leap != LeapNone || r.now.Reference.Leap != api.ClockReferenceLeapNone {
			t.Errorf("in January: %v, %+v", h.leap, r.now.Reference)
		}
		time.Sleep(160 * 24 * time.Hour)
		r.round(t.Context())
		if h.leap != LeapAdd || r.now.Reference.Leap != api.ClockReferenceLeapAdd {
			t.Errorf("in June: %v, %+v", h.leap, r.now.Reference)
		}
	})
}
