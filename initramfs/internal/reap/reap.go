// Package reap owns the children of PID 1: it alone waits for processes, so that no orphan stays a zombie and no exit
// status goes to the wrong place.
//
// A supervised process is started through Start and its end arrives at the function given there. All others that end
// here, orphans of services, are reaped and counted.
//
// Invariants: starting and reaping exclude each other, so a process that ends at once is still known; a signal goes
// only to a process that has not been reaped, so never to a stranger with its number. Nothing else in the program may
// wait for children (no os/exec).
package reap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone is returned for a process that has been reaped.
var ErrGone = errors.New("the process has ended")

// Reaper is made with New and reaps while Run runs.
type Reaper struct {
	log      *slog.Logger
	mu       sync.Mutex
	children map[int]func(syscall.WaitStatus)
	orphans  int
}

// New returns a Reaper without children.
func New(log *slog.Logger) *Reaper {
	return &Reaper{log: log, children: map[int]func(syscall.WaitStatus){}}
}

// Start starts a program as syscall.ForkExec does. ended is called once, from Run's goroutine; it must not block.
func (r *Reaper) Start(path string, argv []string, attr *syscall.ProcAttr, ended func(syscall.WaitStatus)) (pid int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err = syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	r.children[pid] = ended
	return pid, nil
}

// SignalGroup sends a signal to the process group that a started process leads.
func (r *Reaper) SignalGroup(pid int, sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.children[pid] == nil {
		return ErrGone
	}
	return syscall.Kill(-pid, sig)
}

// Orphans is how many processes were reaped that nobody started here.
func (r *Reaper) Orphans() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orphans
}

// Run reaps until ctx is cancelled.
func (r *Reaper) Run(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGCHLD)
	defer signal.Stop(signals)
	// The signal says when; the ticker is for the day on which one is missed.
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		r.reapAll()
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
		case <-ticker.C:
		}
	}
}

func (r *Reaper) reapAll() {
	for {
		pid, status, ended := r.reapOne()
		switch {
		case pid <= 0:
			return
		case ended != nil:
			ended(status)
		default:
			r.log.Debug("orphan reaped", "pid", pid)
		}
	}
}

func (r *Reaper) reapOne() (pid int, status syscall.WaitStatus, ended func(syscall.WaitStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var err error
		pid, err = syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != syscall.EINTR {
			break
		}
	}
	if pid <= 0 {
		return pid, 0, nil
	}
	ended = r.children[pid]
	delete(r.children, pid)
	if ended == nil {
		r.orphans++
	}
	return pid, status, ended
}

// Describe says how a process ended, for people.
func Describe(status syscall.WaitStatus) string {
	switch {
	case status.Signaled() && status.CoreDump():
		return fmt.Sprintf("ended by signal %d (%v), core dumped", int(status.Signal()), status.Signal())
	case status.Signaled():
		return fmt.Sprintf("ended by signal %d (%v)", int(status.Signal()), status.Signal())
	}
	return fmt.Sprintf("ended with status %d", status.ExitStatus())
}
