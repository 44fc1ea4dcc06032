package md

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The speed, in kB/s for each member, at which an array brings itself in order. Slower than Slowest a disk of 10 TB takes
// four months; faster than Fastest no disk is for long.
const (
	Slowest = 1000
	Fastest = 2_000_000
	// Writes to the array that take longer than late on average, for a second, have the speed halved; those that take less
	// than early have it grow. So it is with the frame that waits longest for its disk: a round of writing begins every
	// 300 ms, and rings bear several seconds.
	late, early    = 100 * time.Millisecond, 30 * time.Millisecond
	behind, inTime = 700 * time.Millisecond, 450 * time.Millisecond
)

// Next says how fast an array may bring itself in order after a second at speed kBps in which the writes to it took so long
// on average, and a frame has been waiting so long for its disk; 0: there was none.
func Next(kBps int, latency, waited time.Duration) int {
	switch {
	case latency >= late || waited >= behind:
		kBps /= 2
	case latency <= early && waited <= inTime:
		kBps += max(kBps/4, Slowest)
	}
	return min(Fastest, max(Slowest, kBps))
}

// Writes are the counters of what was written to a block device.
type Writes struct {
	Count int64
	Spent time.Duration // by all writes together
}

// Latency is the mean of the writes since before; 0: there were none.
func (w Writes) Latency(before Writes) time.Duration {
	if n := w.Count - before.Count; n > 0 && w.Spent >= before.Spent {
		return (w.Spent - before.Spent) / time.Duration(n)
	}
	return 0
}

// ReadWrites reads an array's counters (Documentation/block/stat.rst: the fifth field counts writes, the eighth is their
// time in milliseconds).
func ReadWrites(root, name string) (Writes, error) {
	b, err := os.ReadFile(filepath.Join(root, "sys/block", name, "stat"))
	if err != nil {
		return Writes{}, err
	}
	f := strings.Fields(string(b))
	if len(f) < 8 {
		return Writes{}, fmt.Errorf("stat of %s has %d fields", name, len(f))
	}
	return Writes{number(f[4]), time.Duration(number(f[7])) * time.Millisecond}, nil
}
