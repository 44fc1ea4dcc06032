package rights

import (
	"testing"

	"vigie/internal/api"
)

func TestProfiles(t *testing.T) {
	// Each has what the one below it has.
	ranks := []Profile{Guard, Viewer, Operator, Administrator}
	for i, p := range ranks {
		if !p.Valid() || !api.Profile(p).Valid() || !p.May(Own) {
			t.Errorf("%s is no profile", p)
		}
		for _, r := range p.Rights() {
			if !Known(r) || !api.Right(r).Valid() {
				t.Errorf("%s has an unknown right %s", p, r)
			}
			for _, higher := range ranks[i:] {
				if !higher.May(r) {
					t.Errorf("%s may %s, %s may not", p, r, higher)
				}
			}
		}
		if p.May(Administer) != (p == Administrator) || p.May("") || p.May("root") {
			t.Errorf("%s: %v", p, p.Rights())
		}
	}
	for _, p := range []Profile{"", "root", "Administrator"} {
		if p.Valid() || p.May(Watch) || p.May(Administer) {
			t.Errorf("%q has rights", p)
		}
	}
}
