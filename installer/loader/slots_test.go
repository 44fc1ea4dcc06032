package loader

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatesGoFromOneToTheNext(t *testing.T) {
	both := Slots{Generation: 7, System: id, First: "a", A: Confirmed, B: Confirmed}
	trial := Slots{Generation: 8, System: id, First: "b", A: Confirmed, B: Trying, Trial: 8}
	for name, c := range map[string]struct {
		do   func() (Slots, error)
		want Slots // the zero value: refused
	}{
		"the other slot is to be written":     {func() (Slots, error) { return both.Clear("a") }, Slots{Generation: 8, System: id, First: "a", A: Confirmed, B: Empty}},
		"it is written from the second slot":  {func() (Slots, error) { return both.Clear("b") }, Slots{Generation: 8, System: id, First: "b", A: Empty, B: Confirmed}},
		"during a trial, by the one on trial": {func() (Slots, error) { return trial.Clear("b") }, Slots{}},
		"during a trial, by the other one":    {func() (Slots, error) { return trial.Clear("a") }, Slots{}},
		"by a slot that is not known to work": {func() (Slots, error) { return both.with("a", Bad).Clear("a") }, Slots{}},
		"the other slot is tried":             {func() (Slots, error) { return both.Try("a") }, trial},
		"a second trial":                      {func() (Slots, error) { return trial.Try("b") }, Slots{}},
		"a trial by one that may not work":    {func() (Slots, error) { return both.with("b", Empty).Try("b") }, Slots{}},
		"it works":                            {func() (Slots, error) { return trial.Worked("b"), nil }, Slots{Generation: 9, System: id, First: "b", A: Confirmed, B: Confirmed}},
		"it does not":                         {trial.Failed, Slots{Generation: 9, System: id, First: "a", A: Confirmed, B: Bad}},
		"nothing is tried":                    {both.Failed, Slots{}},
		"the old one runs again, and works":   {func() (Slots, error) { return trial.Worked("a"), nil }, Slots{Generation: 9, System: id, First: "a", A: Confirmed, B: Bad}},
		"a trial that was not begun":          {func() (Slots, error) { return both.After(trial), nil }, Slots{Generation: 9, System: id, First: "a", A: Confirmed, B: Confirmed}},
		"the last resort works":               {func() (Slots, error) { return both.with("a", Bad).with("b", Empty).Worked("b"), nil }, Slots{Generation: 8, System: id, First: "b", A: Bad, B: Confirmed}},
	} {
		got, err := c.do()
		if c.want == (Slots{}) {
			if !errors.Is(err, ErrNotNow) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if err := got.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStartsAreThoseOfTheTrial(t *testing.T) {
	block := func(v ...Variable) []byte {
		b, err := Block(v...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		block []byte
		want  int
	}{
		"twice": {block(Variable{"counted", "8"}, Variable{"starts", "2"}), 2}, "another trial's": {block(Variable{"counted", "7"}, Variable{"starts", "2"}), 0},
		"never": {block(), 0}, "torn": {make([]byte, blockBytes), 0}, "nonsense": {block(Variable{"counted", "8"}, Variable{"starts", "-5"}), 0},
	} {
		if got := Started(c.block, 8); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}
