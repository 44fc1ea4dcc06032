package md

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"vigie/services/system/internal/probe"
)

// Patience is how long an array waits for members that are not there.
const Patience = 5 * time.Second

// Found is a member that is there.
type Found struct {
	Device string // kernel name
	probe.Member
}

// Behind tells whether a member missed changes that the newest one knows of. It is none until mdadm takes it in again, as far as
// its bitmap says.
func (f Found) Behind(newest probe.Member) bool {
	return f.Role != probe.Spare && f.Events+1 < newest.Events
}

// Step is what is to be done with an array that does not run.
type Step string

// The steps.
const (
	Wait     Step = "wait"     // for members, or for the end of Patience
	Start    Step = "start"    // all are there
	Degraded Step = "degraded" // start without some
	Foreign  Step = "foreign"  // another machine's: nothing
	Short    Step = "short"    // too few are there: nothing, but one that comes changes that
)

// Plan says what is to be done with an array of which these members were found, when the first of them was found waiting
// ago. ours are the marks of machines whose arrays are started unasked.
func Plan(found []Found, waiting time.Duration, ours []string) Step {
	newest := newestOf(found)
	if !slices.Contains(ours, newest.Host) {
		return Foreign
	}
	there := map[int]bool{}
	for _, f := range found {
		if f.Role == probe.Active && !f.Behind(newest) {
			there[f.Position] = true
		}
	}
	switch n := newest.Devices; {
	case len(there) >= n:
		return Start
	case waiting < Patience:
		return Wait
	case enough(newest.Level, n, there):
		return Degraded
	}
	return Short
}

// newestOf is the member that knows the latest of its array.
func newestOf(found []Found) probe.Member {
	var newest probe.Member
	for i, f := range found {
		if i == 0 || f.Events > newest.Events {
			newest = f.Member
		}
	}
	return newest
}

// Enough tells whether an array that runs has all its data in the members at these positions. level is the kernel's word.
func Enough(level string, n int, there map[int]bool) bool {
	number, err := strconv.Atoi(strings.TrimPrefix(level, "raid"))
	return err == nil && enough(number, n, there)
}

// enough tells whether an array of n members has all its data in those that are there.
func enough(level, n int, there map[int]bool) bool {
	missing := n - len(there)
	switch level {
	case 1:
		return len(there) > 0
	case 4, 5:
		return missing <= 1
	case 6:
		return missing <= 2
	case 10: // near copies: positions 0 and 1 are twins, 2 and 3, …
		for i := 0; i+1 < n; i += 2 {
			if !there[i] && !there[i+1] {
				return false
			}
		}
		return missing <= n/2
	}
	return missing == 0
}
