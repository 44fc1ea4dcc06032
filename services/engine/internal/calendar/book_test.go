package calendar

import (
	"math/rand/v2"
	"testing"
	"time"
)

// only returns a week that says yes from one quarter hour to another of some days.
func only(from, to string, days ...int) (w Week) {
	a, _ := quarterOf(from)
	b, _ := quarterOf(to)
	for _, d := range days {
		for q := a; q < b; q++ {
			w[d][q] = true
		}
	}
	return w
}

var weekdays = []int{1, 2, 3, 4, 5}

func book(t *testing.T, zone string, w Week, holidays ...date) *Book {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	b := &Book{zone: loc, weeks: map[string]*Week{"w": &w}, holidays: map[date]bool{}}
	for _, h := range holidays {
		b.holidays[h] = true
	}
	return b
}

// TestSpans names instants in UTC. Times of changes of offset are those of the IANA database.
func TestSpans(t *testing.T) {
	night := only("22:00", "24:00", 0, 1, 2, 3, 4, 5, 6)
	for d := range 7 {
		for q := range 4 * 6 {
			night[d][q] = true
		}
	}
	christmas := only("08:00", "18:00", weekdays...)
	for _, c := range []struct {
		name, zone string
		week       Week
		holidays   []date
		at         string
		on         bool
		until      string // empty: no change in sight
	}{
		{"always", "Europe/Paris", week(true), nil, "2026-11-26T00:00:00Z", true, ""},
		{"never", "Europe/Paris", week(false), nil, "2026-11-26T00:00:00Z", false, ""},
		{"office hours, before", "UTC", only("08:00", "18:15", weekdays...), nil, "2026-11-26T07:59:59Z", false, "2026-11-26T08:00:00Z"},
		{"at the start", "UTC", only("08:00", "18:15", weekdays...), nil, "2026-11-26T08:00:00Z", true, "2026-11-26T18:15:00Z"},
		{"at the end", "UTC", only("08:00", "18:15", weekdays...), nil, "2026-11-26T18:15:00Z", false, "2026-11-27T08:00:00Z"},
		{"over the weekend", "UTC", only("08:00", "18:15", weekdays...), nil, "2026-11-27T18:15:00Z", false, "2026-11-30T08:00:00Z"},
		{"the wall clock counts", "Asia/Kolkata", only("08:00", "18:15", weekdays...), nil, "2026-11-26T02:29:00Z", false, "2026-11-26T02:30:00Z"},
		{"three quarters of an hour", "Asia/Kathmandu", only("00:15", "00:30", 4), nil, "2026-11-25T18:29:00Z", false, "2026-11-25T18:30:00Z"},
		{"over midnight without a break", "UTC", night, nil, "2026-11-26T23:00:00Z", true, "2026-11-27T06:00:00Z"},
		{"a holiday", "UTC", christmas, []date{{2026, 12, 25}}, "2026-12-24T18:00:00Z", false, "2026-12-28T08:00:00Z"},
		{"another year's is none", "UTC", christmas, []date{{2025, 12, 25}}, "2026-12-24T18:00:00Z", false, "2026-12-25T08:00:00Z"},
		{"every year", "UTC", christmas, []date{{0, 12, 25}}, "2029-12-24T18:00:00Z", false, "2029-12-26T08:00:00Z"},
		{"a holiday begins at local midnight", "America/New_York", only("00:00", "24:00", weekdays...), []date{{2026, 11, 26}}, "2026-11-26T04:00:00Z", true, "2026-11-26T05:00:00Z"},
		{"holidays alone", "UTC", only("10:00", "12:00", holiday), []date{{0, 2, 1}}, "2026-02-01T12:00:00Z", false, "2027-02-01T10:00:00Z"},
		{"no holiday in sight", "UTC", only("10:00", "12:00", holiday), []date{{2031, 2, 1}}, "2026-02-01T12:00:00Z", false, ""},
		{"leap day", "UTC", only("00:00", "24:00", holiday), []date{{0, 2, 29}}, "2028-02-28T12:00:00Z", false, "2028-02-29T00:00:00Z"},

		// Europe/Paris, 2026-10-25 03:00 CEST → 02:00 CET: the hour from two to three comes twice.
		{"the repeated hour, first", "Europe/Paris", only("02:00", "02:30", 0), nil, "2026-10-24T23:59:00Z", false, "2026-10-25T00:00:00Z"},
		{"its first half ends", "Europe/Paris", only("02:00", "02:30", 0), nil, "2026-10-25T00:00:00Z", true, "2026-10-25T00:30:00Z"},
		{"and it comes again", "Europe/Paris", only("02:00", "02:30", 0), nil, "2026-10-25T00:30:00Z", false, "2026-10-25T01:00:00Z"},
		{"its second half ends", "Europe/Paris", only("02:00", "02:30", 0), nil, "2026-10-25T01:00:00Z", true, "2026-10-25T01:30:00Z"},
		{"throughout, an hour longer", "Europe/Paris", only("01:00", "04:00", 0), nil, "2026-10-24T23:00:00Z", true, "2026-10-25T03:00:00Z"},
		{"the last quarter before, twice", "Europe/Paris", only("02:45", "03:00", 0), nil, "2026-10-25T00:45:00Z", true, "2026-10-25T01:00:00Z"},
		// Europe/Paris, 2026-03-29 02:00 CET → 03:00 CEST: the hour from two to three never comes.
		{"the skipped hour", "Europe/Paris", only("02:00", "03:00", 0), nil, "2026-03-28T00:00:00Z", false, "2026-04-05T00:00:00Z"},
		{"begins in the skipped hour", "Europe/Paris", only("02:30", "04:00", 0), nil, "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
		{"ends in the skipped hour", "Europe/Paris", only("01:00", "02:30", 0), nil, "2026-03-29T00:00:00Z", true, "2026-03-29T01:00:00Z"},
		{"throughout, an hour shorter", "Europe/Paris", only("01:00", "04:00", 0), nil, "2026-03-29T00:00:00Z", true, "2026-03-29T02:00:00Z"},
		// Australia/Lord_Howe changes by half an hour: 2026-04-05 02:00 +11 → 01:30 +10:30.
		{"half an hour repeated", "Australia/Lord_Howe", only("01:30", "01:45", 0), nil, "2026-04-04T14:45:00Z", false, "2026-04-04T15:00:00Z"},
		// Chile changes at midnight: 2026-04-04 24:00 -03 → 23:00 -04, so that Saturday's last hour comes twice.
		{"the day that ends twice", "America/Santiago", only("23:00", "24:00", 6), nil, "2026-04-05T02:00:00Z", true, "2026-04-05T04:00:00Z"},
		// and 2026-09-05 24:00 -04 → Sunday 01:00 -03: Sunday has no first hour.
		{"the day that begins at one", "America/Santiago", only("00:00", "02:00", 0), nil, "2026-09-06T03:00:00Z", false, "2026-09-06T04:00:00Z"},
		{"and ends as ever", "America/Santiago", only("00:00", "02:00", 0), nil, "2026-09-06T04:00:00Z", true, "2026-09-06T05:00:00Z"},
		// Samoa left out Friday, 30 December 2011, when it crossed the date line.
		{"a day that never came", "Pacific/Apia", only("00:00", "24:00", 5), nil, "2011-12-30T09:00:00Z", false, "2012-01-05T10:00:00Z"},
		// Egypt's summer time of 2023 began with a Friday at midnight.
		{"new summer time", "Africa/Cairo", only("01:00", "02:00", 5), nil, "2023-04-27T21:00:00Z", false, "2023-04-27T22:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		on, until := book(t, c.zone, c.week, c.holidays...).Span("w", at)
		got := ""
		if !until.IsZero() {
			got = until.UTC().Format(time.RFC3339)
		}
		if on != c.on || got != c.until {
			t.Errorf("%s: at %s got %v until %q, want %v until %q", c.name, c.at, on, got, c.on, c.until)
		}
	}
}

func TestWhatIsNotKnownIsRecorded(t *testing.T) {
	if on, until := book(t, "UTC", week(false)).Span("gone", time.Now()); !on || !until.IsZero() {
		t.Errorf("%v, %v", on, until)
	}
}

// TestTheNextChangeIsTheFirstThatAWallClockShows holds random weeks in random zones against looking every minute.
func TestTheNextChangeIsTheFirstThatAWallClockShows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 28))
	zones := []string{"UTC", "Europe/Paris", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago",
		"Africa/Casablanca", "Pacific/Apia", "Asia/Tehran", "Pacific/Chatham", "Europe/London"}
	for i := range 400 {
		zone := zones[i%len(zones)]
		var w Week
		for d := range w {
			switch rnd.IntN(4) {
			case 0: // an empty day
			case 1:
				w[d] = week(true)[d]
			default:
				for q := 0; q < quarters; {
					n := 1 + rnd.IntN(40)
					on := rnd.IntN(2) == 0
					for ; n > 0 && q < quarters; n, q = n-1, q+1 {
						w[d][q] = on
					}
				}
			}
		}
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2005+rnd.IntN(30), 1, 1+rnd.IntN(365), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, loc)
		if i%2 == 0 { // near a change of offset, where there is one
			if _, change := at.ZoneBounds(); !change.IsZero() {
				at = change.Add(-time.Duration(rnd.IntN(86400)) * time.Second)
			}
		}
		day := at.AddDate(0, 0, 1)
		b := book(t, zone, w, date{day.Year(), day.Month(), day.Day()}, date{0, at.Month(), at.Day()})
		on, until := b.Span("w", at)
		want, found := at.Truncate(time.Minute), false
		for end := at.AddDate(0, 0, 9); want.Before(end); {
			if want = want.Add(time.Minute); b.On("w", want) != on {
				found = true
				break
			}
		}
		if on != b.On("w", at) || found && !until.Equal(want) || !found && !until.IsZero() && until.Before(want) {
			t.Fatalf("%s at %v: %v until %v, a clock on the wall says until %v (%v)\n%+v", zone, at, on, until, want, found, w.api())
		}
	}
}

// TestADayOfScheduledTimeSumsUp adds up the spans of days on which the offset changes.
func TestADayOfScheduledTimeSumsUp(t *testing.T) {
	for _, c := range []struct {
		day  int
		m    time.Month
		want time.Duration
	}{{25, time.October, 25 * time.Hour}, {29, time.March, 23 * time.Hour}, {26, time.November, 24 * time.Hour}} {
		w := week(true)
		for q := range 4 {
			w[0][12*4+q], w[4][12*4+q] = false, false // an hour at noon is left out
		}
		b := book(t, "Europe/Paris", w)
		from, sum := time.Date(2026, c.m, c.day, 0, 0, 0, 0, b.zone), time.Duration(0)
		end := time.Date(2026, c.m, c.day+1, 0, 0, 0, 0, b.zone)
		for at := from; at.Before(end); {
			on, until := b.Span("w", at)
			if until.IsZero() || until.After(end) {
				until = end
			}
			if on {
				sum += until.Sub(at)
			}
			at = until
		}
		if sum != c.want-time.Hour {
			t.Errorf("%d %s: %v scheduled, want %v", c.day, c.m, sum, c.want-time.Hour)
		}
	}
}
