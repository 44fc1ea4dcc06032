package deletion

import (
	"errors"
	"path/filepath"
	"testing"

	"vigie/internal/mirror"
)

func openDB(t *testing.T, path string) *mirror.DB {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: path, Name: "engine"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openStore(t *testing.T, db *mirror.DB) *Store {
	t.Helper()
	s, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func order(createdMs int64, volumes ...string) Order {
	return Order{By: "ann", CreatedMs: createdMs, Cameras: []string{"k3f9x2ab"}, Kinds: []string{"standard"}, ToMs: 1000, Volumes: volumes, Segments: 7, Bytes: 70}
}

func add(t *testing.T, s *Store, o Order) Order {
	t.Helper()
	o, err := s.Add(o)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAnOrderIsThereAfterARestartAsFarAsItHasCome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := openDB(t, path)
	s := openStore(t, db)
	o := add(t, s, order(5, "a", "b"))
	if next, ok := s.Next("a"); !ok || next.ID != o.ID {
		t.Fatalf("%+v %v", next, ok)
	}
	if _, ok := s.Next("c"); ok {
		t.Error("a volume that is not named has something to do")
	}
	failed := errors.New("failed")
	for _, fail := range []bool{true, false} { // of a transaction that fails nothing is counted
		var committed func()
		err := db.Update(func(tx *mirror.Tx) (err error) {
			if committed, err = s.Count(tx, o.ID, 3, 30); err == nil && fail {
				err = failed
			}
			return err
		})
		if errors.Is(err, failed) != fail {
			t.Fatal(err)
		}
		if err == nil {
			committed()
		}
	}
	if err := s.Finish(o.ID, "a", 10); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, ok := s.Next("a"); ok {
			t.Error("a volume has something left to do that was gone through")
		}
		got, _ := s.Get(o.ID)
		if got.Status != Running || got.Progress.Segments != 3 || got.Progress.Bytes != 30 || got.Segments != 7 || len(got.Left()) != 1 || got.Left()[0] != "b" {
			t.Errorf("%+v", got)
		}
		db.Close()
		db = openDB(t, path)
		s = openStore(t, db)
	}
	if err := s.Finish(o.ID, "b", 20); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Get(o.ID); got.Status != Done || got.EndedMs != 20 {
		t.Errorf("%+v", got)
	}
}

func TestWhatHasEndedDoesNotGoOn(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "db"))
	s := openStore(t, db)
	o := add(t, s, order(5, "a"))
	if err := s.Stop(o.ID, "bert", 6); err != nil {
		t.Fatal(err)
	}
	err := db.Update(func(tx *mirror.Tx) error {
		_, err := s.Count(tx, o.ID, 1, 1)
		return err
	})
	for _, err := range []error{err, s.Stop(o.ID, "carl", 7), s.Finish(o.ID, "a", 7), s.GiveUp(o.ID, "why", 7)} {
		if !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	}
	if err := s.Stop("nonsense", "ann", 7); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if got, _ := s.Get(o.ID); got.Status != Stopped || got.StoppedBy != "bert" || got.EndedMs != 6 {
		t.Errorf("%+v", got)
	}
	if _, ok := s.Next("a"); ok {
		t.Error("it goes on")
	}
}

func TestTheNewestOrdersAreKeptAndThoseThatRun(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "db"))
	s := openStore(t, db)
	first := add(t, s, order(1, "a"))
	for i := range Kept + 5 {
		o := add(t, s, order(int64(i+2), "a"))
		if err := s.Finish(o.ID, "a", 1); err != nil {
			t.Fatal(err)
		}
	}
	list := openStore(t, db).List()
	if len(list) != Kept || list[len(list)-1].ID != first.ID || list[0].CreatedMs != Kept+6 {
		t.Errorf("%d orders, from %d to %d", len(list), list[len(list)-1].CreatedMs, list[0].CreatedMs)
	}
	for range MostAtOnce - 1 {
		add(t, s, order(1000, "a"))
	}
	var no *Problem
	if _, err := s.Add(order(1001, "a")); !errors.As(err, &no) || no.Code != "too_many" {
		t.Error(err)
	}
	if n := len(s.Running()); n != MostAtOnce {
		t.Errorf("%d run", n)
	}
}
