package rescue

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMemoryThatKeepsWhatIsWrittenHasNoFault(t *testing.T) {
	m, out, _ := bench(t, 1<<20)
	if err := m.run(t.Context(), []string{"memory", "40"}); err != nil || !strings.Contains(out.String(), "No fault in 41.9 MB of memory") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestEachFaultIsFound has one bit of one word stuck at each value, and two places change what is in them.
func TestEachFaultIsFound(t *testing.T) {
	for name, spoil := range map[string]func(blocks [][]uint64){
		"a bit that is always 0": func(b [][]uint64) { b[0][77] &^= 1 << 13 },
		"a bit that is always 1": func(b [][]uint64) { b[0][77] |= 1 << 60 },
		"a line of the address that is stuck": func(b [][]uint64) {
			for n := range len(b[0]) / 2 {
				b[0][n+len(b[0])/2] = b[0][n]
			}
		},
	} {
		test := &memoryTest{between: spoil}
		if err := test.take(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
		last := 0
		err := test.run(t.Context(), patterns(), func(_ pattern, _, percent int) {
			if percent < last {
				t.Errorf("%s: %d %% after %d", name, percent, last)
			}
			last = percent
		})
		if err != nil || test.faults == 0 || len(test.named) == 0 || len(test.named) > memoryMost || last != 100 {
			t.Errorf("%s: %v, %d faults, %d named, %d %%", name, err, test.faults, len(test.named), last)
		}
		test.release()
	}
}

func TestTheMemoryTestIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	test := &memoryTest{between: func([][]uint64) { cancel() }}
	defer test.release()
	if err := test.take(ctx, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := test.run(ctx, patterns(), func(pattern, int, int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
