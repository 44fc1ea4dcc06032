package clock

import (
	"slices"
	"time"
)

const (
	// delaysKept is how many answers' delays tell what is usual.
	delaysKept = 8
	// slowMost is how many slow answers in a row are passed over: then the way has become longer.
	slowMost = 3
	// slowLeast is the least by which a slow answer is slower than the quickest.
	slowLeast = 2 * time.Millisecond
	// spikeLeast is the least deviation that makes a spike, firstSpike that of a server whose jitter is not known.
	spikeLeast = 4 * time.Millisecond
	firstSpike = 200 * time.Millisecond
	// votes is for how many rounds in a row that bring nothing usable an old answer still counts in the vote.
	votes = 8
	// drift is how far two clocks are taken to drift apart (RFC 5905, PHI).
	drift = 15e-6
	// restFirst and restMost bound how long a server that asks for it is left alone.
	restFirst = 4 * time.Minute
	restMost  = 2 * time.Hour
)

// verdict is what is made of an answer.
type verdict int

const (
	usable verdict = iota
	slow           // queued on its way: it says less than earlier ones
	spike          // far from what was expected, for the first time
)

// source is what is known of one server. Only the keeper's Run uses it.
//
// Its filter passes over two kinds of answers. A slow one waited in a queue, which makes it wrong by up to half of the
// wait; the earlier quicker one knows better. A spike is far from what the answers before led to expect; it is believed
// once the next answer says the same. Between two answers the clock may have been slewed by an amount between nothing
// and all that the kernel was given, so what is expected is a range.
type source struct {
	server string

	last     Sample
	at       time.Time // of last, by a clock that is never set
	known    bool
	missed   int           // rounds since
	lo, hi   time.Duration // by how much the offset is expected to have changed since, at least and at most
	jitter   time.Duration
	delays   []time.Duration // newest last
	slows    int
	odd      *Sample // the spike before
	err      error   // of the last question
	note     verdict // of the last answer
	rest     time.Duration
	restTill time.Time
}

// newSource returns a source of which nothing is known. Where the clock is synchronised already, the server is expected
// to agree, more or less.
func newSource(server string, synced bool, now time.Time) *source {
	s := &source{server: server}
	if synced {
		s.expect(now)
	}
	return s
}

// expect has the next answer compared with a clock that is right.
func (s *source) expect(now time.Time) {
	s.last, s.at, s.jitter = Sample{}, now, firstSpike/4
	s.lo, s.hi = 0, 0
}

// resting tells whether the server asked to be left alone, and for how long.
func (s *source) resting(now time.Time) bool { return now.Before(s.restTill) }

// refuse notes that the server asked to be left alone.
func (s *source) refuse(now time.Time) {
	s.rest = min(max(2*s.rest, restFirst), restMost)
	s.restTill = now.Add(s.rest)
}

// add filters an answer.
func (s *source) add(a Sample, now time.Time) verdict {
	s.err, s.rest = nil, 0
	s.note = s.judge(a, now)
	switch s.note {
	case usable:
		s.take(a, now)
	case slow:
		s.slows++
		s.missed++
	case spike:
		s.odd = &a
		s.missed++
	}
	return s.note
}

func (s *source) judge(a Sample, now time.Time) verdict {
	if s.at.IsZero() {
		return usable
	}
	if len(s.delays) >= slowMost && s.slows < slowMost {
		quickest := slices.Min(s.delays)
		if a.Delay > 2*quickest+slowLeast {
			return slow
		}
	}
	limit := max(4*s.jitter, spikeLeast) + aged(now.Sub(s.at))
	if s.deviation(a) <= limit {
		return usable
	}
	if s.odd != nil && (a.Offset-s.odd.Offset).Abs() <= limit {
		return usable
	}
	return spike
}

// deviation is how far an answer is from what was expected.
func (s *source) deviation(a Sample) time.Duration {
	switch from, to := s.last.Offset+s.lo, s.last.Offset+s.hi; {
	case a.Offset < from:
		return from - a.Offset
	case a.Offset > to:
		return a.Offset - to
	}
	return 0
}

func (s *source) take(a Sample, now time.Time) {
	if s.odd == nil && s.known { // a change that was confirmed is no jitter
		s.jitter += (s.deviation(a) - s.jitter) / 4
	} else if !s.known {
		s.jitter = max(a.Delay/4, time.Millisecond)
	}
	if s.slows >= slowMost {
		s.delays = nil
	}
	s.delays = append(s.delays, a.Delay)
	if len(s.delays) > delaysKept {
		s.delays = slices.Delete(s.delays, 0, 1)
	}
	s.last, s.at, s.known, s.missed = a, now, true, 0
	s.lo, s.hi, s.slows, s.odd = 0, 0, 0, nil
}

// miss notes that there was no answer.
func (s *source) miss(err error) {
	s.err = err
	s.missed++
}

// sample is what the server has to say in the vote, now or still.
func (s *source) sample(now time.Time) (Sample, bool) {
	if !s.known || s.missed >= votes {
		return Sample{}, false
	}
	a := s.last
	a.Stale = s.missed > 0
	a.Offset += (s.lo + s.hi) / 2
	a.Spread = s.jitter + (s.hi-s.lo)/2 + aged(now.Sub(s.at))
	return a, true
}

// slewed notes that the kernel was given a correction, of which some or all is done when the next answer comes.
func (s *source) slewed(by time.Duration) {
	if by > 0 {
		s.lo -= by
	} else {
		s.hi -= by
	}
}

// stepped notes that the clock was set.
func (s *source) stepped(by time.Duration) {
	s.last.Offset -= by
	s.odd = nil
}

// aged is how much two clocks may have drifted apart in a span.
func aged(span time.Duration) time.Duration { return time.Duration(drift * float64(max(span, 0))) }
