package camera

import (
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/calendar"
)

// uses tells whether a plan goes by a calendar.
func (p *Plan) uses(calendar string) bool {
	return p.Standard.Calendar == calendar || p.Alarm.Calendar == calendar
}

// checkCalendars refuses a plan that goes by a calendar that is not there. The caller holds change, as do all who delete
// one.
func (p *Plan) checkCalendars(b *calendar.Book) error {
	for _, c := range []struct{ field, id string }{{"standard", p.Standard.Calendar}, {"alarm", p.Alarm.Calendar}} {
		if !b.Has(c.id) {
			return answer.Field("recording."+c.field+".calendar", "no_calendar", "There is no such calendar; it may have been deleted.")
		}
	}
	return nil
}

// users are the names of the cameras whose plans go by a calendar, in order.
func (s *Set) users(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, sl := range s.slots {
		if sl.row.Plan.uses(id) {
			out = append(out, sl.row.Name)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return out
}

// Calendars returns all calendars.
func (s *Set) Calendars() ([]api.Calendar, error) {
	return s.cfg.Calendars.List(func(id string) int { return len(s.users(id)) })
}

// AddCalendar adds a calendar.
func (s *Set) AddCalendar(r api.CalendarRequest) (api.Calendar, error) {
	return s.cfg.Calendars.Add(r)
}

// ChangeCalendar replaces a calendar.
func (s *Set) ChangeCalendar(id string, r api.CalendarRequest) (api.Calendar, error) {
	c, err := s.cfg.Calendars.Change(id, r)
	c.Cameras = len(s.users(id))
	return c, err
}

// DeleteCalendar deletes a calendar that no camera uses.
func (s *Set) DeleteCalendar(id string) error {
	s.change.Lock()
	defer s.change.Unlock()
	return s.cfg.Calendars.Delete(id, enumerate(s.users(id)))
}

// Holidays returns the holidays.
func (s *Set) Holidays() ([]api.Holiday, error) { return s.cfg.Calendars.Holidays() }

// SetHolidays replaces the holidays.
func (s *Set) SetHolidays(r []api.Holiday) ([]api.Holiday, error) {
	return s.cfg.Calendars.SetHolidays(r)
}
