package protection

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

const cam = "k3f9x2ab"

var now = time.UnixMilli(1_764_000_000_000)

func free(*mirror.Tx) (int, error) { return 0, nil }

type rig struct {
	*Store
	db *mirror.DB
}

func open(t testing.TB, dir string) rig {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(dir, "engine.db"), Name: "engine"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return rig{s, db}
}

// ms is an instant so many minutes from now.
func ms(minutes int64) int64 { return now.UnixMilli() + minutes*60_000 }

func hour() Row {
	return Row{Camera: cam, FromMs: ms(-120), ToMs: ms(-60), Reason: "burglary", By: "anna"}
}

func TestAProtectionHoldsUntilItIsLiftedOrEnds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	forever, err := s.Add(hour(), now, free)
	if err != nil {
		t.Fatal(err)
	}
	ends := hour()
	ends.FromMs, ends.UntilMs = ms(-130), ms(10)
	if ends, err = s.Add(ends, now, free); err != nil {
		t.Fatal(err)
	}
	other := hour()
	other.Camera = "k3f9x2ac"
	if _, err := s.Add(other, now, free); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]Row{ends, forever}, s.List(cam, now)); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]Row{forever}, s.List(cam, now.Add(10*time.Minute))); d != "" {
		t.Errorf("after its end: %s", d)
	}
	if all := s.List("", now); len(all) != 3 {
		t.Errorf("of all cameras: %+v", all)
	}
	if _, err := s.Lift(forever.ID, "bert", now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lift(forever.ID, "bert", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("lifted twice: %v", err)
	}
	if _, err := s.Lift(ends.ID, "bert", now.Add(time.Hour)); !errors.Is(err, ErrUnknown) {
		t.Errorf("lifted after its end: %v", err)
	}
	s.db.Close()
	s = open(t, dir)
	if d := gocmp.Diff([]Row{ends}, s.List(cam, now)); d != "" {
		t.Errorf("after a restart: %s", d)
	}
	if _, err := s.Lift("k3f9x2ab-nosuchthing", "bert", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("lift of an unknown one: %v", err)
	}
}

func TestAProtectionIsChanged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	row, err := s.Add(hour(), now, func(*mirror.Tx) (int, error) { return 2, nil })
	if err != nil || row.Lost != 2 {
		t.Fatal(row, err)
	}
	before, _, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want := row
	want.Reason, want.UntilMs, want.ChangedMs, want.ChangedBy = "case 4711", ms(60), ms(5), "bert"
	if got, err := s.Change(row.ID, " case 4711\n", ms(60), "bert", now.Add(5*time.Minute)); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		id, reason string
		untilMs    int64
		field      string
	}{
		{row.ID, " ", 0, "reason"},
		{row.ID, strings.Repeat("é", 257), 0, "reason"},
		{row.ID, "r", ms(0), "untilMs"},
		{row.ID, "r", -1, "untilMs"},
	} {
		var p *Problem
		if _, err := s.Change(c.id, c.reason, c.untilMs, "bert", now); !errors.As(err, &p) || p.Field != c.field {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := s.Change("k3f9x2ab-nosuchthing", "r", 0, "bert", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("change of an unknown one: %v", err)
	}
	if _, err := s.Change(row.ID, "r", 0, "bert", now.Add(2*time.Hour)); !errors.Is(err, ErrUnknown) {
		t.Errorf("change of one that has ended: %v", err)
	}
	s.db.Close()
	s = open(t, dir)
	if d := gocmp.Diff([]Row{want}, s.List(cam, now)); d != "" {
		t.Errorf("after a restart: %s", d)
	}
	// A clock that was set back makes no change older than what it changed.
	if got, err := s.Change(row.ID, "case 4712", 0, "anna", now.Add(-time.Hour)); err != nil || got.ChangedMs != want.ChangedMs+1 {
		t.Fatalf("%+v, %v", got, err)
	}
	after, _, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	last := s.List(cam, now)
	for _, order := range [][][]byte{{before, after}, {after, before}} {
		s := open(t, t.TempDir())
		for _, b := range order {
			rows, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Adopt(rows, now); err != nil {
				t.Fatal(err)
			}
		}
		if d := gocmp.Diff(last, s.List(cam, now)); d != "" {
			t.Errorf("taken up from volumes: %s", d)
		}
	}
}

func TestCoversIsOfTheTransaction(t *testing.T) {
	s := open(t, t.TempDir())
	row, err := s.Add(hour(), now, free)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		camera   string
		from, to int64
		now      int64
		want     bool
	}{
		{cam, ms(-130), ms(-120), ms(0), false},
		{cam, ms(-130), ms(-120) + 1, ms(0), true},
		{cam, ms(-90), ms(-90), ms(0), true},
		{cam, ms(-60), ms(-50), ms(0), false},
		{cam, ms(-300), ms(0), ms(0), true},
		{"k3f9x2aa", ms(-90), ms(-80), ms(0), false},
		{"k3f9x2ac", ms(-90), ms(-80), ms(0), false},
	} {
		if err := s.db.View(func(tx *mirror.Tx) error {
			got, err := Covers(tx, c.camera, c.from, c.to, c.now)
			if got != c.want {
				t.Errorf("%+v: got %v", c, got)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.db.Update(func(tx *mirror.Tx) error { return tx.Delete(bucket, key(row.ID)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.db.View(func(tx *mirror.Tx) error {
		got, err := Covers(tx, cam, ms(-90), ms(-80), ms(0))
		if got {
			t.Error("covered by a row that is gone")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeProtectedIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for _, c := range []struct {
		name   string
		change func(*Row)
		field  string
	}{
		{"no camera", func(r *Row) { r.Camera = "../../.." }, "camera"},
		{"ends before it starts", func(r *Row) { r.ToMs = r.FromMs }, "toMs"},
		{"starts before 1970", func(r *Row) { r.FromMs = -1 }, "fromMs"},
		{"too long", func(r *Row) { r.FromMs = r.ToMs - 367*24*3_600_000 }, "toMs"},
		{"too far ahead", func(r *Row) { r.FromMs, r.ToMs = ms(0), ms(32*24*60) }, "toMs"},
		{"no reason", func(r *Row) { r.Reason = " \t" }, "reason"},
		{"a long reason", func(r *Row) { r.Reason = strings.Repeat("é", 257) }, "reason"},
		{"a reason that cannot be shown", func(r *Row) { r.Reason = "a\x00b" }, "reason"},
		{"ended already", func(r *Row) { r.UntilMs = ms(0) }, "untilMs"},
	} {
		row := hour()
		c.change(&row)
		var p *Problem
		if _, err := s.Add(row, now, free); !errors.As(err, &p) || p.Field != c.field || p.Message == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	no := errors.New("no")
	if _, err := s.Add(hour(), now, func(*mirror.Tx) (int, error) { return 0, no }); !errors.Is(err, no) {
		t.Errorf("look is not heard: %v", err)
	}
	if list := s.List("", now); len(list) != 0 || s.Revision() != 0 {
		t.Errorf("something was stored: %+v", list)
	}
}

func TestThereIsABound(t *testing.T) {
	s := open(t, t.TempDir())
	var rows []Row
	for i := range Most - 1 {
		row := hour()
		row.ID = fmt.Sprintf("%s-%08d", cam, i)
		rows = append(rows, row)
	}
	if n, err := s.Adopt(rows, now); err != nil || n != Most-1 {
		t.Fatal(n, err)
	}
	if _, err := s.Add(hour(), now, free); err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if _, err := s.Add(hour(), now, free); !errors.As(err, &p) || p.Code != "too_many" {
		t.Fatal(err)
	}
	if _, err := s.Lift(rows[0].ID, "anna", now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(hour(), now, free); err != nil {
		t.Error(err)
	}
}

func TestALostDatabaseGetsItsProtectionsFromAVolume(t *testing.T) {
	s := open(t, t.TempDir())
	kept, err := s.Add(hour(), now, free)
	if err != nil {
		t.Fatal(err)
	}
	away, err := s.Add(hour(), now, free)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lift(away.ID, "anna", now); err != nil {
		t.Fatal(err)
	}
	after, revision, err := s.Marshal()
	if err != nil || revision != 3 {
		t.Fatal(revision, err)
	}
	read := func(b []byte) []Row {
		rows, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	// A volume that was away does not bring back what was lifted meanwhile, in whatever order the volumes come.
	if n, err := s.Adopt(read(before), now); err != nil || n != 0 || s.Revision() != revision {
		t.Fatal(n, err)
	}
	for _, order := range [][][]byte{{before, after}, {after, before}} {
		s := open(t, t.TempDir())
		for _, b := range order {
			if _, err := s.Adopt(read(b), now); err != nil {
				t.Fatal(err)
			}
		}
		if d := gocmp.Diff([]Row{kept}, s.List("", now)); d != "" {
			t.Error(d)
		}
		again, _, err := s.Marshal()
		if err != nil || string(again) != string(after) {
			t.Errorf("%s\n%v", again, err)
		}
	}
}

func TestOfManyThatHaveEndedTheOldestAreForgotten(t *testing.T) {
	s := open(t, t.TempDir())
	row := hour()
	row.UntilMs = ms(5)
	row, err := s.Add(row, now, free)
	if err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	if _, err := s.Add(hour(), later, free); err != nil {
		t.Fatal(err)
	}
	if len(s.List("", later)) != 1 || len(s.List("", now)) != 2 {
		t.Error("a clock that is set back does not bring back what had ended")
	}
	var lifted []Row
	for i := range mostEnded {
		row := hour()
		row.ID, row.LiftedMs = fmt.Sprintf("%s-%08d", cam, i), later.UnixMilli()
		lifted = append(lifted, row)
	}
	if _, err := s.Adopt(lifted, later); err != nil {
		t.Fatal(err)
	}
	if _, known := s.rows[row.ID]; known || len(s.rows) != mostEnded+1 {
		t.Errorf("%d rows, with the oldest: %v", len(s.rows), known)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"about":"x","protections":[{"id":"k3f9x2ab-abcdefgh1234","camera":"k3f9x2ab","fromMs":5,"toMs":9,"reason":"r","by":"b","createdMs":3}]}`))
	f.Add([]byte(`{"protections":[{"id":"../../..-abcdefgh","camera":"../../..","fromMs":5,"toMs":9}]}`))
	f.Add([]byte(`{"protections":[{"id":"k3f9x2ab-abcdefgh1234","camera":"k3f9x2ab","fromMs":9,"toMs":5}]}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := Parse(b)
		if err != nil {
			return
		}
		for _, row := range rows {
			if len(key(row.ID)) < cameraLen+8 || !strings.HasPrefix(row.ID, row.Camera+"-") || row.FromMs >= row.ToMs {
				t.Errorf("read as %+v", row)
			}
		}
	})
}
