// Package supervise keeps the services running: starts them, asks for their health, restarts those that die or hang,
// and stops them in order.
//
// All decisions are taken in one loop (Supervisor.Run) by one machine per service, which is a value that knows times
// and events but no process, clock or file. Processes, pipes and health conversations have goroutines that only report
// to the loop. Each turn of the loop ends in the Turn function, which is where the watchdog is fed: a loop that stands
// still feeds nothing.
//
// Invariants: a service has at most one process at a time, and no process of an earlier run is left when the next one
// starts. The loop never blocks on a service, a disk or a console. The package must not interpret what services print.
package supervise

import (
	"io/fs"
	"time"

	"vigie/initramfs/internal/cgroup"
)

// Service is one line of the service table.
type Service struct {
	Name string
	Path string   // of the program
	Args []string // without the program's name

	UID, GID    int
	Caps        []int // capabilities it keeps
	NoNewPrivs  bool
	OOMScoreAdj int
	MaxFiles    int
	Env         []string
	RuntimeDir  string // made before each start; owner UID:GID, RuntimeMode
	RuntimeMode fs.FileMode
	Terminal    string // a terminal device that becomes the service's own, "" for none; one that is not there is left out

	Limits    cgroup.Limits
	StopLimit time.Duration // from SIGTERM to SIGKILL
	Recording bool          // its health decides whether the watchdog is fed
	Stoppable bool          // an administrator may stop it: it takes no part in starting it again
	OnDemand  bool          // it does not start with the machine, only when somebody asks for it, and is stopped likewise
}

// Timing are the supervisor's intervals.
type Timing struct {
	Tick        time.Duration // of the loop
	Ask         time.Duration // between health questions
	AnswerLimit time.Duration // without "ok" a service that was healthy is killed
	StartLimit  time.Duration // without "ok" a service that has just been started is killed
	BackoffMin  time.Duration // first pause before a restart, doubling
	BackoffMax  time.Duration // longest pause
	Forget      time.Duration // health for so long makes the next pause a first one again
}

// DefaultTiming is the appliance's (DESIGN.md, "What a service owes init").
func DefaultTiming() Timing {
	return Timing{
		Tick:        100 * time.Millisecond,
		Ask:         2 * time.Second,
		AnswerLimit: 10 * time.Second,
		StartLimit:  60 * time.Second,
		BackoffMin:  500 * time.Millisecond,
		BackoffMax:  30 * time.Second,
		Forget:      60 * time.Second,
	}
}
