package visit

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"vigie/internal/console/menu"
	"vigie/internal/console/screen"
	"vigie/services/shell/shellapi"
	"vigie/services/ssh/internal/command"
	"vigie/services/ssh/internal/diagnose"
)

// What a session ends with (RFC 4254, section 6.10), as shells have it.
const (
	exitDone     = 0
	exitFailed   = 1
	exitMisused  = 2
	exitCanceled = 130
)

// session is one channel. Its requests are taken one after the other; what it was started for runs beside them.
type session struct {
	visit    *Visit
	id       int
	ch       ssh.Channel
	out, err io.Writer
	size     size
	terminal bool
	term     string // its kind
	started  bool
	shell    atomic.Pointer[shellapi.Shell] // that runs
}

// serve serves until either end closes the channel.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		cancel()
		_ = s.ch.Close()
		running.Wait()
	}()
	for r := range requests {
		ok, run := s.request(r, cancel)
		if r.WantReply {
			if err := r.Reply(ok, nil); err != nil {
				continue // the channel is being closed
			}
		}
		if run == nil {
			continue
		}
		running.Go(func() {
			status := run(ctx)
			_, _ = s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
			_ = s.ch.Close()
		})
	}
}

// request answers one request (RFC 4254, section 6). run is what is to be done then.
func (s *session) request(r *ssh.Request, cancel func()) (ok bool, run func(context.Context) uint32) {
	switch r.Type {
	case "pty-req":
		var p struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}
		if ssh.Unmarshal(r.Payload, &p) != nil || s.started {
			return false, nil
		}
		s.terminal, s.term = true, p.Term
		s.size.set(p.Columns, p.Rows)
		return true, nil
	case "window-change":
		var p struct{ Columns, Rows, Width, Height uint32 }
		if ssh.Unmarshal(r.Payload, &p) != nil {
			return false, nil
		}
		s.size.set(p.Columns, p.Rows)
		if shell := s.shell.Load(); shell != nil {
			_ = shell.Resize(s.size.get()) // it may be about to end
		}
		return true, nil
	case "signal":
		var p struct{ Name string }
		if ssh.Unmarshal(r.Payload, &p) != nil {
			return false, nil
		}
		cancel()
		return true, nil
	case "shell":
		if s.started {
			return false, nil
		}
		s.started = true
		if s.terminal {
			return true, s.sit
		}
		return true, func(ctx context.Context) uint32 { return s.command(ctx, command.Help) }
	case "exec":
		var p struct{ Line string }
		if ssh.Unmarshal(r.Payload, &p) != nil || s.started {
			return false, nil
		}
		s.started = true
		return true, func(ctx context.Context) uint32 { return s.command(ctx, p.Line) }
	case "subsystem":
		s.visit.Log.Warn("refused", "what", "subsystem")
		if s.started {
			return false, nil
		}
		s.started = true
		// Programs show what comes of one that begins, and nothing of one that does not.
		return true, func(context.Context) uint32 {
			s.say("This machine has no transfer of files. Recordings are fetched with the web admin; for the commands write help.")
			return exitFailed
		}
	case "auth-agent-req@openssh.com", "x11-req":
		s.visit.Log.Warn("refused", "what", r.Type)
	}
	return false, nil // the environment, and what else there is
}

// say writes a sentence to standard error.
func (s *session) say(text string) { s.sayTo(s.err, text) }

func (s *session) sayTo(w io.Writer, text string) {
	_, _ = io.WriteString(s.text(w), strings.Join(screen.Wrap(text, screen.Columns-1), "\n")+"\n") // nobody may be left to read it
}

// text is where lines are written to.
func (s *session) text(w io.Writer) io.Writer {
	if s.terminal {
		return crlf{w}
	}
	return w
}

// input is what is typed, until the channel is closed.
func (s *session) input(ctx context.Context) <-chan []byte {
	in := make(chan []byte)
	s.visit.parts.Go(func() { read(ctx, s.ch, in) })
	return in
}

// command does one.
func (s *session) command(ctx context.Context, text string) uint32 {
	if strings.TrimSpace(text) == command.Shell {
		s.visit.Log.Info("command", "line", command.Shell)
		status, err := s.fullShell(ctx, s.input(ctx))
		if err != nil {
			s.say(err.Error())
		}
		return status
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := s.input(ctx)
	s.visit.parts.Go(func() { // Ctrl-C on a terminal; what else is typed goes nowhere
		for b := range in {
			if s.terminal && slices.Contains(b, 3) {
				cancel()
			}
		}
	})
	err := s.do(ctx, text, diagnose.Output{Out: s.out, Err: s.text(s.err), Terminal: s.terminal})
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil:
		return exitCanceled
	}
	s.say(err.Error())
	var misused command.Refusal
	if errors.As(err, &misused) {
		return exitMisused
	}
	return exitFailed
}

// do reads a line and does what it says.
func (s *session) do(ctx context.Context, text string, out diagnose.Output) error {
	c, err := command.Parse(text)
	if err != nil {
		s.visit.Log.Info("command", "result", "not understood")
		return err
	}
	s.visit.Log.Info("command", "line", text)
	if c.Name == command.Shell {
		return command.Refusal("A full shell needs a session of its own: ssh -t NAME@THIS-MACHINE shell")
	}
	if out.Terminal {
		out.Out = crlf{out.Out}
	}
	s.visit.does(s.id, c.Name)
	return s.visit.Runner.Run(ctx, c, out)
}

// sit is a terminal without a command: a full shell if there is one, and the menu. What is said comes the same way as the menu, so
// that it stands above it.
func (s *session) sit(ctx context.Context) uint32 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := s.input(ctx)
	if s.visit.Shells.Permitted() {
		s.sayTo(s.out, "This is a full shell. What is done here can stop recordings; what was begun here ends with the permission. Type exit for the menu.")
		if _, err := s.fullShell(ctx, in); err != nil {
			s.sayTo(s.out, err.Error())
		}
	}
	return s.menu(ctx, in)
}

// menu talks until he leaves.
func (s *session) menu(ctx context.Context, in <-chan []byte) uint32 {
	l := &line{out: s.out, size: &s.size, in: in}
	s.visit.does(s.id, "menu")
	err := menu.New(menu.Config{
		Terminal: l, Machine: s.visit.Machine, Remote: true,
		Said: func(what string) { s.visit.Log.Warn("asked for by ssh", "what", what) },
		Command: func(ctx context.Context, text string, write func(string) error) error {
			defer s.visit.does(s.id, "menu")
			return s.do(ctx, text, diagnose.Output{Out: s.out, Err: crlf{s.err}, Terminal: true})
		},
	}).Run(ctx)
	if err != nil {
		return exitFailed
	}
	return exitDone
}

// patient ends the connection of who takes nothing.
type patient struct {
	w   io.Writer
	end func()
}

func (p *patient) Write(b []byte) (int, error) {
	late := time.AfterFunc(writeWait, p.end)
	defer late.Stop()
	return p.w.Write(b)
}
