package logins

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/mirror"
	"vigie/services/web/internal/accounts"
)

// open opens a book in a database in RAM; close writes what waits.
func open(t *testing.T, path string) (b *Book, close func()) {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: path, Name: "accounts"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b = New(slog.New(slog.DiscardHandler))
	b.Open(accounts.Mirrored(db))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return b, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func list(t *testing.T, b *Book) []Event {
	t.Helper()
	l, err := b.List()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var (
	in      = Event{Way: Web, Method: Password, Result: OK, User: "owner", From: "192.0.2.1"}
	refused = Event{Way: SSH, Method: Password, Result: Refused, From: "192.0.2.66"}
)

func TestTheListOutlivesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "accounts.db")
		early := New(slog.New(slog.DiscardHandler))
		early.Note(in) // before the accounts are there
		if l := list(t, early); len(l) != 1 || l[0].User != "owner" {
			t.Errorf("%+v", l)
		}
		b, stop := open(t, path)
		b.Note(in)
		time.Sleep(time.Minute)
		b.Note(Event{Way: SSH, Method: Key, Result: OK, User: "owner", From: "192.0.2.1", Key: "SHA256:x"})
		b.Note(in)
		before := list(t, b)
		stop()
		b, stop = open(t, path)
		defer stop()
		after := list(t, b)
		if len(after) != 3 || fmt.Sprint(after) != fmt.Sprint(before) || after[2].AtMs != after[0].AtMs-time.Minute.Milliseconds() {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
	})
}

func TestEqualFailuresAreOneRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := open(t, filepath.Join(t.TempDir(), "accounts.db"))
		defer stop()
		began := time.Now().UnixMilli()
		for range 100 { // some wait, and some are written
			b.Note(refused)
			b.Note(Event{Way: SSH, Method: Password, Result: Limited, From: "192.0.2.66"})
			time.Sleep(time.Second)
		}
		l := list(t, b)
		if len(l) != 2 || l[0].Count+l[1].Count != 200 || l[0].AtMs != began || l[0].LastMs != began+99_000 {
			t.Errorf("%+v", l)
		}
		time.Sleep(Together)
		b.Note(refused)
		if l := list(t, b); len(l) != 3 || l[0].Count != 1 {
			t.Errorf("later: %+v", l)
		}
		b.Note(in)
		b.Note(in)
		time.Sleep(2 * Pause)
		if l := list(t, b); len(l) != 5 || l[0].Count != 1 {
			t.Errorf("who comes in comes in each time: %+v", l)
		}
	})
}

func TestStrangersPushNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := open(t, filepath.Join(t.TempDir(), "accounts.db"))
		defer stop()
		b.Note(in)
		time.Sleep(2 * Pause)
		for i := range 3 * MostKept {
			e := refused
			e.From = fmt.Sprintf("198.51.%d.%d", i/200, i%200)
			b.Note(e)
			if i%100 == 0 {
				time.Sleep(2 * Pause)
			}
		}
		time.Sleep(2 * Pause)
		l := list(t, b)
		if len(l) != MostKept+1 || l[len(l)-1].User != "owner" || l[0].From != "198.51.7.99" {
			t.Errorf("%d rows, the newest %+v, the oldest %+v", len(l), l[0], l[len(l)-1])
		}
		for range 10 * mostWaiting { // faster than can be written
			e := refused
			e.From = fmt.Sprint(time.Now().UnixNano())
			b.Note(e)
			time.Sleep(time.Nanosecond)
		}
		if len(b.waiting) > mostWaiting {
			t.Errorf("%d wait", len(b.waiting))
		}
	})
}
