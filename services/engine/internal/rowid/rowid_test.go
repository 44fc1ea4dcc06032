package rowid

import "testing"

func TestIDsArePlainAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := New()
		if !Valid(id) || seen[id] {
			t.Fatalf("got %q", id)
		}
		seen[id] = true
	}
	for _, bad := range []string{"", "k3f9x2a", "k3f9x2abc", "../../..", "K3F9X2AB", "k3f9x2ai"} {
		if Valid(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}
