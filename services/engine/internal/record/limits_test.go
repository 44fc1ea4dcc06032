package record

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vigie/services/engine/internal/index"
)

// cutTimes are when the segments of cameras that all begin at 0 end, up to an instant. Each has a keyframe in gop, in a phase
// of its own, and sends bytes a second.
func cutTimes(ids []string, l Limits, gop, until time.Duration, bytes int64, phase func() time.Duration) (cuts [][]time.Duration) {
	for _, id := range ids {
		s := staggerOf(id, "main", index.Standard)
		var own []time.Duration
		begun := time.Duration(0)
		for at := phase(); at < until; at += gop {
			if age := at - begun; l.reached(s, len(own) > 0, age, int64(age.Seconds()*float64(bytes))) {
				own = append(own, at)
				begun = at
			}
		}
		cuts = append(cuts, own)
	}
	return cuts
}

// crowd is the most cuts within any second.
func crowd(cuts []time.Duration) (most int) {
	slices.Sort(cuts)
	for i, first := 0, 0; i < len(cuts); i++ {
		for cuts[i]-cuts[first] >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func randomIDs(r *rand.Rand, n int) (ids []string) {
	for range n {
		ids = append(ids, fmt.Sprintf("%08x", r.Uint32()))
	}
	return ids
}

// A hundred cameras that began in the same instant, as after a start of the machine.
func TestCutsOfAHundredCamerasAreStaggered(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ids := randomIDs(r, 100)
	phase := func() time.Duration { return time.Duration(r.Int64N(int64(time.Second))) }
	const longest, shortest = 302 * time.Second, 269 * time.Second
	for _, c := range []struct {
		name   string
		limits Limits
	}{
		{"by length", Limits{5 * time.Minute, 1 << 30}},
		{"by size", Limits{50 * time.Minute, 150_000_000}}, // what comes in five minutes
	} {
		cuts := cutTimes(ids, c.limits, time.Second, 4*time.Hour, 500_000, phase)
		histogram := make([]int, 10) // of the first five minutes, by 30 s
		var all []time.Duration
		for i, own := range cuts {
			all = append(all, own...)
			if own[0] > longest {
				t.Errorf("%s: camera %d has a first segment of %v", c.name, i, own[0])
			}
			for j, at := range own[1:] {
				if d := at - own[j]; d < shortest || d > longest {
					t.Errorf("%s: camera %d has a segment of %v", c.name, i, d)
				}
			}
			for _, at := range own {
				if n := int(at / (30 * time.Second)); n < len(histogram) {
					histogram[n]++
				}
			}
		}
		t.Logf("%s: cuts in the first five minutes, by 30 s: %v; most within one second in four hours: %d", c.name, histogram, crowd(all))
		for n, cuts := range histogram[1:] {
			if cuts < 3 || cuts > 20 {
				t.Errorf("%s: %d cuts in half minute %d", c.name, cuts, n+1)
			}
		}
		if crowd(all) > 6 { // of 0.36 on average
			t.Errorf("%s: %d cuts within one second", c.name, crowd(all))
		}
	}
}

// TestLimitsEndSegmentsInTime: whatever the limits and the camera, a segment that continues another goes on until nine tenths
// of the limit that it reaches first, ends at the first keyframe past it, and is never longer than a segment may be.
func TestLimitsEndSegmentsInTime(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		l := Limits{time.Duration(10+r.IntN(3291)) * time.Second, (4 + r.Int64N(4093)) << 20}
		s := staggerOf(randomIDs(r, 1)[0], "main", index.Standard)
		if s.each < 0 || s.each > 102 || s.first < 0 || s.first > 921 {
			t.Fatalf("shares of %+v/1024", s)
		}
		age, bytes := time.Duration(r.Int64N(int64(time.Hour))), r.Int64N(5<<30)
		for _, continues := range []bool{false, true} {
			least := int64(10) // in hundredths of the limit
			if continues {
				least = 90
			}
			got := l.reached(s, continues, age, bytes)
			switch {
			case !got && (age >= min(l.Length, maxLength) || bytes >= l.Bytes):
				t.Fatalf("%+v goes on at %v with %d bytes", l, age, bytes)
			case got && age < min(l.Length, maxLength)*time.Duration(least)/100 && bytes < l.Bytes/100*least:
				t.Fatalf("%+v ends at %v with %d bytes", l, age, bytes)
			case got && (!l.reached(s, continues, age+time.Second, bytes) || !l.reached(s, continues, age, bytes+1)):
				t.Fatalf("%+v ends at %v with %d bytes, but not later", l, age, bytes)
			}
		}
	}
}
