package clock

import (
	"errors"
	"testing"
	"time"
)

// reading is one of an offset and a delay in milliseconds, and what is to be made of it.
type reading struct {
	offset, delay float64
	want          verdict
}

func TestSourcePassesOverSpikesAndQueues(t *testing.T) {
	steady := []reading{{0, 10, usable}, {0.4, 11, usable}, {-0.3, 10, usable}, {0.1, 12, usable}}
	for _, c := range []struct {
		name string
		more []reading
	}{
		{"scatter", []reading{{2, 10, usable}, {-2, 11, usable}}},
		{"a spike", []reading{{80, 11, spike}, {0.2, 10, usable}, {80, 10, spike}}},
		{"a spike each way", []reading{{80, 11, spike}, {-80, 11, spike}, {0.2, 10, usable}}},
		{"a change", []reading{{80, 11, spike}, {80.5, 10, usable}, {80.2, 10, usable}, {0, 10, spike}}},
		{"a queue", []reading{{9, 30, slow}, {-9, 30, slow}, {0, 10, usable}, {9, 30, slow}}},
		{"a longer way", []reading{{30, 30, slow}, {30, 30, slow}, {30, 31, slow}, {30, 30, spike}, {30, 31, usable}, {30.1, 32, usable}}},
		{"a queue that is no reason to doubt", []reading{{0.2, 21, usable}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, now := newSource("a", false, time.Unix(0, 0)), time.Unix(0, 0)
			for i, a := range append(steady, c.more...) {
				now = now.Add(64 * time.Second)
				if got := s.add(Sample{Offset: ms(a.offset), Delay: ms(a.delay)}, now); got != a.want {
					t.Errorf("answer %d of %v ms: %v, want %v", i, a.offset, got, a.want)
				}
			}
		})
	}
}

func TestWhatTheClockWasCorrectedByIsNoSpike(t *testing.T) {
	now := time.Unix(0, 0)
	for _, next := range []float64{300, 170, 2} {
		s := newSource("a", false, now)
		s.add(Sample{Offset: ms(300), Delay: ms(2)}, now)
		s.slewed(ms(300))
		if got := s.add(Sample{Offset: ms(next), Delay: ms(2)}, now.Add(minPoll)); got != usable {
			t.Errorf("%v ms after a slew of 300: %v", next, got)
		}
	}
	s := newSource("a", false, now)
	s.add(Sample{Offset: time.Hour, Delay: ms(2)}, now)
	s.stepped(time.Hour)
	if got := s.add(Sample{Offset: ms(1), Delay: ms(2)}, now.Add(minPoll)); got != usable {
		t.Errorf("after a step: %v", got)
	}
	s = newSource("a", false, now)
	s.add(Sample{Offset: ms(300), Delay: ms(2)}, now)
	s.slewed(ms(300))
	if got := s.add(Sample{Offset: ms(-30), Delay: ms(2)}, now.Add(minPoll)); got != spike {
		t.Errorf("far beyond the correction: %v", got)
	}
}

func TestAServerIsExpectedToAgreeWithAClockThatIsRight(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSource("a", true, now)
	if got := s.add(Sample{Offset: time.Minute, Delay: ms(2)}, now); got != spike {
		t.Errorf("got %v", got)
	}
	if got := s.add(Sample{Offset: time.Minute, Delay: ms(2)}, now); got != usable {
		t.Errorf("twice: %v", got)
	}
	s = newSource("b", true, now)
	if got := s.add(Sample{Offset: ms(80), Delay: ms(2)}, now); got != usable {
		t.Errorf("got %v", got)
	}
}

func TestASilentServerVotesForAWhile(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSource("a", false, now)
	if _, ok := s.sample(now); ok {
		t.Error("a server that never answered votes")
	}
	s.add(Sample{Offset: ms(5), Delay: ms(10)}, now)
	fresh, _ := s.sample(now)
	for range votes - 1 {
		s.miss(errors.New("silent"))
	}
	stale, ok := s.sample(now.Add(time.Hour))
	if !ok || !stale.Stale || fresh.Stale || stale.Distance() < fresh.Distance()+54*time.Millisecond {
		t.Errorf("fresh %+v, stale %+v, %v", fresh, stale, ok)
	}
	if s.miss(errors.New("silent")); s.missed != votes {
		t.Errorf("missed %d", s.missed)
	}
	if _, ok := s.sample(now.Add(time.Hour)); ok {
		t.Error("it still votes")
	}
}

func TestAServerThatAsksForItIsLeftAlone(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSource("a", false, now)
	for _, want := range []time.Duration{restFirst, 2 * restFirst, 4 * restFirst} {
		s.refuse(now)
		if !s.resting(now.Add(want-time.Second)) || s.resting(now.Add(want)) {
			t.Errorf("rests until %v, want %v", s.restTill.Sub(now), want)
		}
		now = now.Add(want)
	}
	for range 10 {
		s.refuse(now)
	}
	if s.resting(now.Add(restMost)) {
		t.Error("for ever")
	}
}
