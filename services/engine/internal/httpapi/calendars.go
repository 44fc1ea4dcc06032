package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Calendars is where calendars and holidays are looked up and changed. Errors that are an *answer.Problem reach the
// client as they are.
type Calendars interface {
	Calendars() ([]api.Calendar, error)
	AddCalendar(r api.CalendarRequest) (api.Calendar, error)
	ChangeCalendar(id string, r api.CalendarRequest) (api.Calendar, error)
	DeleteCalendar(id string) error
	Holidays() ([]api.Holiday, error)
	SetHolidays(r []api.Holiday) ([]api.Holiday, error)
}

func (s *server) listCalendars(w http.ResponseWriter, _ *http.Request) error {
	list, err := s.Calendars.Calendars()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, list)
	return nil
}

func (s *server) addCalendar(w http.ResponseWriter, r *http.Request) error {
	var req api.CalendarRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	c, err := s.Calendars.AddCalendar(req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, c)
	return nil
}

func (s *server) putCalendar(w http.ResponseWriter, r *http.Request) error {
	var req api.CalendarRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	c, err := s.Calendars.ChangeCalendar(r.PathValue("calendar"), req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, c)
	return nil
}

func (s *server) deleteCalendar(w http.ResponseWriter, r *http.Request) error {
	if err := s.Calendars.DeleteCalendar(r.PathValue("calendar")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) getHolidays(w http.ResponseWriter, _ *http.Request) error {
	list, err := s.Calendars.Holidays()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, list)
	return nil
}

func (s *server) putHolidays(w http.ResponseWriter, r *http.Request) error {
	var req []api.Holiday
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	list, err := s.Calendars.SetHolidays(req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, list)
	return nil
}
