package calendar

import (
	"time"
)

// horizon is how far ahead a change is looked for: every holiday that comes yearly is within, leap days apart.
const horizon = 370 * 24 * time.Hour

// Book is all calendars, the holidays and the time zone as they are at one moment.
type Book struct {
	zone     *time.Location
	holidays map[date]bool
	weeks    map[string]*Week
}

// Has tells whether there is a calendar of that id.
func (b *Book) Has(id string) bool { return b.weeks[id] != nil }

// Zone is the machine's time zone.
func (b *Book) Zone() *time.Location { return b.zone }

// On tells what a calendar says at an instant.
func (b *Book) On(id string, t time.Time) bool {
	w := b.weeks[id]
	return w == nil || b.on(w, t.In(b.zone))
}

// Span tells what a calendar says at an instant and until when it says so; until is zero when no change is in sight.
func (b *Book) Span(id string, t time.Time) (on bool, until time.Time) {
	w := b.weeks[id]
	if w == nil {
		return true, time.Time{}
	}
	t = t.In(b.zone)
	return b.on(w, t), b.next(w, t)
}

// on is what a week says at an instant, which must be in the zone.
func (b *Book) on(w *Week, t time.Time) bool {
	hour, minute, _ := t.Clock()
	return b.row(w, t)[hour*4+minute/15]
}

// row is the row of the week that counts on the day of an instant in the zone.
func (b *Book) row(w *Week, t time.Time) *Day {
	year, month, day := t.Date()
	if b.holidays[date{year, month, day}] || b.holidays[date{0, month, day}] {
		return &w[holiday]
	}
	return &w[t.Weekday()]
}

// next returns the first instant after t at which the week says something else than at t. Between two changes of the
// zone's offset the wall clock and time run alike, so it goes by quarter hours of the wall clock, by days where a day
// says the same throughout, and looks again at each change of the offset.
func (b *Book) next(w *Week, t time.Time) time.Time {
	now, end := b.on(w, t), t.Add(horizon)
	if w.all(now) {
		return time.Time{}
	}
	for {
		step := int64(24 * 3600)
		if !b.row(w, t).all(now) {
			step = 15 * 60
		}
		_, offset := t.Zone()
		wall := t.Unix() + int64(offset)
		next := time.Unix(t.Unix()+step-wall%step, 0).In(b.zone)
		if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(next) {
			next = change.In(b.zone)
		}
		if b.on(w, next) != now {
			return next
		}
		if t = next; t.After(end) {
			return time.Time{}
		}
	}
}

// all tells whether the week says v all the time.
func (w *Week) all(v bool) bool {
	for d := range w {
		if !w[d].all(v) {
			return false
		}
	}
	return true
}
