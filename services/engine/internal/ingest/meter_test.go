package ingest

import (
	"testing"
	"time"
)

func TestMeterShowsTheTrueRateFromTheFirstWholeSecondOn(t *testing.T) {
	var m meter
	play := func(from, to time.Duration) {
		for at := from; at < to; at += 40 * time.Millisecond {
			m.frame(at, 1000, true)
		}
	}
	rate := func(at time.Duration, bps int64, fps float64) {
		t.Helper()
		if b, f := m.rates(at); b != bps || f != fps {
			t.Errorf("at %v: %d bit/s, %v frames/s; want %d, %v", at, b, f, bps, fps)
		}
	}
	rate(0, 0, 0)
	play(600*time.Millisecond, 10*time.Second)
	m2 := m
	rate(10*time.Second, 200_000, 25)
	m = meter{}
	play(600*time.Millisecond, 2*time.Second)
	rate(1900*time.Millisecond, 0, 0) // no whole second yet
	rate(2*time.Second, 200_000, 25)  // the first part of a second does not count
	m = m2
	m.restart() // a pause of a minute
	play(70*time.Second, 73*time.Second)
	rate(73*time.Second, 200_000, 25)
}
