package hostname

import (
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, want := range map[string]bool{
		"gate": true, "Gate-2": true, "7": true, "a.b-c.example": true, long: true, long + "." + long + "." + long + "." + long[:61]: true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "-a": false, "a-": false, "a.-b": false, "a_b": false, "a b": false,
		"caméra": false, "a\n": false, "a@b": false, "a[b": false, "a`b": false, "a{b": false, "A/B": false, "a:b": false,
		long + "a": false, long + "." + long + "." + long + "." + long[:62]: false,
	} {
		if got := Valid(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestTheMachinesOwnNameIsShort(t *testing.T) {
	for name, want := range map[string]bool{strings.Repeat("a", 63): true, strings.Repeat("a", 31) + "." + strings.Repeat("b", 32): false, "a..b": false} {
		if got := ValidOwn(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
