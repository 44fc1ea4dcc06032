package visit

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"vigie/services/shell/shellapi"
	"vigie/services/ssh/internal/command"
)

// lastWords is how long what a shell has written may still come after its end: something that it left in the background may
// hold its files.
const lastWords = time.Second

// fullShell has a full shell run until it ends. What is typed comes by in, which is closed when nothing comes any more: on a
// terminal that ends the shell, else it ends what the shell reads. The error is a sentence.
func (s *session) fullShell(ctx context.Context, in <-chan []byte) (uint32, error) {
	if !s.visit.Shells.Permitted() {
		return exitFailed, shellapi.NotPermitted
	}
	columns, rows := s.size.get()
	shell, err := s.visit.Shells.Open(ctx, shellapi.Request{User: s.visit.Who, From: s.visit.From, Terminal: s.terminal, Term: s.term, Columns: columns, Rows: rows})
	if err != nil {
		var refusal shellapi.Refusal
		if !errors.As(err, &refusal) {
			s.visit.Log.Error("full shell", "err", err)
			err = command.Refusal("The full shell does not start. Wait a moment and try again.")
		}
		return exitFailed, err
	}
	defer shell.Close()
	s.visit.Log.Warn("full shell begins")
	s.visit.does(s.id, "full shell")
	s.shell.Store(shell)
	defer s.shell.Store(nil)
	_ = shell.Resize(s.size.get()) // it may have changed meanwhile
	var shown sync.WaitGroup
	for from, to := range outputs(shell, s.out, s.err) {
		shown.Go(func() { _, _ = io.Copy(to, from) }) // until nothing writes there any more, or the shell is closed
	}
	s.typed(ctx, shell, in)
	status, err := exitCanceled, error(nil)
	select {
	case <-shell.Ended():
		drained := make(chan struct{})
		go func() { shown.Wait(); close(drained) }()
		select {
		case <-drained:
		case <-time.After(lastWords):
		}
		status, err = shell.Status()
	default:
	}
	shell.Close()
	shown.Wait()
	s.visit.Log.Warn("full shell ended", "status", status)
	if errors.Is(err, shellapi.ErrEnded) {
		return exitFailed, command.Refusal("The full shell has ended: its time is over, or an administrator ended it.")
	}
	return uint32(status), nil
}

// outputs are what a shell writes, and where to.
func outputs(shell *shellapi.Shell, out, err io.Writer) map[io.Reader]io.Writer {
	if shell.Terminal {
		return map[io.Reader]io.Writer{shell.In: out}
	}
	return map[io.Reader]io.Writer{shell.Out: out, shell.Err: err}
}

// typed hands over what is typed until the shell has ended, or nobody is left to type.
func (s *session) typed(ctx context.Context, shell *shellapi.Shell, in <-chan []byte) {
	stop := make(chan struct{})
	defer close(stop)
	s.visit.parts.Go(func() { // a shell that reads nothing must not hold the session when it ends
		select {
		case <-shell.Ended():
		case <-ctx.Done():
		case <-stop:
			return
		}
		_ = shell.In.SetWriteDeadline(time.Unix(1, 0))
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-shell.Ended():
			return
		case b, ok := <-in:
			switch {
			case ok:
				if _, err := shell.In.Write(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					in = nil // it reads no more
				}
			case shell.Terminal:
				return
			default:
				_ = shell.In.Close()
				in = nil
			}
		}
	}
}
