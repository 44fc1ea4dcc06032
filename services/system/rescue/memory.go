package rescue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	memoryBlock = 32 << 20 // taken and looked at at once
	// memoryLeft is what is not taken: what runs needs it.
	memoryLeft = 160 << 20
	memoryMost = 20 // faults that are named
)

// pattern is what a word of memory is filled with, by its number.
type pattern struct {
	name string
	word func(n uint64) uint64
}

func patterns() []pattern {
	same := func(v uint64) func(uint64) uint64 { return func(uint64) uint64 { return v } }
	return []pattern{
		{"zeros", same(0)}, {"ones", same(^uint64(0))}, {"01", same(0x5555555555555555)}, {"10", same(0xaaaaaaaaaaaaaaaa)},
		{"a bit that walks", func(n uint64) uint64 { return 1 << (n % 64) }},
		// A line of the address that is stuck gives another place's number.
		{"each place its number", func(n uint64) uint64 { return n * 0x9e3779b97f4a7c15 }},
	}
}

// memory fills the memory that is free, which it holds so that none of it is moved away, with patterns, and reads them back.
func (m *machine) memory(ctx context.Context, args []string) error {
	want, err := freeMemory(m.root)
	if err != nil {
		return err
	}
	free := want
	if want -= memoryLeft; len(args) > 0 {
		mib, err := strconv.ParseInt(args[0], 10, 32)
		if err != nil || mib < 1 {
			return fmt.Errorf("%q is no amount of memory in MiB", args[0])
		}
		want = mib << 20
	}
	if want > free-memoryLeft || want < 1<<20 {
		return fmt.Errorf("%s are free, of which %s must stay so: there is not enough for the test", amount(free), amount(memoryLeft))
	}
	t := &memoryTest{between: func([][]uint64) {}}
	defer t.release()
	if err := t.take(ctx, want); err != nil {
		return err
	}
	m.say("Testing %s of the memory; what runs has the rest. Ctrl-C gives up.", amount(t.size))
	began := time.Now()
	err = t.run(ctx, patterns(), func(p pattern, pass, percent int) {
		m.progress("%d %%, pattern %d of %d (%s), %d faults", percent, pass, len(patterns()), p.name, t.faults)
	})
	m.progressed()
	for _, f := range t.named {
		m.say("  fault: %s", f)
	}
	switch {
	case err != nil:
		m.say("Given up after %s; %d faults so far.", time.Since(began).Round(time.Second), t.faults)
	case t.faults == 0:
		m.say("No fault in %s of memory, %s.", amount(t.size), time.Since(began).Round(time.Second))
	}
	if t.faults > 0 {
		m.say("%d words of the memory do not keep what is written to them. Replace the memory modules, one after the other, until this test finds nothing.", t.faults)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// freeMemory is what programs could get.
func freeMemory(root string) (int64, error) {
	text, err := os.ReadFile(root + "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the kernel does not say how much memory is free")
}

// memoryTest holds memory.
type memoryTest struct {
	held   [][]byte
	blocks [][]uint64
	size   int64
	faults int
	named  []string
	// between is called after a pattern was written and before it is read.
	between func(blocks [][]uint64)
}

// take gets memory that stays where it is, as much as there is of what is wanted.
func (t *memoryTest) take(ctx context.Context, want int64) error {
	for t.size < want && ctx.Err() == nil {
		size := min(memoryBlock, want-t.size) &^ 7
		if size == 0 {
			break
		}
		b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			break
		}
		if err := unix.Mlock(b); err != nil {
			if t.size == 0 {
				return errors.Join(fmt.Errorf("memory cannot be held: %w", err), unix.Munmap(b))
			}
			_ = unix.Munmap(b)
			break
		}
		t.held = append(t.held, b)
		t.blocks = append(t.blocks, unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8))
		t.size += size
	}
	return ctx.Err()
}

func (t *memoryTest) release() {
	for _, b := range t.held {
		_ = unix.Munmap(b)
	}
	t.held, t.blocks = nil, nil
}

// run goes through the patterns.
func (t *memoryTest) run(ctx context.Context, all []pattern, progress func(p pattern, pass, percent int)) error {
	steps, step := len(all)*2*len(t.blocks), 0
	for i, p := range all {
		for reading := range 2 {
			n := uint64(0)
			for _, block := range t.blocks {
				if err := ctx.Err(); err != nil {
					return err
				}
				if reading == 0 {
					for w := range block {
						block[w] = p.word(n + uint64(w))
					}
				} else {
					t.compare(block, n, p)
				}
				n += uint64(len(block))
				step++
				progress(p, i+1, step*100/steps)
			}
			if reading == 0 {
				t.between(t.blocks)
			}
		}
	}
	return nil
}

func (t *memoryTest) compare(block []uint64, n uint64, p pattern) {
	for w, got := range block {
		want := p.word(n + uint64(w))
		if got == want {
			continue
		}
		if t.faults++; len(t.named) < memoryMost {
			t.named = append(t.named, fmt.Sprintf("word %d of the memory under test is %016x, was written as %016x (%s)", n+uint64(w), got, want, p.name))
		}
	}
}
