// Package diagnose does what a technician's commands ask for, and writes what comes of it. It changes nothing on the machine.
//
// What needs rights is done by the system service; here are words. Text is lines of ASCII; a capture is a file, which goes
// where no terminal shows it. A Runner keeps no state and may be used by many goroutines.
package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
	"vigie/services/ssh/internal/command"
	"vigie/services/system/systemapi"
)

// statusWithin is how long the system service may take to tell the state.
const statusWithin = 5 * time.Second

// System is what needs the system service: a systemapi.Client.
type System interface {
	Status(ctx context.Context) (api.Status, error)
	ServiceLog(ctx context.Context, service string) ([]string, error)
	Ping(ctx context.Context, r systemapi.PingRequest, each func(systemapi.PingReply) error) error
	Trace(ctx context.Context, r systemapi.TraceRequest, each func(systemapi.Hop) error) error
	Capture(ctx context.Context, r systemapi.CaptureRequest, w io.Writer) (systemapi.CaptureResult, error)
}

// Runner does commands.
type Runner struct {
	System  System
	Machine interface {
		State(ctx context.Context) machine.State
	}
	Port func() int // of SSH itself, which a capture leaves out unless it is asked for
}

// Output is where what comes of a command goes.
type Output struct {
	Out, Err io.Writer
	Terminal bool // Out is one
}

// Run does a command until it is done or ctx ends, whose error it returns then. Other errors are sentences.
func (r *Runner) Run(ctx context.Context, c command.Command, out Output) error {
	err := r.run(ctx, c, out)
	var said *ask.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &said):
		return command.Refusal(said.Detail.Message)
	}
	return err
}

func (r *Runner) run(ctx context.Context, c command.Command, out Output) error {
	switch c.Name {
	case command.Help:
		return write(out.Out, command.List())
	case command.Status:
		return write(out.Out, screen.Status(r.Machine.State(ctx), screen.Columns-1))
	case command.Interfaces:
		return r.show(ctx, out, screen.Interfaces)
	case command.Disks:
		return r.show(ctx, out, screen.Disks)
	case command.Services:
		return r.show(ctx, out, screen.Services)
	case command.Logs:
		return r.logs(ctx, c, out)
	case command.Ping:
		return r.ping(ctx, c, out)
	case command.Traceroute:
		return r.System.Trace(ctx, systemapi.TraceRequest{Host: c.Host}, func(h systemapi.Hop) error { return write(out.Out, []string{hop(h)}) })
	case command.Capture:
		return r.capture(ctx, c, out)
	}
	return fmt.Errorf("no command %q", c.Name)
}

func write(w io.Writer, lines []string) error {
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// show writes a part of the machine's state.
func (r *Runner) show(ctx context.Context, out Output, part func(*api.Status) []string) error {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	s, err := r.System.Status(ctx)
	if err != nil {
		return command.Refusal("The system service does not answer. Wait a moment and try again.")
	}
	return write(out.Out, part(&s))
}

func (r *Runner) logs(ctx context.Context, c command.Command, out Output) error {
	lines, err := r.System.ServiceLog(ctx, c.Service)
	if err != nil {
		return err
	}
	lines = slices.Clone(lines[max(0, len(lines)-c.Lines):])
	for i, l := range lines {
		lines[i] = screen.Printable(l)
	}
	if len(lines) == 0 {
		lines = []string{"The log is empty."}
	}
	return write(out.Out, lines)
}

func (r *Runner) ping(ctx context.Context, c command.Command, out Output) error {
	var took []time.Duration
	asked := 0
	err := r.System.Ping(ctx, systemapi.PingRequest{Host: c.Host, Count: c.Count}, func(p systemapi.PingReply) error {
		asked++
		line := fmt.Sprintf("%d: %s: %s", p.Sequence, p.Address, p.Problem)
		if p.Problem == "" {
			t := time.Duration(p.TookUs) * time.Microsecond
			took = append(took, t)
			line = fmt.Sprintf("%d: %s answers in %s", p.Sequence, p.Address, milliseconds(t))
		}
		return write(out.Out, []string{line})
	})
	if asked == 0 || err != nil && ctx.Err() == nil {
		return err
	}
	sum := fmt.Sprintf("%d of %d answered", len(took), asked)
	if len(took) > 0 {
		var all time.Duration
		for _, t := range took {
			all += t
		}
		sum += fmt.Sprintf("; least %s, mean %s, most %s", milliseconds(slices.Min(took)), milliseconds(all/time.Duration(len(took))), milliseconds(slices.Max(took)))
	}
	if err := write(out.Out, []string{sum}); err != nil {
		return err
	}
	if err == nil && len(took) == 0 {
		return command.Refusal("No answer came.")
	}
	return err
}

func hop(h systemapi.Hop) string {
	line := fmt.Sprintf("%2d  no answer", h.Number)
	if h.Address != "" {
		line = fmt.Sprintf("%2d  %-39s %s", h.Number, h.Address, milliseconds(time.Duration(h.TookUs)*time.Microsecond))
	}
	switch {
	case h.Problem != "":
		line += "  " + h.Problem
	case h.Reached:
		line += "  reached"
	}
	return screen.Printable(line)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(d.Microseconds())/1000)
}

func (r *Runner) capture(ctx context.Context, c command.Command, out Output) error {
	if out.Terminal {
		return command.Refusal("A capture is a file that no terminal can show. Have it written on your own computer, for example: ssh NAME@THIS-MACHINE capture " + c.Capture.Interface + " > file.pcap")
	}
	if c.Capture.Port == 0 {
		c.Capture.ExceptPort = r.Port()
	}
	got, err := r.System.Capture(ctx, c.Capture, out.Out)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d packets", got.Packets)
	if got.Dropped > 0 {
		text += fmt.Sprintf(", %d more came too fast to be written", got.Dropped)
	}
	if got.End == "size" {
		text += "; the file is full"
	}
	if c.Capture.ExceptPort != 0 {
		text += fmt.Sprintf("; TCP port %d, SSH's own, is left out", c.Capture.ExceptPort)
	}
	return write(out.Err, []string{text})
}
