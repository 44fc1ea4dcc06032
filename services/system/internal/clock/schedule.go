package clock

import "time"

// schedule is when a clock that is not kept all the time is set: times of the day by the wall clock of a zone.
type schedule struct {
	minutes []int // since midnight; none: the clock is kept all the time
	zone    *time.Location
}

// parseSchedule reads times as sysconfig validated them; what it did not is left out.
func parseSchedule(times []string, zone string) schedule {
	s := schedule{zone: time.UTC}
	if loc, err := time.LoadLocation(zone); err == nil {
		s.zone = loc
	}
	for _, text := range times {
		if t, err := time.Parse("15:04", text); err == nil {
			s.minutes = append(s.minutes, t.Hour()*60+t.Minute())
		}
	}
	return s
}

func (s schedule) always() bool { return len(s.minutes) == 0 }

// next is the first set time after an instant. A time that a day has not (it goes to summer time then) comes with the
// hour that it has instead; one that it has twice comes once.
func (s schedule) next(after time.Time) time.Time {
	var next time.Time
	year, month, day := after.In(s.zone).Date()
	for d := range 2 {
		for _, m := range s.minutes {
			t := time.Date(year, month, day+d, m/60, m%60, 0, 0, s.zone)
			if t.After(after) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}
