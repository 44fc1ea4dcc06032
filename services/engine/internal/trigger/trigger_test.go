package trigger

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

func TestTriggersAreKeptFoundAndForgotten(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	open := func() (*mirror.DB, *Log) {
		db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: log}, []mirror.Dir{{ID: "v", Path: dir}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(db)
		if err != nil {
			t.Fatal(err)
		}
		return db, l
	}
	db, l := open()
	const a, b = "aaaaaaa1", "aaaaaaa2"
	day := MaxHold.Milliseconds()
	var all []Trigger
	for _, c := range []Trigger{
		{a, 10 * day, 10 * day, "door", "Back door", "ann"},
		{a, 10 * day, 10*day + 500, "door", "", ""}, // of the same instant
		{a, 11 * day, 12 * day, Forced, "", "bob"},
		{b, 11 * day, 11 * day, "door", "", ""},
	} {
		got, err := l.Add(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	if all[1].AtMs != 10*day+1 || all[1].EndMs != 10*day+500 {
		t.Errorf("the second of an instant became %+v", all[1])
	}
	for _, bad := range []Trigger{{a, 5, 4, "x", "", ""}, {a, 5, 6 + day, "x", "", ""}} {
		if _, err := l.Add(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := l.End(all[2], 11*day+7000); err != nil {
		t.Fatal(err)
	}
	all[2].EndMs = 11*day + 7000
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, l = open() // from the volume alone
	defer db.Close()
	for _, c := range []struct {
		camera   string
		from, to int64
		limit    int
		want     []Trigger
	}{
		{a, 0, 99 * day, 0, all[:3]},
		{a, 0, 99 * day, 2, all[:2]},
		{a, 10 * day, 10*day + 1, 0, all[:1]},
		{a, 10*day + 400, 11 * day, 0, all[1:2]},
		{a, 11*day + 7000, 12 * day, 0, all[2:3]},
		{a, 11*day + 7001, 12 * day, 0, nil},
		{b, 0, 99 * day, 0, all[3:]},
		{"aaaaaaa3", 0, 99 * day, 0, nil},
	} {
		got, err := l.Range(c.camera, c.from, c.to, c.limit)
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s from %d to %d: %v\n%s", c.camera, c.from, c.to, err, cmp.Diff(c.want, got))
		}
	}
	if n := len(l.Cameras()); n != 2 {
		t.Errorf("%d cameras", n)
	}
	if err := l.Forget(a, 10*day+1); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Range(a, 0, 99*day, 0); err != nil || !cmp.Equal(got, all[1:3]) {
		t.Errorf("after forgetting: %v, %v", got, err)
	}
	for _, c := range []string{a, b} {
		if err := l.Forget(c, 99*day); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.Cameras()); n != 0 {
		t.Errorf("%d cameras after forgetting all", n)
	}
}

func TestTheOldestOfTooManyTriggersGo(t *testing.T) {
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		if _, err := l.Add(Trigger{"aaaaaaa1", i, i, "door", "", ""}); err != nil {
			t.Fatal(err)
		}
	}
	l.count["aaaaaaa1"] = most // as if the others were there
	if _, err := l.Add(Trigger{"aaaaaaa1", 9, 9, "door", "", ""}); err != nil {
		t.Fatal(err)
	}
	got, err := l.Range("aaaaaaa1", 0, 100, 0)
	if err != nil || len(got) != 3 || got[0].AtMs != 1 || l.count["aaaaaaa1"] != most {
		t.Errorf("%+v, %v, counted %d", got, err, l.count["aaaaaaa1"])
	}
}
