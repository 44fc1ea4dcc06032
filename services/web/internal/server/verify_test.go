package server

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"

	"vigie/internal/answer"
)

// TestOtherLoginsCountWithTheWebAdmins: who is locked out here is there, and the other way round.
func TestOtherLoginsCountWithTheWebAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.addUser("owner")
		from := netip.MustParseAddr("192.0.2.1")
		if name, ok, err := b.s.Verify(t.Context(), "OWNER", secret, from); name != "owner" || !ok || err != nil {
			t.Errorf("%s, %v, %v", name, ok, err)
		}
		if name, ok, err := b.s.Verify(t.Context(), "nobody", secret, from); name != "" || ok || err != nil {
			t.Errorf("%s, %v, %v", name, ok, err)
		}
		for n := range byAddress().Free {
			if _, ok, err := b.s.Verify(t.Context(), "owner", "guess", from); ok || err != nil {
				t.Fatalf("guess %d: %v, %v", n, ok, err)
			}
		}
		_, _, err := b.s.Verify(t.Context(), "owner", secret, from)
		var p *answer.Problem
		if !errors.As(err, &p) || p.Detail.Code != "locked_out" || p.Detail.RetryAfterMs <= 0 {
			t.Errorf("got %v", err)
		}
		if status, _ := b.login(from.String(), "owner", secret); status != 429 {
			t.Errorf("the web admin answers %d", status)
		}
	})
	b := newBench(t)
	b.addUser("owner")
	for name, want := range map[string]string{"Owner": "owner", "root": "", "": ""} {
		if got, err := b.s.Administrator(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}
