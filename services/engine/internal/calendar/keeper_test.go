package calendar

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
)

func code(err error) string {
	var p *answer.Problem
	if errors.As(err, &p) {
		return p.Detail.Field + "/" + p.Detail.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func span(from, to string) api.DaySpan { return api.DaySpan{From: from, To: to} }

func TestSpansAreReadAndToldInTheFewestWords(t *testing.T) {
	for _, c := range []struct {
		in, want []api.DaySpan
		code     string
	}{
		{nil, []api.DaySpan{}, ""},
		{[]api.DaySpan{span("00:00", "24:00")}, []api.DaySpan{span("00:00", "24:00")}, ""},
		{[]api.DaySpan{span("18:00", "20:00"), span("08:15", "09:45")}, []api.DaySpan{span("08:15", "09:45"), span("18:00", "20:00")}, ""},
		{[]api.DaySpan{span("08:00", "10:00"), span("10:00", "11:00"), span("09:00", "10:30")}, []api.DaySpan{span("08:00", "11:00")}, ""},
		{[]api.DaySpan{span("22:00", "06:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("08:00", "08:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("8:00", "09:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("08:10", "09:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("08:00", "24:15")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("24:00", "24:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("+8:00", "09:00")}, nil, "week.monday/bad_span"},
		{[]api.DaySpan{span("", "")}, nil, "week.monday/bad_span"},
		{make([]api.DaySpan, 49), nil, "week.monday/bad_span"},
	} {
		w, err := weekOf(api.CalendarWeek{Monday: c.in})
		if code(err) != c.code {
			t.Errorf("%v: %v, want %q", c.in, err, c.code)
		} else if err == nil {
			if d := cmp.Diff(c.want, w.api().Monday); d != "" {
				t.Errorf("%v: %s", c.in, d)
			}
		}
	}
}

func FuzzWeek(f *testing.F) {
	f.Add(`{"monday":[{"from":"08:00","to":"24:00"}],"holiday":[{"from":"00:00","to":"00:15"},{"from":"23:45","to":"24:00"}]}`)
	f.Add(`{"sunday":[{"from":"24:00","to":"24:00"}]}`)
	f.Add(`{"friday":[{"from":"22:00","to":"06:00"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var r api.CalendarWeek
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		w, err := weekOf(r)
		if err != nil {
			return
		}
		if again, err := weekOf(w.api()); err != nil || again != w {
			t.Fatalf("%+v became %+v, %v", w.api(), again.api(), err)
		}
	})
}

func FuzzHolidays(f *testing.F) {
	f.Add("2026-12-25", true)
	f.Add("2028-02-29", true)
	f.Add("2026-02-29", false)
	f.Fuzz(func(t *testing.T, text string, yearly bool) {
		h := api.Holiday{Date: text, Yearly: yearly}
		list, err := checkHolidays([]api.Holiday{h})
		d, ok := dateOf(h)
		if ok != (err == nil) {
			t.Fatalf("%q: %v, %v", text, ok, err)
		}
		if ok && (len(list) != 1 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || yearly != (d.year == 0)) {
			t.Fatalf("%q: %+v", text, d)
		}
	})
}

func TestCalendarsAreKeptAndFollowed(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	open := func() (*mirror.DB, *Keeper) {
		db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: log}, []mirror.Dir{{ID: "v", Path: dir}})
		if err != nil {
			t.Fatal(err)
		}
		k, err := Open(db, log)
		if err != nil {
			t.Fatal(err)
		}
		return db, k
	}
	db, k := open()
	users := func(id string) int { return map[string]int{Always: 3}[id] }
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) // a Thursday

	c, err := k.Add(api.CalendarRequest{Name: " Office ", Week: api.CalendarWeek{Thursday: []api.DaySpan{span("12:00", "13:00")}}})
	if err != nil || c.Name != "Office" || c.Builtin {
		t.Fatalf("%+v, %v", c, err)
	}
	for want, f := range map[string]func() error{
		"name/bad_name":   func() error { _, err := k.Add(api.CalendarRequest{Name: " "}); return err },
		"name/name_taken": func() error { _, err := k.Add(api.CalendarRequest{Name: "office"}); return err },
		"/builtin":        func() error { _, err := k.Change(Always, api.CalendarRequest{Name: "x"}); return err },
		"/no_calendar":    func() error { _, err := k.Change("cgone", api.CalendarRequest{Name: "x"}); return err },
		"week.sunday/bad_span": func() error {
			_, err := k.Change(c.ID, api.CalendarRequest{Name: "x", Week: api.CalendarWeek{Sunday: []api.DaySpan{span("1", "2")}}})
			return err
		},
		"/in_use": func() error { return k.Delete(c.ID, "Door, Gate") },
		"[1].date/twice": func() error {
			_, err := k.SetHolidays([]api.Holiday{{Date: "2026-11-26"}, {Date: "2026-11-26"}})
			return err
		},
		"[0].date/bad_date": func() error { _, err := k.SetHolidays([]api.Holiday{{Date: "26.11.2026"}}); return err },
	} {
		if err := f(); code(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	b, changed := k.Book()
	if on, until := b.Span(c.ID, now); !on || until != now.Add(time.Hour) {
		t.Errorf("%v until %v", on, until)
	}
	if _, err := k.Change(c.ID, api.CalendarRequest{Name: "Office", Week: api.CalendarWeek{Holiday: []api.DaySpan{span("12:00", "14:00")}}}); err != nil {
		t.Fatal(err)
	}
	<-changed
	if b, _ := k.Book(); b.On(c.ID, now) {
		t.Error("the changed calendar is not followed")
	}
	if _, err := k.SetHolidays([]api.Holiday{{Date: "2020-11-26", Name: "Feast", Yearly: true}}); err != nil {
		t.Fatal(err)
	}
	if b, _ := k.Book(); !b.On(c.ID, now) {
		t.Error("the holiday is not followed")
	}
	_, changed = k.Book()
	k.SetZone("Asia/Tokyo")
	<-changed
	if b, _ := k.Book(); b.On(c.ID, now) || !b.On(c.ID, now.Add(-9*time.Hour)) {
		t.Error("the zone is not followed")
	}
	_, changed = k.Book()
	k.SetZone("Nowhere/Land")
	if b, _ := k.Book(); b.Zone().String() != "Asia/Tokyo" {
		t.Errorf("zone %v", b.Zone())
	}
	k.Stepped()
	<-changed
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, k = open() // from the volume alone
	defer db.Close()
	list, err := k.List(users)
	if err != nil || len(list) != 3 || list[0].ID != Always || !list[0].Builtin || list[0].Cameras != 3 || list[1].ID != Never || list[2].ID != c.ID || list[2].Week.Holiday[0] != span("12:00", "14:00") {
		t.Fatalf("after reopening: %+v, %v", list, err)
	}
	if days, err := k.Holidays(); err != nil || len(days) != 1 || days[0].Name != "Feast" {
		t.Errorf("after reopening: %+v, %v", days, err)
	}
	if err := k.Delete(c.ID, ""); err != nil {
		t.Fatal(err)
	}
	if b, _ := k.Book(); b.Has(c.ID) || !b.Has(Always) {
		t.Error("the deleted calendar is still there")
	}
}
