package password

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// cheap keeps tests quick; the algorithm is the same.
var cheap = Params{MemoryKiB: 64, Passes: 1, Threads: 1}

func TestOnlyTheRightPasswordVerifies(t *testing.T) {
	h := NewHasher(cheap, 1, 1)
	stored, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil || again == stored {
		t.Fatalf("two hashes of one password are equal (%v): no salt", err)
	}
	for secret, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		ok, stale, err := h.Verify(t.Context(), stored, secret)
		if err != nil || ok != want || stale {
			t.Errorf("%q: %v, stale %v, %v", secret, ok, stale, err)
		}
	}
}

func TestVerifyTellsOldCost(t *testing.T) {
	stored, err := NewHasher(cheap, 1, 1).Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	dearer := cheap
	dearer.Passes = 2
	ok, stale, err := NewHasher(dearer, 1, 1).Verify(t.Context(), stored, "correct horse battery")
	if !ok || !stale || err != nil {
		t.Fatalf("%v, stale %v, %v", ok, stale, err)
	}
}

// TestKnownAnswer holds algorithm and format to a test vector of the reference implementation (phc-winner-argon2,
// src/test.c: argon2id, version 0x13, t=2, m=2^16 KiB, p=1).
func TestKnownAnswer(t *testing.T) {
	const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, stale, err := NewHasher(cheap, 1, 1).Verify(t.Context(), stored, "password")
	if err != nil || !ok || !stale {
		t.Fatalf("%v, stale %v, %v", ok, stale, err)
	}
}

func TestHashesAreBoundedInNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(cheap, 1, 1)
		h.running <- struct{}{} // one hash runs, and does not end
		h.queued <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- h.VerifyNobody(ctx, "x") }()
		synctest.Wait()
		if err := h.VerifyNobody(t.Context(), "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("third hash: %v, want ErrBusy", err)
		}
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("second hash: %v, want it to give up with its client", err)
		}
		<-h.running
		<-h.queued
		if err := h.VerifyNobody(t.Context(), "x"); err != nil {
			t.Errorf("with all places free: %v", err)
		}
	})
}

var salt, sum = strings.Repeat("A", 22), strings.Repeat("A", 43)

var phcs = []struct {
	name, s string
	ok      bool
}{
	{"good", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "$" + sum, true},
	{"empty", "", false},
	{"argon2i", "$argon2i$v=19$m=32768,t=3,p=1$" + salt + "$" + sum, false},
	{"old version", "$argon2id$v=16$m=32768,t=3,p=1$" + salt + "$" + sum, false},
	{"no version", "$argon2id$m=32768,t=3,p=1$" + salt + "$" + sum, false},
	{"memory beyond the limit", "$argon2id$v=19$m=4194304,t=3,p=1$" + salt + "$" + sum, false},
	{"passes beyond the limit", "$argon2id$v=19$m=32768,t=4000000000,p=1$" + salt + "$" + sum, false},
	{"no threads", "$argon2id$v=19$m=32768,t=3,p=0$" + salt + "$" + sum, false},
	{"memory under 8 per thread", "$argon2id$v=19$m=8,t=3,p=2$" + salt + "$" + sum, false},
	{"leading zero", "$argon2id$v=19$m=032768,t=3,p=1$" + salt + "$" + sum, false},
	{"sign", "$argon2id$v=19$m=+32768,t=3,p=1$" + salt + "$" + sum, false},
	{"other order", "$argon2id$v=19$t=3,m=32768,p=1$" + salt + "$" + sum, false},
	{"short salt", "$argon2id$v=19$m=32768,t=3,p=1$AAAA$" + sum, false},
	{"short sum", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "$AAAA", false},
	{"long sum", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "$" + strings.Repeat("A", 4000), false},
	{"padding", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "==$" + sum, false},
	{"loose bits", "$argon2id$v=19$m=32768,t=3,p=1$" + salt[:21] + "B$" + sum, false},
	{"line break", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "\n$" + sum, false},
	{"trailing part", "$argon2id$v=19$m=32768,t=3,p=1$" + salt + "$" + sum + "$", false},
}

func TestParse(t *testing.T) {
	for _, c := range phcs {
		r, err := parse(c.s)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && r.String() != c.s {
			t.Errorf("%s: written back as %q", c.name, r.String())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range phcs {
		f.Add(c.s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parse(s)
		if err != nil {
			return
		}
		if r.params.MemoryKiB > maxMemoryKiB || r.params.Passes > maxPasses || r.params.Threads > maxThreads {
			t.Errorf("cost %+v beyond the limits", r.params)
		}
		if r.String() != s {
			t.Errorf("%q is read as %q", s, r.String())
		}
	})
}

func TestCheckRefusesWhatIsGuessedFirst(t *testing.T) {
	for _, c := range []struct{ username, secret, says string }{
		{"admin", "short", "too short"},
		{"admin", "ninechars", "too short"},
		{"admin", "äöüäöüäöü", "too short"},
		{"admin", strings.Repeat("ab c", 70), "too long"},
		{"admin", "aaaaaaaaaaaaaa", "repeats"},
		{"admin", "abababababab", "repeats"},
		{"admin", "with\x00a zero byte", "control"},
		{"admin", "not \xff utf-8 text", "valid text"},
		{"wolfgangamadeus", "WolfgangAmadeus", "user name"},
		{"wolfgangamadeus", "wolfgangamadeus99", "user name"},
		{"admin", "vigievigie", "first that anyone"},
		{"admin", "Vigie-2026!", "first that anyone"},
		{"admin", "Password123!", "first that anyone"},
		{"admin", "1234567890", "first that anyone"},
		{"admin", "qwertyuiop", "first that anyone"},
		{"admin", "abcdefghijkl", "first that anyone"},
		{"admin", "9876543210", "first that anyone"},
		{"root", "adminadmin", "first that anyone"},
	} {
		got := Check(c.username, c.secret)
		if got == "" || !strings.Contains(got, c.says) {
			t.Errorf("%s / %q: %q, want …%s…", c.username, c.secret, got, c.says)
		}
	}
	for _, secret := range []string{"correct horse battery", "äöüßéèêç1x", "tR9!kq0#Lm", "my vigie stands in the attic", "wolfgang lives in 1090 Wien"} {
		if got := Check("wolf", secret); got != "" {
			t.Errorf("%q refused: %s", secret, got)
		}
	}
}
