package reap

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// start runs a Reaper that adopts orphans as PID 1 does.
func start(t *testing.T) *Reaper {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	r := New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func shell(t *testing.T, r *Reaper, script string) (pid int, ended <-chan syscall.WaitStatus) {
	t.Helper()
	c := make(chan syscall.WaitStatus, 1)
	pid, err := r.Start("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true}}, func(s syscall.WaitStatus) { c <- s })
	if err != nil {
		t.Fatal(err)
	}
	return pid, c
}

func wait(t *testing.T, ended <-chan syscall.WaitStatus) syscall.WaitStatus {
	t.Helper()
	select {
	case s := <-ended:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("no end was reported")
		return 0
	}
}

func TestEveryEndIsReportedHoweverEarly(t *testing.T) {
	r := start(t)
	for i := range 50 {
		_, ended := shell(t, r, "exit "+string(rune('0'+i%10)))
		if s := wait(t, ended); s.ExitStatus() != i%10 {
			t.Fatalf("%s, want status %d", Describe(s), i%10)
		}
	}
}

func TestOrphansAreReapedAndCounted(t *testing.T) {
	r := start(t)
	_, ended := shell(t, r, "sh -c 'sleep 0.05' & exit 3")
	if s := wait(t, ended); Describe(s) != "ended with status 3" {
		t.Error(Describe(s))
	}
	for deadline := time.Now().Add(10 * time.Second); r.Orphans() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the orphan was not reaped")
		}
	}
	if children, err := os.ReadFile("/proc/thread-self/children"); err == nil && strings.TrimSpace(string(children)) != "" {
		t.Errorf("children left: %s", children)
	}
}

func TestSignalReachesTheGroupAndNoStranger(t *testing.T) {
	r := start(t)
	pid, ended := shell(t, r, "sleep 60 & wait")
	if err := r.SignalGroup(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if s := wait(t, ended); Describe(s) != "ended by signal 9 (killed)" {
		t.Error(Describe(s))
	}
	if err := r.SignalGroup(pid, unix.SIGKILL); !errors.Is(err, ErrGone) {
		t.Errorf("signal to a reaped process: %v", err)
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	r := start(t)
	if _, err := r.Start("/no/such/program", []string{"x"}, &syscall.ProcAttr{}, nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v", err)
	}
}
