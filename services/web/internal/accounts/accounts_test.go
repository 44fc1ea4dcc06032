package accounts

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
	"vigie/services/web/internal/certificate"
	"vigie/services/web/internal/rights"
)

func store(t *testing.T) (*Store, *mirror.DB) {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "accounts.db"), Name: "accounts"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(Mirrored(db)), db
}

func TestOnlyTheFirstAdministratorIsAddedFreely(t *testing.T) {
	s, _ := store(t)
	if empty, err := s.Empty(); !empty || err != nil {
		t.Fatal(empty, err)
	}
	now := time.UnixMilli(1763874000000)
	if err := s.AddFirst("Admin", "hash", now); err != nil {
		t.Fatal(err)
	}
	if err := s.AddFirst("other", "hash", now); !errors.Is(err, ErrExists) {
		t.Errorf("a second: %v", err)
	}
	if empty, err := s.Empty(); empty || err != nil {
		t.Error(empty, err)
	}
	u, err := s.Find("aDMIN")
	if diff := cmp.Diff(User{Username: "Admin", Hash: "hash", Profile: rights.Administrator, CreatedMs: now.UnixMilli(), ChangedMs: now.UnixMilli()}, u); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := s.Find("other"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a user who was refused: %v", err)
	}
}

func TestSetHashDoesNotOverwriteAChangeMadeMeanwhile(t *testing.T) {
	s, _ := store(t)
	if err := s.AddFirst("admin", "one", time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, next string
		changed   bool
		kept      string
	}{{"one", "two", true, "two"}, {"one", "three", false, "two"}, {"two", "four", true, "four"}} {
		changed, err := s.SetHash("admin", c.old, c.next, time.Now())
		u, err2 := s.Find("admin")
		if err != nil || err2 != nil || changed != c.changed || u.Hash != c.kept {
			t.Errorf("%+v: %v %v %v %s", c, changed, err, err2, u.Hash)
		}
	}
	if changed, err := s.SetHash("nobody", "", "x", time.Now()); changed || !errors.Is(err, ErrUnknown) {
		t.Errorf("nobody: %v %v", changed, err)
	}
}

func TestCertificate(t *testing.T) {
	s, _ := store(t)
	if _, ok, err := s.Certificate(); ok || err != nil {
		t.Fatal(ok, err)
	}
	want := certificate.Stored{OldestDER: []byte{1, 2}, NewerDER: []byte{4, 5}, KeyDER: []byte{3}}
	if err := s.SetCertificate(want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Certificate()
	if diff := cmp.Diff(want, got); !ok || err != nil || diff != "" {
		t.Errorf("%v %v %s", ok, err, diff)
	}
}

func TestADamagedRowIsAnErrorAndNotAMissingUser(t *testing.T) {
	s, db := store(t)
	if err := db.Update(func(tx *mirror.Tx) error { return tx.Put("users", []byte("admin"), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("admin"); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if empty, err := s.Empty(); empty || err != nil {
		t.Errorf("with a damaged user set-up would be open to anybody: %v %v", empty, err)
	}
}

func TestCheckUsername(t *testing.T) {
	for _, name := range []string{"a", "admin", "Anna.Admin-2_x@example.org", "0"} {
		if why := CheckUsername(name); why != "" {
			t.Errorf("%q: %s", name, why)
		}
	}
	for _, name := range []string{"", ".a", "-a", "a b", "é", "a\n", "a/b", "0123456789012345678901234567890123"} {
		if CheckUsername(name) == "" {
			t.Errorf("%q accepted", name)
		}
	}
}
