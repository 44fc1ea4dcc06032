package installer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"vigie/installer/fat"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

// boot does what GRUB does by its script, which TestScriptInEverySituation of package loader runs for every combination of
// states, counts and contents: it returns the slot that is started, with its image. A trial is counted on the disk.
func (p parts) boot(d *Disk) (slot string, image *systemimage.Image, err error) {
	states, unknown := d.Slots()
	readable := func(slot string) *systemimage.Image {
		image, err := d.Image(layout.Role(slot), p.trusted)
		if err != nil {
			return nil
		}
		return image
	}
	if unknown != nil {
		return "", nil, fmt.Errorf("the states of the slots are lost: %w", unknown)
	}
	order := []string{states.First, loader.Other(states.First)}
	for _, slot := range order {
		image := readable(slot)
		starts := states.Of(slot) == loader.Confirmed
		if states.Of(slot) == loader.Trying {
			n, err := d.Starts(states.Trial)
			if err != nil {
				return "", nil, err
			}
			if starts = n < loader.Starts; starts {
				if err := p.count(d.dev, states.Trial, n+1); err != nil {
					return "", nil, err
				}
			}
		}
		if starts && image != nil {
			return slot, image, nil
		}
	}
	for _, slot := range order {
		if image := readable(slot); image != nil {
			return slot, image, nil
		}
	}
	return "", nil, errors.New("nothing can be started")
}

// count is how GRUB writes grubenv: in place, at once.
func (p parts) count(m Device, trial uint64, starts int) error {
	block, err := loader.Block(loader.Variable{Name: "counted", Value: strconv.FormatUint(trial, 10)}, loader.Variable{Name: "starts", Value: strconv.Itoa(starts)})
	if err != nil {
		return err
	}
	efi, _ := p.table.Part(layout.EFI)
	extents, _, err := fat.Find(io.NewSectionReader(m, efi.Start, efi.Size), loader.CountFile)
	if err != nil {
		return err
	}
	for _, e := range extents {
		if _, err := m.WriteAt(block[:e.Size], efi.Start+e.Start); err != nil {
			return err
		}
		block = block[e.Size:]
	}
	return m.Flush()
}

// story is what happens to a disk: each step is told what must be started after a cut within it, and after it.
type story struct {
	p     parts
	m     *medium
	d     *Disk
	may   []string // versions that may be started after a cut in the step that runs
	steps int
}

func (s *story) set(change func(loader.Slots) (loader.Slots, error), may ...string) error {
	s.may = may
	states, err := s.d.Slots()
	if err == nil {
		states, err = change(states)
	}
	if err != nil {
		return err
	}
	return s.d.SetSlots(states)
}

// tell goes through an update that works, one that does not, one that is torn, and a way back, until the power is cut.
func (s *story) tell(t *testing.T, second, third *systemimage.Image) error {
	fill := func(role layout.Role, image *systemimage.Image, from io.Reader) func() error {
		return func() error { return s.d.FillSlot(t.Context(), role, image, from, nil) }
	}
	start := func(want string) func() error {
		return func() error {
			s.may = []string{want, map[string]string{"2": "1", "3": "2", "1": "2"}[want]}
			slot, image, err := s.p.boot(s.d)
			if err == nil && image.Version != want {
				err = fmt.Errorf("slot %s with version %s is started, want %s", slot, image.Version, want)
			}
			return err
		}
	}
	clearing := func(running, version string) func() error {
		return func() error {
			return s.set(func(now loader.Slots) (loader.Slots, error) { return now.Clear(running) }, version)
		}
	}
	trying := func(running, version, next string) func() error {
		return func() error {
			return s.set(func(now loader.Slots) (loader.Slots, error) { return now.Try(running) }, version, next)
		}
	}
	torn := func() error {
		b := make([]byte, third.Size()-5000)
		if _, err := io.ReadFull(third.Reader(), b); err != nil {
			return err
		}
		if err := s.d.FillSlot(t.Context(), layout.SlotA, third, bytes.NewReader(b), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("a torn image: %w", err)
		}
		return nil
	}
	for _, step := range []func() error{
		clearing("a", "1"), fill(layout.SlotB, second, second.Reader()), trying("a", "1", "2"), start("2"),
		func() error {
			return s.set(func(now loader.Slots) (loader.Slots, error) { return now.Worked("b"), nil }, "1", "2")
		},
		start("2"),
		clearing("b", "2"), torn, fill(layout.SlotA, third, third.Reader()), trying("b", "2", "3"), start("3"),
		func() error { return s.set(loader.Slots.Failed, "2", "3") }, start("2"),
		// By hand to what did not work: it may be tried again.
		trying("b", "2", "3"), start("3"), start("3"), start("3"), start("2"),
		func() error {
			return s.set(func(now loader.Slots) (loader.Slots, error) { return now.Worked("b"), nil }, "2")
		},
	} {
		if err := step(); err != nil {
			return err
		}
		s.steps++
	}
	return nil
}

// TestNoCutDuringUpdatesLeavesADiskThatStartsTheWrongThing: the power is cut at every write and flush of updates, trials and
// ways back, with any part of what was not flushed on the disk.
func TestNoCutDuringUpdatesLeavesADiskThatStartsTheWrongThing(t *testing.T) {
	p := newParts(t)
	p.image = p.sealed(t, 48<<10, systemimage.Manifest{Version: "1", BuiltS: 5})
	second := p.sealed(t, 60<<10, systemimage.Manifest{Version: "2", BuiltS: 6})
	third := p.sealed(t, 52<<10, systemimage.Manifest{Version: "3", BuiltS: 7})
	installed := newMedium()
	if err := p.install(t.Context(), installed); err != nil {
		t.Fatal(err)
	}
	tell := func(left int) (*story, error) {
		m := installed.copy()
		m.left = left
		d, err := Open(m, m.size)
		if err != nil {
			t.Fatal(err)
		}
		s := &story{p: p, m: m, d: d, may: []string{"1"}}
		return s, s.tell(t, second, third)
	}
	whole, err := tell(1 << 30)
	if err != nil {
		t.Fatalf("without a cut, at step %d: %v", whole.steps, err)
	}
	ops := 1<<30 - whole.m.left
	r := rand.New(rand.NewPCG(3, 4))
	states := 0
	for at := range ops {
		s, err := tell(at)
		if !errors.Is(err, errCut) {
			t.Fatalf("cut at %d: %v", at, err)
		}
		samples := 1
		if len(s.m.cache) > 0 {
			samples = 400
		}
		for range samples {
			states++
			after := s.m.cut(r)
			if err := p.judge(after, s.may); err != nil {
				t.Fatalf("cut at %d of %d, in step %d: %v", at, ops, s.steps, err)
			}
		}
	}
	if states < 10_000 {
		t.Errorf("%d states", states)
	}
	t.Logf("%d states after a cut at each of %d writes and flushes", states, ops)
}

// judge starts a machine again and again that never shows that it works: what is started must be whole, and of the versions
// that may be; and in the end it is one that is known to work.
func (p parts) judge(m *medium, may []string) error {
	d := New(m, p.table)
	whole := ""
	for range loader.Starts + 2 {
		slot, image, err := p.boot(d)
		if err != nil {
			return err
		}
		if whole != slot {
			if err := image.Verify(image.Reader(), nil); err != nil {
				return fmt.Errorf("slot %s is started: %w", slot, err)
			}
			whole = slot
		}
		if !slices.Contains(may, image.Version) {
			return fmt.Errorf("slot %s with version %s is started, want of %v", slot, image.Version, may)
		}
		states, err := d.Slots()
		if err != nil {
			return err
		}
		if states.Of(slot) == loader.Confirmed { // from now on it is always this one
			return nil
		}
	}
	return errors.New("it never comes to a slot that is known to work")
}
