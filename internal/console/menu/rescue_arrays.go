package menu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
)

const (
	startsWithin = time.Minute      // an array; what has not come by then hangs
	busyWithin   = 20 * time.Second // the system service with looking at disks
)

// arrayLine is an array in a line.
func arrayLine(a api.Array) string {
	there, of := presence(a)
	return fmt.Sprintf("array %s, %s, %d of %d disks: %s", a.Name, a.Level, len(there), of, a.Status)
}

// runs tells whether what is on an array can be reached.
func runs(a api.Array) bool {
	return a.Status == api.ArrayStatusRunning || a.Status == api.ArrayStatusDegraded
}

// presence is which of an array's members are there and current, by their numbers, and how many it has when it is whole.
func presence(a api.Array) (there map[int]bool, of int) {
	there = map[int]bool{}
	for _, d := range a.Members {
		of = max(of, d.Position)
		if d.Position > 0 && (d.State == api.ArrayDiskStateIdle || d.State == api.ArrayDiskStateGood) {
			there[d.Position] = true
		}
	}
	return there, of
}

// lacking says which disks an array lacks; nothing where it lacks none.
func lacking(a api.Array) string {
	there, of := presence(a)
	var missing []string
	for p := 1; p <= of; p++ {
		if !there[p] {
			missing = append(missing, fmt.Sprint(p))
		}
	}
	if len(missing) == 0 {
		return ""
	}
	text := fmt.Sprintf("Of its %d disks number %s is missing.", of, missing[0])
	if last := len(missing) - 1; last > 0 {
		text = fmt.Sprintf("Of its %d disks numbers %s and %s are missing.", of, strings.Join(missing[:last], ", "), missing[last])
	}
	for _, d := range a.Members {
		if d.State == api.ArrayDiskStateBehind {
			text += fmt.Sprintf(" Disk %s was away, and lacks what was written since.", d.Serial)
		}
	}
	return text
}

// without says what it means to start an array that lacks disks.
func without(a api.Array) string {
	return fmt.Sprintf("Array %s: %s It has all its data all the same, but less protection, or none: one more disk that fails may take everything with it. "+
		"What is on a missing disk counts no more once something is written. If it can be plugged in, switch off and do that first.", a.Name, lacking(a))
}

// startOne starts an array that somebody chose.
func (m *Menu) startOne(ctx context.Context, a api.Array) error {
	if a.Status != api.ArrayStatusStopped {
		return m.done(ctx, nil, orSay(a.Reason, "Its disks are waited for. Try again in a moment.")+" "+lacking(a))
	}
	chosen, err := m.choose(ctx, func() []string { return []string{clipped(arrayLine(a)), clipped(a.Reason)} }, []choice{
		{'1', "Start", func(ctx context.Context) error {
			if lacking(a) == "" {
				return nil
			}
			return m.confirm(ctx, without(a))
		}},
		{'x', "Back", func(context.Context) error { return errBack }},
	})
	if err == nil {
		err = chosen.run(ctx)
	}
	if err != nil {
		return err
	}
	why, err := m.start(ctx, a)
	if err != nil {
		return err
	}
	return m.done(ctx, nil, orSay(why, "It runs. What is on it is among the volumes in a moment."))
}

// start has an array started, and waits until it runs: else it says why not. A key leaves it to itself.
func (m *Menu) start(ctx context.Context, a api.Array) (why string, err error) {
	m.Said("start array " + a.ID)
	began := time.Now()
	for {
		failed := m.Rescue.StartArray(ctx, a.ID, lacking(a) != "")
		if failed == nil {
			break
		}
		if time.Since(began) > busyWithin {
			return failed.Error(), nil
		}
		if _, pressed, err := m.key(ctx, watchEvery); err != nil || pressed {
			return failed.Error(), err
		}
	}
	for {
		if s := m.Machine.State(ctx).System; s != nil {
			switch i := slices.IndexFunc(s.Arrays, func(other api.Array) bool { return other.ID == a.ID }); {
			case i < 0:
				return "The array is gone: its disks were pulled, or have died.", nil
			case runs(s.Arrays[i]):
				return "", nil
			case s.Arrays[i].Status != api.ArrayStatusWaiting:
				return s.Arrays[i].Reason, nil
			}
		}
		if time.Since(began) > startsWithin {
			return "It does not run yet: a disk of it does not answer. Leave it out.", nil
		}
		if _, pressed, err := m.key(ctx, watchEvery/2); err != nil || pressed {
			return "It does not run yet.", err
		}
	}
}

// startAll starts the arrays that can be started, those that lack disks on a person's word, and returns whether it did any.
func (m *Menu) startAll(ctx context.Context, s *api.Status) (started bool, err error) {
	for _, a := range s.Arrays {
		if a.Status != api.ArrayStatusStopped {
			continue
		}
		if lacking(a) == "" {
			err = m.say("Array " + a.Name + " is started.")
		} else {
			var agreed bool
			if agreed, err = m.agreed(ctx, without(a), "leaves it out"); err == nil && !agreed {
				continue
			}
		}
		if err != nil {
			return started, err
		}
		why, err := m.start(ctx, a)
		if err == nil && why != "" {
			err = m.say("Array " + a.Name + ": " + why)
		}
		if err != nil {
			return started, err
		}
		started = started || why == ""
	}
	return started, nil
}

// leftOut is a line for each of this machine's arrays that does not run.
func leftOut(s *api.Status) (lines []string) {
	for _, a := range s.Arrays {
		if !runs(a) && a.Status != api.ArrayStatusForeign {
			lines = append(lines, arrayLine(a)+". "+lacking(a))
		}
	}
	return lines
}
