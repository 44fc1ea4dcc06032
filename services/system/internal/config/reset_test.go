package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigie/internal/sysconfig"
)

func TestAResetIsWhatTheMachineStartsWith(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, away := newVolume(t, nil), newVolume(t, nil)
	r.Attach("a", a)
	r.Attach("away", away)
	if err := r.Change(setHost("gate")); err != nil {
		t.Fatal(err)
	}
	r.Detach("away")
	if err := r.Try(setHost("trial"), time.Minute, func(kept bool) {
		if kept {
			t.Error("what was on trial is kept")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Reset([]string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	r.applied = r.applied[:len(r.applied):len(r.applied)]
	told := len(r.applied)
	for what, err := range map[string]error{"change": r.Change(setHost("late")), "trial": r.Try(setHost("late"), time.Minute, nil), "reset": r.Reset(nil)} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s of a machine that was reset: %v", what, err)
		}
	}
	if len(r.applied) != told {
		t.Error("a reset is applied")
	}

	// The disk that was away has seen many changes meanwhile, in another machine: the reset counts all the same.
	elsewhere := newRig(t, t.TempDir())
	elsewhere.Attach("away", away)
	for i := range 5 {
		if err := elsewhere.Change(setHost(fmt.Sprintf("gate%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(filepath.Join(away, folder, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][]string{{a, away}, {away, a}} {
		again := newRig(t, t.TempDir())
		again.Traces = func(volume string) []string {
			if volume == away {
				return []string{"one"} // a reset's next step takes it away
			}
			return nil
		}
		put(t, away, old)
		for _, path := range order {
			again.Attach(path, path)
		}
		again.host(t, "")
		if got := again.Forgotten(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("forgotten: %v", got)
		}
		for _, path := range order {
			if d := onVolume(t, path, file); d.Resets != 1 || d.Config.Hostname != "" {
				t.Errorf("%+v", d)
			}
		}
	}
}

func TestAnotherRecordersResetsCountForNothing(t *testing.T) {
	foreign := document(9, "elsewhere")
	foreign.Resets, foreign.Forgotten = 3, []string{"theirs"}
	for _, generation := range []int64{5, 50} {
		for _, first := range []bool{true, false} {
			ours, other := newVolume(t, document(generation, "here")), newVolume(t, foreign)
			r := newRig(t, t.TempDir())
			r.Traces = func(string) []string { return []string{"ours"} }
			if first {
				r.Attach("foreign", other)
				r.Attach("ours", ours)
			} else {
				r.Attach("ours", ours)
				r.Attach("foreign", other)
			}
			want := "here"
			if generation < foreign.Generation {
				want = "elsewhere"
			}
			r.host(t, want)
		}
	}
}

func TestForgottenNamesAreBounded(t *testing.T) {
	var many []string
	for i := range sysconfig.MaxForgotten {
		many = append(many, fmt.Sprintf("n%d", i))
	}
	got := union(many, []string{"n5", "new"})
	if len(got) != sysconfig.MaxForgotten || got[len(got)-1] != "new" || !slices.Contains(got, "n5") || slices.Contains(got, "n0") {
		t.Errorf("%v", got)
	}
}
