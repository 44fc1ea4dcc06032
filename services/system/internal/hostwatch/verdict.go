package hostwatch

import (
	"fmt"
	"slices"
	"time"

	"vigie/internal/answer"
)

// State is how a host is.
type State string

// The states, as in the API.
const (
	Waiting State = "waiting" // too few requests to tell
	Up      State = "up"
	Slow    State = "slow"  // answers later than it should
	Lossy   State = "lossy" // leaves more requests unanswered than it should
	Down    State = "down"
)

const (
	// recentMost is how many requests a state goes by.
	recentMost = 20
	// fewest is how many it takes to tell anything.
	fewest = 3
	// silence is how many unanswered in a row make a host down.
	silence = fewest
	// lossFewest is how many it takes to speak of loss: with fewer, one would be a lot.
	lossFewest = 10
)

// probe is one request.
type probe struct {
	rtt  time.Duration
	lost string // why there was no answer; empty: there was one
}

// limits are a host's thresholds.
type limits struct {
	lossPercent int
	latency     time.Duration // zero: none
}

// summary is what the recent requests amount to.
type summary struct {
	lossPercent int
	median      time.Duration // of those answered; zero: none was
}

func sum(recent []probe) summary {
	var s summary
	var times []time.Duration
	for _, p := range recent {
		if p.lost == "" {
			times = append(times, p.rtt)
		}
	}
	if len(recent) > 0 {
		s.lossPercent = 100 * (len(recent) - len(times)) / len(recent)
	}
	if len(times) > 0 {
		slices.Sort(times)
		s.median = times[len(times)/2]
	}
	return s
}

// judge says how a host is that was in a state, by its recent requests, `fewest` or more, oldest first; and why, for people.
func judge(was State, recent []probe, l limits) (State, string) {
	last := recent[len(recent)-silence:]
	if !slices.ContainsFunc(last, func(p probe) bool { return p.lost == "" }) {
		return Down, answer.Sentence(last[silence-1].lost)
	}
	if was == Down && recent[len(recent)-1].lost != "" {
		return Down, answer.Sentence(recent[len(recent)-1].lost)
	}
	s := sum(recent)
	// One that is well again must be so clearly.
	mostLoss, mostLatency := l.lossPercent, l.latency
	if was == Lossy {
		mostLoss = max(1, mostLoss/2)
	}
	if was == Slow {
		mostLatency = mostLatency * 4 / 5
	}
	if len(recent) >= lossFewest && s.lossPercent >= mostLoss {
		return Lossy, fmt.Sprintf("%d %% of the last %d requests were not answered.", s.lossPercent, len(recent))
	}
	if l.latency > 0 && s.median >= mostLatency {
		return Slow, fmt.Sprintf("Its answers take %s.", milliseconds(s.median))
	}
	return Up, ""
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
