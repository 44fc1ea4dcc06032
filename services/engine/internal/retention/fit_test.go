package retention

import (
	"math"
	"testing"
)

func TestFit(t *testing.T) {
	const std, alarm = "standard", "alarm"
	for _, c := range []struct {
		name  string
		wants []Want
		room  int64 // GB
		days  []float64
	}{
		{"nothing", nil, 10, nil},
		{"one without bounds has all", []Want{{std, 0, 0, 2 * gb}}, 10, []float64{5}},
		{"targets share in proportion", []Want{{std, 30, 0, gb}, {std, 10, 0, gb}}, 20, []float64{15, 5}},
		{"a target is not passed, and leaves the rest", []Want{{std, 5, 0, gb}, {std, 0, 0, gb}}, 20, []float64{5, 15}},
		{"all that is bounded fits", []Want{{std, 5, 0, gb}, {alarm, 7, 0, gb}}, 100, []float64{5, 7}},
		{"a promise comes first", []Want{{std, 30, 20, gb}, {std, 30, 0, gb}}, 30, []float64{20, 10}},
		{"promises that do not fit shrink alike", []Want{{std, 0, 20, gb}, {alarm, 0, 10, gb}, {std, 0, 0, gb}}, 15, []float64{10, 5, 0}},
		{"what records nothing", []Want{{std, 30, 0, 0}, {std, 30, 0, gb}}, 10, []float64{Unknown, 10}},
		{"no room", []Want{{std, 0, 7, gb}}, -5, []float64{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Fit(c.wants, c.room*gb)
			if len(got) != len(c.days) {
				t.Fatalf("got %v, want %v", got, c.days)
			}
			for i := range got {
				if math.Abs(got[i]-c.days[i]) > 1e-6 {
					t.Errorf("got %v, want %v", got, c.days)
				}
			}
		})
	}
}
