package clock

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Leap is what happens at the end of the month's last day in UTC.
type Leap int

// The leaps.
const (
	LeapNone Leap = iota
	LeapAdd
	LeapDelete
)

// Sample is one server's answer.
type Sample struct {
	Server string
	Addr   netip.Addr    // the one that answered
	Offset time.Duration // to add to our clock
	Delay  time.Duration // there and back
	// RootDelay and RootDispersion are the server's own, towards the clock that all goes back to.
	RootDelay, RootDispersion time.Duration
	Stratum                   int
	Leap                      Leap
	// Spread widens what the answer may be off, by its server's jitter and by its age.
	Spread time.Duration
	// Stale is an answer of an earlier round: it has a vote, but is not followed.
	Stale bool
}

// Distance is how far off the answer may be at most (RFC 5905, root distance).
func (s Sample) Distance() time.Duration {
	return (s.Delay+s.RootDelay)/2 + s.RootDispersion + s.Spread
}

// Choice is what is made of all answers.
type Choice struct {
	Sample          // the one followed
	False  []string // servers whose time cannot be right
	Doubt  string   // for people: why the choice is not sure; empty when it is
}

var (
	errNoAnswer  = errors.New("no server answers")
	errDisagrees = errors.New("the servers disagree, and no majority agrees")
)

// minDistance is the least error that an answer is taken to have: below it two good servers would "disagree".
const minDistance = 5 * time.Millisecond

// Choose finds the largest group of servers whose answers can all be true at once (Marzullo's algorithm, RFC 5905,
// 11.2.1), and in it follows the one that may be off least; followed is kept while it is nearly as good. Samples are
// in the administrator's order of preference: with two servers that disagree nothing says who is right, and the first
// is followed. Three or more without a majority change nothing. A stale sample is chosen only where there is no other.
func Choose(samples []Sample, followed string) (Choice, error) {
	if len(samples) == 0 {
		return Choice{}, errNoAnswer
	}
	best := agree(samples)
	var c Choice
	switch {
	case 2*len(best) > len(samples):
	case len(samples) == 2:
		best = samples[:1]
		c.Doubt = fmt.Sprintf("%s and %s disagree by %s; the first is followed. A third server would tell who is right.",
			samples[0].Server, samples[1].Server, round(samples[0].Offset-samples[1].Offset))
	default:
		return Choice{}, errDisagrees
	}
	c.Sample = slices.MinFunc(best, func(a, b Sample) int {
		if a.Stale != b.Stale {
			return order(a.Stale) - order(b.Stale)
		}
		return int(a.Distance() - b.Distance())
	})
	for _, s := range best {
		if s.Server == followed && s.Stale == c.Stale && s.Distance() <= c.Distance()*3/2+minDistance {
			c.Sample = s
		}
	}
	for _, s := range samples {
		if !slices.Contains(best, s) && c.Doubt == "" {
			c.False = append(c.False, s.Server)
		}
	}
	if len(c.False) > 0 {
		c.Doubt = "Not believed, because the others agree on another time: " + strings.Join(c.False, ", ") + "."
	}
	return c, nil
}

func order(last bool) int {
	if last {
		return 1
	}
	return 0
}

// agree returns the largest set of samples whose intervals share a point; of equal sets the one that comes first.
func agree(samples []Sample) []Sample {
	var best []Sample
	for _, edge := range samples {
		point := low(edge) // a largest set shares the lower end of one of its members
		var set []Sample
		for _, s := range samples {
			if low(s) <= point && point <= high(s) {
				set = append(set, s)
			}
		}
		if len(set) > len(best) {
			best = set
		}
	}
	return best
}

func low(s Sample) time.Duration  { return s.Offset - max(s.Distance(), minDistance) }
func high(s Sample) time.Duration { return s.Offset + max(s.Distance(), minDistance) }

// round shows a duration with a sensible number of digits.
func round(d time.Duration) string {
	d = d.Abs()
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}
