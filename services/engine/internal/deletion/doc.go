// Package deletion is what people had deleted before its time: who, which recordings, how many they were shown, and how far
// it has come, as rows of the engine's database. Package archive carries it out.
//
// An order names cameras, kinds, a range that lies in the past, and the volumes on which its recordings were counted. Only
// what lies wholly within all of these is ever touched by it; what comes later, by a disk too, is not part of what was
// confirmed. It stands in the database before the first file goes, so that it is brought to its end after a power cut; what
// has gone is counted in the transaction that takes it out of the index, so that the account is exact whenever that comes.
//
// An order ends when all its volumes have been gone through, when somebody stops it, or when a volume has been away for
// WaitFor. The newest Kept orders stay as the record of who deleted what.
//
// Concurrency: all methods may be called from any goroutine. Those that write return once the change is on a disk.
package deletion

import "time"

// Limits.
const (
	Kept       = 200            // orders that are remembered
	MostAtOnce = 16             // orders that run
	WaitFor    = 24 * time.Hour // for a volume that went away
)

// Status is how an order stands; the values are the API's.
type Status string

// The states.
const (
	Running    Status = "running"
	Done       Status = "done"
	Stopped    Status = "stopped"    // by somebody
	Incomplete Status = "incomplete" // a volume stayed away
)

// Problem is what is wrong with a request; Error is a sentence for people.
type Problem struct{ Field, Code, Message string }

func (p *Problem) Error() string { return p.Message }
