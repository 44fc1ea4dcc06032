//go:build whole

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/tools/blockserver"
)

// judge says what a disk is that a cut leaves after so many operations; it is an error if that may not be.
type judge func(at int, left *blockserver.Remains, w *whole) (string, error)

// cuts goes through a log, judges what a power cut leaves at each moment of it, and hands those at some moments on.
func (c *systemCuts) cuts(t *testing.T, log *blockserver.Log, moments []int, judge judge, start func(at int, path, expected string)) {
	t.Helper()
	replay, err := log.Replay(filepath.Join(c.dir, "replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	ops := log.Ops()
	w := &whole{cuts: c, touched: map[layout.Role]int{}, known: map[wholeKey]string{}}
	for at := range len(ops) + 1 {
		if err := replay.To(at); err != nil {
			t.Fatal(err)
		}
		if at < len(ops) {
			w.next(at, ops[at])
		}
		for range c.samples {
			left := replay.Cut(c.r)
			expected, err := judge(at, left, w)
			if err != nil {
				t.Fatalf("after %d of %d: %v", at, len(ops), err)
			}
			c.judged++
			c.unflushed += left.Unflushed
			c.lost += left.Lost
			for len(moments) > 0 && moments[0] == at {
				moments = moments[1:]
				path := filepath.Join(c.dir, "cut")
				if err := left.CopyTo(path); err != nil {
					t.Fatal(err)
				}
				start(at, path, expected)
				c.started++
			}
			if left.Unflushed == 0 { // it is always the same
				break
			}
		}
	}
	c.seesLies(t, log, judge, w)
}

// seesLies checks that who judges would notice a disk that says that it has flushed, and has not.
func (c *systemCuts) seesLies(t *testing.T, log *blockserver.Log, judge judge, w *whole) {
	t.Helper()
	replay, err := log.Replay(filepath.Join(c.dir, "replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	replay.Lies = true
	end := len(log.Ops())
	if err := replay.To(end); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.touched[layout.SlotA], w.touched[layout.SlotB] = end, end // nothing is known of them
		if _, err := judge(end, replay.Cut(c.r), w); err != nil {
			t.Logf("of a disk that does not flush it is said: %v", err)
			return
		}
	}
	t.Error("a disk that does not flush is taken for one that does")
}

// whole knows which versions are in the slots, without reading again what has not changed.
type whole struct {
	cuts    *systemCuts
	touched map[layout.Role]int // by which operation last, from 1
	flushed int
	known   map[wholeKey]string
}

type wholeKey struct {
	slot    layout.Role
	touched int
}

// next is told the operation that is under way.
func (w *whole) next(at int, o blockserver.Op) {
	if o.Flush() {
		w.flushed = at + 1
		return
	}
	for _, slot := range []layout.Role{layout.SlotA, layout.SlotB} {
		if p, _ := w.cuts.table.Part(slot); o.Off < p.Start+p.Size && o.Off+o.Size > p.Start {
			w.touched[slot] = at + 1
		}
	}
}

// in is the version in a slot that GRUB could start: "" is none. It is an error if that is not all there.
func (w *whole) in(disk io.ReaderAt, slot layout.Role) (string, error) {
	p, _ := w.cuts.table.Part(slot)
	head := make([]byte, layout.Sector)
	if _, err := disk.ReadAt(head, p.Start); err != nil {
		return "", err
	}
	if !bytes.HasPrefix(head, []byte("hsqs")) {
		return "", nil
	}
	key := wholeKey{slot, w.touched[slot]}
	if v, ok := w.known[key]; ok && w.touched[slot] < w.flushed {
		return v, nil
	}
	for version, image := range w.cuts.images {
		info, err := image.Stat()
		if err != nil {
			return "", err
		}
		same, err := equal(disk, p.Start, image, 0, info.Size())
		if err != nil {
			return "", err
		}
		if same {
			if w.touched[slot] < w.flushed {
				w.known[key] = version
			}
			return version, nil
		}
	}
	return "", errors.New("slot " + string(slot) + " could be started, and is not whole")
}

// equal compares bytes of two disks.
func equal(a io.ReaderAt, atA int64, b io.ReaderAt, atB, size int64) (bool, error) {
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for done := int64(0); done < size; done += int64(len(x)) {
		n := min(int64(len(x)), size-done)
		if _, err := a.ReadAt(x[:n], atA+done); err != nil {
			return false, err
		}
		if _, err := b.ReadAt(y[:n], atB+done); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// starts is the version that GRUB starts, by its script's rules, which package loader's tests run in every situation.
func (w *whole) starts(disk io.ReaderAt) (string, error) {
	d, err := installer.Open(looked{disk}, systemBytes)
	if err != nil {
		return "", err
	}
	states, err := d.Slots()
	if err != nil {
		return "", fmt.Errorf("the states of the slots are lost: %w", err)
	}
	order := []string{states.First, loader.Other(states.First)}
	for _, slot := range order {
		may := states.Of(slot) == loader.Confirmed
		if states.Of(slot) == loader.Trying {
			n, err := d.Starts(states.Trial)
			if err != nil {
				return "", err
			}
			may = n < loader.Starts
		}
		if !may {
			continue
		}
		if version, err := w.in(disk, layout.Role(slot)); err != nil || version != "" {
			return version, err
		}
	}
	return "", fmt.Errorf("nothing that is known to work can be started: %+v", states)
}

// looked is a disk that is only looked at.
type looked struct{ io.ReaderAt }

func (looked) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (looked) Flush() error                       { return errors.ErrUnsupported }
