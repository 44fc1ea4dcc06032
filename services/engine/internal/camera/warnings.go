package camera

import (
	"fmt"
	"maps"
	"slices"
)

// Warnings says what about the cameras needs attention.
func (s *Set) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	if s.short != "" {
		out = append(out, s.short)
	}
	once := map[string][]string{} // why there is no duplicate, and of which cameras
	for _, sl := range s.slots {
		for _, why := range sl.lacksDuplicate() {
			once[why] = append(once[why], sl.row.Name)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(once)) {
		slices.Sort(once[why])
		out = append(out, fmt.Sprintf("Recorded once, not twice as set: %s. %s", enumerate(once[why]), why))
	}
	return out
}

// lacksDuplicate says why a camera is recorded once though it is to be twice: each reason once. The caller holds mu.
func (sl *slot) lacksDuplicate() (out []string) {
	if !sl.row.Plan.Duplicate {
		return nil
	}
	for _, c := range sl.chains {
		for _, r := range c.stream().Recordings {
			if r.DuplicateReason != "" && !slices.Contains(out, r.DuplicateReason) {
				out = append(out, r.DuplicateReason)
			}
		}
	}
	return out
}
