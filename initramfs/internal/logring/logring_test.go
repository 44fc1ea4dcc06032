package logring

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestRingKeepsTheNewestWithinItsSize(t *testing.T) {
	r := New(10 * (1 + overhead))
	for i := range 1000 {
		r.Add(fmt.Sprint(i % 10))
	}
	if got := r.Lines(); !slices.Equal(got, strings.Split("0123456789", "")) {
		t.Errorf("lines %q", got)
	}
	r.Add(strings.Repeat("x", 9*(1+overhead)-overhead))
	if got := r.Lines(); len(got) != 2 || got[0] != "9" {
		t.Errorf("after a long line %q", got)
	}
}

func TestRingCutsLongLinesAndBadText(t *testing.T) {
	r := New(1 << 20)
	r.Add(strings.Repeat("x", MaxLine+1))
	r.Add("a\xff")
	lines := r.Lines()
	if len(lines[0]) != MaxLine || !strings.HasSuffix(lines[0], "x...") || lines[1] != "a?" {
		t.Errorf("lines of %d bytes, %q", len(lines[0]), lines[1])
	}
	if r := New(10); true {
		r.Add("longer than the ring")
		if len(r.Lines()) != 0 {
			t.Error("a ring holds more than its size")
		}
	}
}

func TestRingTakesALog(t *testing.T) {
	r := New(1 << 10)
	slog.New(slog.NewTextHandler(r, nil)).Info("mounted", "volume", "a")
	if lines := r.Lines(); len(lines) != 1 || !strings.HasSuffix(lines[0], "msg=mounted volume=a") {
		t.Errorf("lines %q", lines)
	}
}
