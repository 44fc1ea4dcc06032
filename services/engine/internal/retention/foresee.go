package retention

import "sort"

// DayBytes is what started on one day.
type DayBytes struct {
	Day   int64 // UTC, since the Unix epoch
	Bytes int64
}

// Promise is what a camera's recordings of one kind are promised, and what they need for it.
type Promise struct {
	MinDays     int
	BytesPerDay int64      // at the present rate
	Days        []DayBytes // there now, unprotected, in order of day
}

// Foresight tells how promises will hold at the present rates.
type Foresight struct {
	Holds bool
	Share float64 // of their days that fit, when they do not hold: each promise gets this part
	Days  int     // until the first promised recording must go
}

// Foresee tells whether promises fit into roomBytes: what all volumes that take recordings may hold together, without
// what is protected and what is no recording. It walks day by day to where the longest promise is filled.
func Foresee(promises []Promise, roomBytes, nowMs int64) Foresight {
	longest := 0
	sums := make([]suffix, len(promises))
	for i, p := range promises {
		longest = max(longest, p.MinDays)
		sums[i] = newSuffix(p.Days)
	}
	now := float64(nowMs) / DayMs
	f := Foresight{Holds: true}
	var most float64
	for t := 0; t <= longest; t++ {
		need := 0.0
		for i, p := range promises {
			need += sums[i].from(now+float64(t-p.MinDays), now) + float64(p.BytesPerDay)*float64(min(t, p.MinDays))
		}
		if need > float64(max(0, roomBytes)) && f.Holds {
			f.Holds, f.Days = false, t
		}
		most = max(most, need)
	}
	if !f.Holds {
		f.Share = float64(max(0, roomBytes)) / most
	}
	return f
}

// suffix sums up bytes by day from the newest back.
type suffix struct {
	days []DayBytes
	sum  []int64 // from each day on
}

func newSuffix(days []DayBytes) suffix {
	s := suffix{days, make([]int64, len(days)+1)}
	for i := len(days) - 1; i >= 0; i-- {
		s.sum[i] = s.sum[i+1] + days[i].Bytes
	}
	return s
}

// from is what is younger than an instant, in days; the day that it lies in counts in part.
func (s suffix) from(at, now float64) float64 {
	i := sort.Search(len(s.days), func(i int) bool { return float64(s.days[i].Day+1) > at })
	if i == len(s.days) {
		return 0
	}
	total := float64(s.sum[i])
	if start, end := float64(s.days[i].Day), min(float64(s.days[i].Day+1), now); start < at && start < end {
		total -= float64(s.days[i].Bytes) * min(1, (at-start)/(end-start))
	}
	return total
}

// meanOver is how many whole days the present rate is a mean of, with the one that has begun.
const meanOver = 7

// BytesPerDay is the mean of the last days. firstMs is when the camera's recordings begin, of whatever kind: what has
// recorded for an hour is foreseen from that hour.
func BytesPerDay(days []DayBytes, firstMs, nowMs int64) int64 {
	from := nowMs/DayMs - meanOver
	var sum int64
	for i := len(days) - 1; i >= 0 && days[i].Day >= from; i-- {
		sum += days[i].Bytes
	}
	spanMs := max(nowMs-max(from*DayMs, firstMs), DayMs/24)
	return int64(float64(sum) / float64(spanMs) * DayMs)
}
