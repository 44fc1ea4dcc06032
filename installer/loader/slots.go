package loader

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrNotNow is wrapped when a slot's state does not allow what is asked for.
var ErrNotNow = errors.New("the slots' states do not allow it")

// Other is the other slot.
func Other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

// Of is the state of a slot, "a" or "b".
func (s Slots) Of(slot string) State {
	if slot == "a" {
		return s.A
	}
	return s.B
}

func (s Slots) with(slot string, state State) Slots {
	if slot == "a" {
		s.A = state
	} else {
		s.B = state
	}
	return s
}

// OnTrial is the slot that is on trial; "": none.
func (s Slots) OnTrial() string {
	switch Trying {
	case s.A:
		return "a"
	case s.B:
		return "b"
	}
	return ""
}

// Clear is the states before the other slot than the running one is written: nothing counts on it any more. The other slot of
// one that has not shown yet that it works is never written.
func (s Slots) Clear(running string) (Slots, error) {
	if s.Trial != 0 || s.Of(running) != Confirmed {
		return s, fmt.Errorf("%w: slot %s is not known to work yet", ErrNotNow, running)
	}
	s.First = running
	return s.with(Other(running), Empty).next(), nil
}

// Try is the states with which the other slot than the running one is started next, on trial.
func (s Slots) Try(running string) (Slots, error) {
	if s.Trial != 0 || s.Of(running) != Confirmed {
		return s, fmt.Errorf("%w: slot %s is not known to work yet", ErrNotNow, running)
	}
	s = s.next().with(Other(running), Trying)
	s.First, s.Trial = Other(running), s.Generation
	return s, nil
}

// After is the states s again, once later ones that were written are to count no more.
func (s Slots) After(later Slots) Slots {
	s.Generation = later.Generation
	return s.next()
}

// Worked is the states once the running slot has shown that it works.
func (s Slots) Worked(running string) Slots {
	s = s.ended(running).with(running, Confirmed)
	s.First = running
	return s.next()
}

// Failed is the states once the slot that is on trial has not worked: the other one is started next, and from then on.
func (s Slots) Failed() (Slots, error) {
	slot := s.OnTrial()
	if slot == "" {
		return s, fmt.Errorf("%w: no slot is on trial", ErrNotNow)
	}
	s = s.with(slot, Bad).next()
	s.Trial, s.First = 0, Other(slot)
	return s, nil
}

// ended has no trial; one of another slot than the running one has failed.
func (s Slots) ended(running string) Slots {
	if t := s.OnTrial(); t != "" && t != running {
		s = s.with(t, Bad)
	}
	s.Trial = 0
	return s
}

func (s Slots) next() Slots {
	s.Generation++
	return s
}

// Started reads grubenv: how often the trial of a number was started. What cannot be read has started none.
func Started(block []byte, trial uint64) int {
	v, err := ParseBlock(block)
	if err != nil || v["counted"] != strconv.FormatUint(trial, 10) {
		return 0
	}
	n, err := strconv.Atoi(v["starts"])
	if err != nil || n < 0 || n > Starts {
		return 0
	}
	return n
}
