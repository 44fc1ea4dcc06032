// Package retention decides what is deleted, and why. It is arithmetic alone: no clock, no disk, no state; package
// archive asks it again and again and carries out what it says.
//
// In this version one rule holds: a volume that is fuller than its limit loses its oldest segments, whatever the
// camera, until it is back under. A segment that is being written is never a candidate.
package retention

import "fmt"

// MinReserve is kept free on every volume whatever its limit, in bytes: closing files, the index's copies and the
// filesystem itself need room in order to free any. A small volume keeps a twentieth instead.
const MinReserve = 512 << 20

// Volume is how full a volume is.
type Volume struct {
	SizeBytes    int64 // of the filesystem
	FreeBytes    int64 // for unprivileged writers
	LimitPercent int   // of SizeBytes that may be used
}

// Candidate is a closed segment that may go.
type Candidate struct {
	SizeBytes int64
}

// Deletion is one verdict.
type Deletion struct {
	Index  int    // into the candidates
	Reason string // for the log
}

// limit is how many bytes may be used.
func (v Volume) limit() int64 {
	byPercent := v.SizeBytes / 100 * int64(v.LimitPercent)
	reserve := min(MinReserve, v.SizeBytes/20)
	return max(0, min(byPercent, v.SizeBytes-reserve))
}

// Excess returns by how many bytes the volume is over its limit; 0 when it is not. It is what Plan wants freed.
func (v Volume) Excess() int64 {
	return max(0, v.SizeBytes-v.FreeBytes-v.limit())
}

// Plan returns which of the candidates, given oldest first, must go: the shortest prefix that brings the volume under
// its limit, or all of them when that is not enough.
func Plan(v Volume, oldestFirst []Candidate) []Deletion {
	need := v.Excess()
	reason := fmt.Sprintf("volume is %d MB over its limit of %d %%", (need+1<<20-1)>>20, v.LimitPercent)
	var out []Deletion
	for i, c := range oldestFirst {
		if need <= 0 {
			break
		}
		out = append(out, Deletion{Index: i, Reason: reason})
		need -= c.SizeBytes
	}
	return out
}
