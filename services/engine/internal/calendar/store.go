package calendar

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
)

// Calendars that are always there.
const (
	Always = "always"
	Never  = "never"
)

// Buckets of the database.
const (
	bucketCalendars = "calendars" // id → row as JSON
	bucketHolidays  = "holidays"  // keyHolidays → []api.Holiday as JSON
	keyHolidays     = "list"
)

const (
	maxCalendars = 200
	maxHolidays  = 500
)

// DB is the part of mirror.DB that the calendars use.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// row is a calendar as it is stored.
type row struct {
	Name string           `json:"name"`
	Week api.CalendarWeek `json:"week"`
}

// calendar is a row that was read.
type calendar struct {
	id, name string
	week     Week
}

func (c *calendar) api(builtin bool, cameras int) api.Calendar {
	return api.Calendar{ID: c.id, Name: c.name, Builtin: builtin, Week: c.week.api(), Cameras: cameras}
}

// builtin are the calendars without a row.
func builtin() []calendar {
	return []calendar{{Always, "Always", week(true)}, {Never, "Never", week(false)}}
}

// requested checks what a request says of a calendar. The error is an *answer.Problem.
func requested(id string, r api.CalendarRequest) (calendar, error) {
	name, err := answer.Name("the calendar", r.Name)
	if err != nil {
		return calendar{}, err
	}
	w, err := weekOf(r.Week)
	return calendar{id, name, w}, err
}

// list reads the calendars that have rows, in order of name.
func list(tx *mirror.Tx) ([]calendar, error) {
	var out []calendar
	for k, v := range tx.Range(bucketCalendars, nil, nil) {
		var r row
		if err := json.Unmarshal(v, &r); err != nil {
			return nil, fmt.Errorf("calendar %s: %w", k, err)
		}
		w, err := weekOf(r.Week)
		if err != nil {
			return nil, fmt.Errorf("calendar %s: %w", k, err)
		}
		out = append(out, calendar{string(k), r.Name, w})
	}
	slices.SortFunc(out, func(a, b calendar) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), strings.Compare(a.id, b.id))
	})
	return out, nil
}

// put stores a calendar, unless another has its name.
func put(tx *mirror.Tx, c calendar) error {
	all, err := list(tx)
	if err != nil {
		return err
	}
	for _, o := range append(builtin(), all...) {
		if o.id != c.id && strings.EqualFold(o.name, c.name) {
			return answer.Field("name", "name_taken", fmt.Sprintf("Another calendar is already called %q.", o.name))
		}
	}
	if len(all) >= maxCalendars && !slices.ContainsFunc(all, func(o calendar) bool { return o.id == c.id }) {
		return answer.Refuse(http.StatusConflict, "too_many", fmt.Sprintf("There are %d calendars already: delete one that is not used.", maxCalendars))
	}
	b, err := json.Marshal(row{c.name, c.week.api()})
	if err != nil {
		return err
	}
	return tx.Put(bucketCalendars, []byte(c.id), b)
}

func storedHolidays(tx *mirror.Tx) ([]api.Holiday, error) {
	out := []api.Holiday{}
	if v := tx.Get(bucketHolidays, []byte(keyHolidays)); v != nil {
		if err := json.Unmarshal(v, &out); err != nil {
			return nil, fmt.Errorf("holidays: %w", err)
		}
	}
	return out, nil
}

// checkHolidays returns a request's holidays in order of date. The error is an *answer.Problem.
func checkHolidays(r []api.Holiday) ([]api.Holiday, error) {
	if len(r) > maxHolidays {
		return nil, answer.Field("", "too_many", fmt.Sprintf("There are %d holidays; %d can be kept.", len(r), maxHolidays))
	}
	seen := map[date]bool{}
	out := make([]api.Holiday, 0, len(r))
	for i, h := range r {
		field := fmt.Sprintf("[%d].", i)
		d, ok := dateOf(h)
		if !ok {
			return nil, answer.Field(field+"date", "bad_date", "This is no date: write year, month and day, for example 2026-12-25.")
		}
		if seen[d] {
			return nil, answer.Field(field+"date", "twice", fmt.Sprintf("%s is in the list twice.", h.Date))
		}
		seen[d] = true
		h.Name = strings.TrimSpace(h.Name)
		if utf8.RuneCountInString(h.Name) > 64 || !utf8.ValidString(h.Name) || strings.ContainsFunc(h.Name, unicode.IsControl) {
			return nil, answer.Field(field+"name", "bad_name", "A holiday's name may have 64 characters, and none that cannot be shown.")
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b api.Holiday) int {
		return cmp.Or(strings.Compare(a.Date, b.Date), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

func dateOf(h api.Holiday) (date, bool) {
	t, err := time.Parse(time.DateOnly, h.Date)
	if err != nil || t.Year() < 1 {
		return date{}, false
	}
	d := date{t.Year(), t.Month(), t.Day()}
	if h.Yearly {
		d.year = 0
	}
	return d, true
}
