package server

import (
	"errors"
	"testing"

	"vigie/internal/answer"
)

// TestTheFirstAccountIsMadeInPersonOnce by who stands at the console, or by an answer file: with the rules of the web admin.
func TestTheFirstAccountIsMadeInPersonOnce(t *testing.T) {
	b := newBench(t)
	hash, err := b.hasher.Hash(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	make := func(username, secret, hash string, dry bool) string {
		t.Helper()
		err := b.s.SetUpInPerson(t.Context(), username, secret, hash, dry)
		var p *answer.Problem
		if err != nil && !errors.As(err, &p) {
			t.Fatal(err)
		}
		if p == nil {
			return ""
		}
		return p.Detail.Code
	}
	for _, c := range []struct{ username, secret, hash, want string }{
		{"a b", secret, "", "bad_username"},
		{"owner", "short", "", "weak_password"},
		{"owner", "", "", "weak_password"},
		{"owner", "", "$argon2id$v=19$m=1$x$y", "bad_hash"},
		{"owner", secret, hash, "two_passwords"},
	} {
		if got := make(c.username, c.secret, c.hash, false); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for _, dry := range []string{make("owner", secret, "", true), make("owner", "", hash, true)} {
		if empty, err := b.store.Empty(); dry != "" || !empty || err != nil {
			t.Errorf("a question whether it can be made: %q, %v, %v", dry, empty, err)
		}
	}
	if got := make("owner", "", hash, false); got != "" {
		t.Fatal(got)
	}
	if status, e := b.login("192.0.2.1", "owner", secret); status != 200 {
		t.Errorf("with the hash of the password: %d %+v", status, e)
	}
	for _, dry := range []bool{true, false} {
		if got := make("other", secret, "", dry); got != "already_set_up" {
			t.Errorf("a second one: %q", got)
		}
	}
}
