package retention

import (
	"math"
	"testing"
)

// daily is n gigabytes a day, for the last so many days up to now.
func daily(n, back int64) (out []DayBytes) {
	for d := back; d >= 1; d-- {
		out = append(out, DayBytes{now/DayMs - d, n * gb})
	}
	return out
}

func TestForesee(t *testing.T) {
	for _, c := range []struct {
		name     string
		promises []Promise
		room     int64 // GB
		want     Foresight
	}{
		{"no promise", nil, 0, Foresight{Holds: true}},
		{"it fits exactly", []Promise{{30, gb, daily(1, 30)}}, 30, Foresight{Holds: true}},
		{"a new recorder that has room", []Promise{{30, gb, nil}}, 30, Foresight{Holds: true}},
		{"a new recorder that is too small tells so on its first day", []Promise{{30, 2 * gb, nil}}, 30, Foresight{Share: 0.5, Days: 16}},
		{"two cameras share", []Promise{{10, gb, daily(1, 3)}, {20, gb, daily(1, 3)}}, 24, Foresight{Share: 0.8, Days: 12}},
		{"the rate has risen", []Promise{{10, 3 * gb, daily(1, 10)}}, 20, Foresight{Share: 2. / 3, Days: 6}},
		{"the rate has fallen, but not in time", []Promise{{10, gb / 2, daily(3, 10)}}, 20, Foresight{Share: 2. / 3}},
		{"no room at all", []Promise{{10, gb, nil}}, -5, Foresight{Days: 1}},
		{"footage older than the promise needs no room", []Promise{{10, gb, daily(1, 90)}}, 10, Foresight{Holds: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Foresee(c.promises, c.room*gb, now)
			if got.Holds != c.want.Holds || math.Abs(got.Share-c.want.Share) > 1e-9 || got.Days != c.want.Days {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestADayCountsInPart(t *testing.T) {
	noon := int64(now + DayMs/2)
	p := []Promise{{1, 0, []DayBytes{{99, 2 * gb}, {100, gb}}}}
	if f := Foresee(p, 2*gb, noon); !f.Holds { // half of yesterday, all of today
		t.Errorf("%+v", f)
	}
	if f := Foresee(p, 2*gb-1, noon); f.Holds {
		t.Errorf("%+v", f)
	}
}

func TestBytesPerDay(t *testing.T) {
	for _, c := range []struct {
		name  string
		days  []DayBytes
		first int64
		now   int64
		want  int64
	}{
		{"steady", daily(5, 40), 0, now, 5 * gb},
		{"the last days count", append(daily(5, 40)[:33], daily(7, 7)...), 0, now, 7 * gb},
		{"a day that has begun", []DayBytes{{100, gb}}, now, now + DayMs/4, 4 * gb},
		{"the first minutes count as an hour", []DayBytes{{100, gb}}, now, now + 60_000, 24 * gb},
		{"alarms of one day in seven", []DayBytes{{97, 7 * gb}}, 0, now, gb},
		{"long ago", []DayBytes{{50, gb}}, 0, now, 0},
		{"nothing", nil, now, now, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := BytesPerDay(c.days, c.first, c.now); math.Abs(float64(got-c.want)) > 2 {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
