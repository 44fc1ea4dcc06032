package console

import (
	"strings"
	"testing"
)

func TestSayPrintsOnlyWhatIsNew(t *testing.T) {
	var b strings.Builder
	c := New(&b)
	c.Say("nic a", "a: up")
	c.Say("nic b", "b: up")
	c.Say("nic a", "a: up")
	c.Say("nic a", "a: %s\x1b[2J\nx", "down")
	c.Say("nic a", "a: up")
	if want := "a: up\nb: up\na: down [2J x\na: up\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
