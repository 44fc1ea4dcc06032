package answer

import (
	"strings"
	"testing"
)

func TestNamesAreTrimmedOrRefusedInWords(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"Door", "Door"}, {"  Entrée Nord\t", "Entrée Nord"}, {strings.Repeat("é", 64), strings.Repeat("é", 64)},
		{"", ""}, {" \n ", ""}, {strings.Repeat("é", 65), ""}, {"a\x00b", ""}, {"a\nb", ""}, {"a\xffb", ""},
	} {
		got, err := Name("the camera", c.name)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}
