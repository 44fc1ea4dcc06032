package retention

import (
	"math/rand/v2"
	"testing"
)

func TestPlan(t *testing.T) {
	const gb = 1 << 30
	ten := make([]Candidate, 10)
	for i := range ten {
		ten[i].SizeBytes = gb
	}
	for _, c := range []struct {
		name string
		v    Volume
		c    []Candidate
		want int
	}{
		{"under the limit nothing goes", Volume{100 * gb, 6 * gb, 95}, ten, 0},
		{"exactly at the limit nothing goes", Volume{100 * gb, 5 * gb, 95}, ten, 0},
		{"a byte over costs one segment", Volume{100 * gb, 5*gb - 1, 95}, ten, 1},
		{"two and a half over cost three", Volume{100 * gb, 5*gb - 5*gb/2, 95}, ten, 3},
		{"a lower limit wants more", Volume{100 * gb, 5 * gb, 90}, ten, 5},
		{"all goes and it is not enough", Volume{100 * gb, 0, 50}, ten, 10},
		{"nothing to delete", Volume{100 * gb, 0, 95}, nil, 0},
		{"the reserve counts where the percentage leaves less", Volume{20 * gb, 200 << 20, 99}, ten, 1},
		{"a small volume keeps a twentieth", Volume{gb, gb / 20, 99}, ten, 0},
		{"a small volume over its twentieth", Volume{gb, gb/20 - 1, 99}, ten, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Plan(c.v, c.c)
			if len(got) != c.want {
				t.Fatalf("got %d deletions, want %d", len(got), c.want)
			}
			for i, d := range got {
				if d.Index != i || d.Reason == "" {
					t.Fatalf("deletion %d: %+v", i, d)
				}
			}
		})
	}
}

func TestPlanTakesTheShortestPrefixThatIsEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		v := Volume{SizeBytes: 1 + r.Int64N(1<<42), LimitPercent: 10 + r.IntN(90)}
		v.FreeBytes = r.Int64N(v.SizeBytes + 1)
		cs := make([]Candidate, r.IntN(20))
		var all int64
		for i := range cs {
			cs[i].SizeBytes = r.Int64N(v.SizeBytes/10 + 1)
			all += cs[i].SizeBytes
		}
		got := Plan(v, cs)
		var freed int64
		for i, d := range got {
			if d.Index != i {
				t.Fatalf("not a prefix: %+v", got)
			}
			if freed >= v.Excess() {
				t.Fatalf("%+v: %d deletions though %d were enough", v, len(got), i)
			}
			freed += cs[i].SizeBytes
		}
		if freed < min(v.Excess(), all) {
			t.Fatalf("%+v: frees %d of %d", v, freed, v.Excess())
		}
	}
}
