package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the engine's zones are the same on every machine

	"vigie/internal/answer"
	"vigie/internal/api"
)

// quarters is how many quarter hours a day has.
const quarters = 96

// holiday is the place of the holidays' row in a Week, behind the weekdays.
const holiday = 7

// Day tells for each quarter hour of a day, by the wall clock, whether it is meant.
type Day [quarters]bool

// Week is a Day for each time.Weekday and, last, one for holidays. It is comparable.
type Week [holiday + 1]Day

// week returns the Week that says the same all the time.
func week(on bool) (w Week) {
	for d := range w {
		for q := range w[d] {
			w[d][q] = on
		}
	}
	return w
}

// rows names the days as the API does.
func rows(w *api.CalendarWeek) [holiday + 1]struct {
	name  string
	spans *[]api.DaySpan
} {
	return [holiday + 1]struct {
		name  string
		spans *[]api.DaySpan
	}{
		{"sunday", &w.Sunday}, {"monday", &w.Monday}, {"tuesday", &w.Tuesday}, {"wednesday", &w.Wednesday},
		{"thursday", &w.Thursday}, {"friday", &w.Friday}, {"saturday", &w.Saturday}, {"holiday", &w.Holiday},
	}
}

// weekOf reads a week as a request has it; spans of a day may touch and overlap. The error is an *answer.Problem.
func weekOf(r api.CalendarWeek) (w Week, err error) {
	for d, row := range rows(&r) {
		if len(*row.spans) > quarters/2 {
			return w, answer.Field("week."+row.name, "bad_span", "A day has at most 48 spans.")
		}
		for _, s := range *row.spans {
			from, ok := quarterOf(s.From)
			to, ok2 := quarterOf(s.To)
			switch {
			case !ok || from == quarters:
				return w, badTime(row.name, s.From)
			case !ok2:
				return w, badTime(row.name, s.To)
			case from >= to:
				return w, answer.Field("week."+row.name, "bad_span", fmt.Sprintf("The span from %s to %s ends before it starts; one over midnight is two, one for each day.", s.From, s.To))
			}
			for q := from; q < to; q++ {
				w[d][q] = true
			}
		}
	}
	return w, nil
}

func badTime(row, text string) error {
	if len(text) > 16 {
		text = text[:16] + "…"
	}
	return answer.Field("week."+row, "bad_span", fmt.Sprintf("%q is no quarter hour: write for example 08:00 or 18:15, and 24:00 for the end of the day.", text))
}

// quarterOf reads "hh:mm" in quarter hours since midnight; 24:00 is the end of the day.
func quarterOf(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	if !ok || len(h) != 2 || len(m) != 2 {
		return 0, false
	}
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes, err2 := strconv.ParseUint(m, 10, 8)
	if err != nil || err2 != nil || hours > 24 || minutes > 59 || minutes%15 != 0 || hours == 24 && minutes != 0 {
		return 0, false
	}
	return int(hours*4 + minutes/15), true
}

// api is the week as the API shows it: the fewest spans that say it.
func (w *Week) api() api.CalendarWeek {
	var out api.CalendarWeek
	for d, row := range rows(&out) {
		*row.spans = []api.DaySpan{}
		for q := 0; q < quarters; {
			if !w[d][q] {
				q++
				continue
			}
			from := q
			for q < quarters && w[d][q] {
				q++
			}
			*row.spans = append(*row.spans, api.DaySpan{From: clockOf(from), To: clockOf(q)})
		}
	}
	return out
}

func clockOf(q int) string { return fmt.Sprintf("%02d:%02d", q/4, q%4*15) }

// all tells whether every quarter hour of the day says v.
func (d *Day) all(v bool) bool {
	for _, q := range d {
		if q != v {
			return false
		}
	}
	return true
}

// date is a day of the calendar; year 0 stands for every year.
type date struct {
	year  int
	month time.Month
	day   int
}
