package smart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	// patience is how long smartctl may take. A disk that has to be reset first takes the kernel 30 s.
	patience = 60 * time.Second
	// killTime is how long a child that was killed may take to go. One that waits in the kernel for the disk does not.
	killTime = 2 * time.Second
	// mostOutput bounds an answer; the longest are 100 kB.
	mostOutput = 1 << 20
	// asleep is what smartctl is told to exit with for a disk that sleeps: no other end of it looks like this.
	asleep = 127
)

var (
	errSilent  = errors.New("the disk does not answer")
	errAsleep  = errors.New("the disk sleeps")
	errTooLong = errors.New("smartctl says more than it should")
)

// Target is a disk, or one behind a RAID card, as smartctl reaches it.
type Target struct {
	Node string
	Type string // smartctl's --device; empty: it finds out
}

// child is a smartctl that runs.
type child struct {
	cmd  *exec.Cmd
	out  limited
	done chan error // closed after one value
}

// limited keeps what is written to it, up to mostOutput.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > mostOutput {
		return 0, errTooLong
	}
	return l.Buffer.Write(b)
}

// begin starts the program; it never waits.
func begin(program string, args []string) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), done: make(chan error, 1)}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, io.Discard
	c.cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	c.cmd.WaitDelay = killTime
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.done <- c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// end waits for the child until late or stop, and kills it then. gone is false when the child is still there.
func (c *child) end(late <-chan time.Time, stop <-chan struct{}) (gone bool, err error) {
	select {
	case err = <-c.done:
		return true, err
	case <-late:
	case <-stop:
	}
	_ = c.cmd.Process.Kill()
	select {
	case <-c.done:
		return true, errSilent
	case <-time.After(killTime):
		return false, errSilent
	}
}

// questions are smartctl's arguments for all that a disk knows about itself, without waking it.
func questions(t Target) []string {
	return append([]string{"--json", "--all", fmt.Sprintf("--nocheck=standby,%d", asleep)}, t.args()...)
}

// selfTest are the arguments that start a self-test (short, long), or stop one (stop).
func selfTest(t Target, kind string) []string {
	what := map[string]string{"short": "--test=short", "long": "--test=long", "stop": "--abort"}[kind]
	return append([]string{"--json", what}, t.args()...)
}

func (t Target) args() []string {
	if t.Type != "" {
		return []string{"--device=" + t.Type, t.Node}
	}
	return []string{t.Node}
}

// read makes a report of what a child that has ended wrote.
func (c *child) read(err error) (Report, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
	case !errors.As(err, &exit):
		return Report{}, err
	case exit.ExitCode() == asleep:
		return Report{}, errAsleep
	case exit.ExitCode() < 0: // killed
		return Report{}, errSilent
	}
	// The other codes are bits that say what the answer says too (smartctl(8), "EXIT STATUS").
	return Parse(c.out.Bytes())
}
