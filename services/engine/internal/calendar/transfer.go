package calendar

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
)

// Stored is a calendar as a configuration has it that is taken away.
type Stored struct {
	ID   string           `json:"id"`
	Name string           `json:"name"`
	Week api.CalendarWeek `json:"week"`
}

// Rows returns all calendars but those that are always there, and the holidays.
func Rows(tx *mirror.Tx) ([]Stored, []api.Holiday, error) {
	all, err := list(tx)
	if err != nil {
		return nil, nil, err
	}
	out := []Stored{}
	for _, c := range all {
		out = append(out, Stored{c.id, c.name, c.week.api()})
	}
	days, err := storedHolidays(tx)
	return out, days, err
}

// Check returns what came from outside in the order in which it is stored. The error is an *answer.Problem.
func Check(rows []Stored, days []api.Holiday) ([]Stored, []api.Holiday, error) {
	if len(rows) > maxCalendars {
		return nil, nil, answer.Refuse(http.StatusBadRequest, "too_many", fmt.Sprintf("The file has %d calendars; %d can be had.", len(rows), maxCalendars))
	}
	taken := map[string]bool{}
	for _, c := range builtin() {
		taken[c.id], taken["name "+strings.ToLower(c.name)] = true, true
	}
	out := []Stored{}
	for i, r := range rows {
		c, err := requested(r.ID, api.CalendarRequest{Name: r.Name, Week: r.Week})
		id, name := r.ID, "name "+strings.ToLower(c.name)
		var problem *answer.Problem
		switch {
		case errors.As(err, &problem):
			return nil, nil, badRow(i, r.Name, problem.Detail.Message)
		case err != nil:
			return nil, nil, err
		case id == "" || len(id) > 32 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
			return nil, nil, badRow(i, r.Name, "its id is none.")
		case taken[id] || taken[name]:
			return nil, nil, badRow(i, r.Name, "it is there twice.")
		}
		taken[id], taken[name] = true, true
		out = append(out, Stored{c.id, c.name, c.week.api()})
	}
	days, err := checkHolidays(days)
	return out, days, err
}

func badRow(i int, name, why string) *answer.Problem {
	return answer.Refuse(http.StatusBadRequest, "bad_calendar", fmt.Sprintf("Calendar %d of the file (%q): %s", i+1, name, why))
}

// Replace puts calendars and holidays that were checked in the place of all that there are.
func Replace(tx *mirror.Tx, rows []Stored, days []api.Holiday) error {
	if err := errors.Join(tx.Clear(bucketCalendars), tx.Clear(bucketHolidays)); err != nil {
		return err
	}
	for _, r := range rows {
		b, err := json.Marshal(row{r.Name, r.Week})
		if err != nil {
			return err
		}
		if err := tx.Put(bucketCalendars, []byte(r.ID), b); err != nil {
			return err
		}
	}
	b, err := json.Marshal(days)
	if err != nil {
		return err
	}
	return tx.Put(bucketHolidays, []byte(keyHolidays), b)
}

// BuiltIn says whether a calendar is one of those that are always there.
func BuiltIn(id string) bool { return id == Always || id == Never }
