package shell

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/peer"
	"vigie/services/shell/shellapi"
)

const (
	// shellsMost is how many there may be: each connection by SSH has four sessions.
	shellsMost = 16
	// requestWithin is how long a client may take to say what it wants, and to take an answer.
	requestWithin = 5 * time.Second
	// goWithin is how long a shell may take to end after it was hung up.
	goWithin = 500 * time.Millisecond
)

// server opens shells.
type server struct {
	leave                *leave
	user                 int
	program, home, tools string
	rescue               bool
	log                  *slog.Logger

	opened  atomic.Uint64
	running atomic.Int32
}

// run serves until ctx ends, and waits for every shell.
func (s *server) run(ctx context.Context, l net.Listener) error {
	var shells sync.WaitGroup
	defer shells.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(err, l.Close())
		}
		shells.Go(func() {
			defer c.Close()
			s.serve(ctx, c.(*net.UnixConn))
		})
	}
}

// serve is one connection.
func (s *server) serve(ctx context.Context, c *net.UnixConn) {
	if user, ok := peer.User(peer.Remember(ctx, c)); !ok || int(user) != s.user {
		s.log.Warn("a connection that is not the SSH service's", "user", user)
		return
	}
	_ = c.SetDeadline(time.Now().Add(requestWithin))
	in := bufio.NewReader(io.LimitReader(c, shellapi.MaxLine))
	line, err := in.ReadBytes('\n')
	var r shellapi.Request
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		s.log.Warn("request", "err", err)
		return
	}
	leave := s.leave.given()
	switch {
	case leave.Err() != nil:
		s.log.Warn("shell refused", "user", r.User, "from", r.From)
		s.reply(c, shellapi.Reply{Error: string(shellapi.NotPermitted)})
		return
	case s.running.Add(1) > shellsMost:
		s.running.Add(-1)
		s.reply(c, shellapi.Reply{Error: "As many shells run as there may be. End one of them first."})
		return
	}
	defer s.running.Add(-1)
	cmd, ours, theirs, err := s.prepare(r)
	if err == nil {
		err = cmd.Start()
	}
	for _, f := range ours {
		f.Close() // the shell has them
	}
	if err != nil {
		for _, f := range theirs {
			f.Close()
		}
		s.log.Error("shell", "err", err)
		s.reply(c, shellapi.Reply{Error: "The shell cannot be started: " + err.Error() + "."})
		return
	}
	s.opened.Add(1)
	log := s.log.With("user", r.User, "from", r.From, "pid", cmd.Process.Pid)
	log.Warn("full shell begins", "terminal", r.Terminal, "command", r.Command)
	began := time.Now()
	s.reply(c, shellapi.Reply{Opened: true}, theirs...)
	for _, f := range theirs {
		f.Close()
	}
	status, why := s.wait(ctx, leave, c, cmd)
	log.Warn("full shell ended", "after", time.Since(began).Round(time.Second), "status", status, "reason", why)
	if why == byItself {
		s.reply(c, shellapi.Reply{Status: status})
	}
}

// Why a shell has ended.
const (
	byItself = "it was left"
	hungUp   = "its connection ended"
	timeOver = "its time was over"
)

// wait waits for the shell's end, and brings it about when its connection, its time or the service ends.
func (s *server) wait(ctx, leave context.Context, c *net.UnixConn, cmd *exec.Cmd) (status int, why string) {
	_ = c.SetReadDeadline(time.Time{})
	gone := make(chan struct{})
	go func() { // nothing more comes but the end
		defer close(gone)
		_, _ = c.Read(make([]byte, 1))
	}()
	defer func() {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-gone
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // its status is looked at below
	}()
	select {
	case <-done:
		return exitStatus(cmd.ProcessState), byItself
	case <-gone:
		why = hungUp
	case <-leave.Done():
		why = timeOver
	case <-ctx.Done():
		why = timeOver
	}
	// Its own group goes at once; what it put into the background elsewhere stays in the service's control group, and goes with it.
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGHUP)
	select {
	case <-done:
	case <-time.After(goWithin):
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	<-done
	return exitStatus(cmd.ProcessState), why
}

// exitStatus is as shells tell it.
func exitStatus(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}

// reply writes a line, with files.
func (s *server) reply(c *net.UnixConn, r shellapi.Reply, files ...*os.File) {
	line, err := json.Marshal(r)
	if err != nil {
		s.log.Error("reply", "err", err)
		return
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	_ = c.SetWriteDeadline(time.Now().Add(requestWithin))
	if _, _, err := c.WriteMsgUnix(append(line, '\n'), oob, nil); err != nil {
		s.log.Debug("reply", "err", err) // who has gone needs none
	}
}

// prepare makes a shell's process ready, with the ends of its files that are its own, and those that are the client's.
func (s *server) prepare(r shellapi.Request) (cmd *exec.Cmd, ours, theirs []*os.File, err error) {
	cmd = exec.Command(s.program)
	cmd.Args, cmd.Dir = []string{"sh"}, s.home
	if len(r.Command) > 0 {
		if !s.rescue {
			return cmd, nil, nil, errors.New("commands are for rescue mode")
		}
		cmd.Path, cmd.Args = r.Command[0], r.Command
	}
	term := "dumb"
	if r.Terminal && plain(r.Term) {
		term = r.Term
	}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin:" + s.tools, "HOME=" + s.home, "LANG=C.UTF-8", "TERM=" + term, "USER=root", "LOGNAME=root", "SHELL=/bin/sh"}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if !r.Terminal {
		for i := range 3 {
			in, out, err := os.Pipe()
			if err != nil {
				return cmd, ours, theirs, err
			}
			if i == 0 {
				ours, theirs = append(ours, in), append(theirs, out)
			} else {
				ours, theirs = append(ours, out), append(theirs, in)
			}
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = ours[0], ours[1], ours[2]
		return cmd, ours, theirs, nil
	}
	near, far, err := terminal(r.Columns, r.Rows)
	if err != nil {
		return cmd, nil, nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 0
	return cmd, []*os.File{far}, []*os.File{near}, nil
}

// plain says whether a terminal's kind can be one.
func plain(term string) bool {
	return term != "" && len(term) <= 64 && !strings.ContainsFunc(term, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-+._", r))
	})
}

// terminal makes a pseudo terminal.
func terminal(columns, rows int) (near, far *os.File, err error) {
	near, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			near.Close()
		}
	}()
	fd := int(near.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("unlock terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, fmt.Errorf("terminal's number: %w", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: cells(columns), Row: cells(rows)}); err != nil {
		return nil, nil, fmt.Errorf("terminal's size: %w", err)
	}
	far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return near, far, err
}

func cells(n int) uint16 { return uint16(min(max(n, 0), 1000)) }

// command runs a program for what it says.
func command(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	return string(out), err
}
