package setupcode

import (
	"strings"
	"testing"
)

func TestCodesDifferAndMatchThemselves(t *testing.T) {
	seen := map[string]bool{}
	used := map[rune]bool{}
	for range 2000 {
		c := New()
		s := c.String()
		if len(s) != 9 || s[4] != '-' || seen[s] {
			t.Fatalf("code %q", s)
		}
		seen[s] = true
		for _, r := range strings.Replace(s, "-", "", 1) {
			used[r] = true
		}
		if !c.Matches(s) || !c.Matches(strings.ToLower(" "+strings.ReplaceAll(s, "-", " "))) {
			t.Fatalf("code %q does not match itself", s)
		}
		if New().Matches(s) {
			t.Fatalf("another code matches %q", s)
		}
	}
	if len(used) != 32 {
		t.Errorf("%d of 32 characters used: fewer than 40 bits", len(used))
	}
}

var typed = []struct {
	s    string
	want bool
}{
	{"K3F9-0V1B", true},
	{"k3f9 0v1b", true},
	{"k3f90v1b", true},
	{"--K3F9-- 0V1B\t", true},
	{"K3F9-OVIB", true}, // letters for the digits that they look like
	{"K3F9-OULB", true},
	{"", false},
	{"K3F9-0V1", false},
	{"K3F9-0V1BB", false},
	{"K3F9-0V1C", false},
	{"K3F9_0V1B", false},
	{"K3F9-0V1\x00", false},
	{"Ｋ3F9-0V1B", false},
	{strings.Repeat(" ", 60) + "K3F90V1B", false},
}

func code(s string) (c Code) {
	copy(c.chars[:], s)
	return c
}

func TestMatches(t *testing.T) {
	for _, c := range typed {
		if got := code("K3F90V1B").Matches(c.s); got != c.want {
			t.Errorf("%q: %v", c.s, got)
		}
	}
	if (Code{}).Matches("") || (Code{}).Matches("\x00\x00\x00\x00\x00\x00\x00\x00") {
		t.Error("a code that was never made matches")
	}
}

func FuzzMatches(f *testing.F) {
	for _, c := range typed {
		f.Add(c.s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		chars, ok := read(s)
		if !ok {
			return
		}
		for _, b := range chars {
			if !strings.ContainsRune(alphabet, rune(b)) {
				t.Errorf("%q is read as %q", s, chars)
			}
		}
		c := Code{chars}
		if !c.Matches(s) || !c.Matches(c.String()) {
			t.Errorf("%q read as %s does not match", s, c)
		}
	})
}
