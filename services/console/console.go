// Package console is the service in front of the machine: a text menu on its screen or on a serial line. Each terminal
// has a process of its own.
//
// It runs as a user without any right but to its terminal and to two sockets, system's and web's, which let that user do
// what somebody who stands there may: see the state, restart, power off, have the administrator's password reset. It owns
// nothing and keeps nothing. A terminal that is not there, or a serial port that the kernel does not use as its console
// (anything may hang on that), is no fault: the process waits, in case one appears.
//
// Lines that init writes on its consoles come to the menu while there is one (-lines, package initramfs/internal/console), which shows
// them above what is being typed; init alone may send them.
//
// In rescue mode (-shell) its menu is the other one, and the shell service does with its rights what that needs: a program speaks on
// a pseudo terminal, and the console passes on what is typed and shown.
package console

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/console/machine"
	"vigie/internal/console/menu"
	"vigie/internal/console/terminal"
	"vigie/internal/health"
	"vigie/services/shell/shellapi"
)

const (
	lookAgain = 30 * time.Second // for a terminal that is not there
	failPause = time.Second      // after one that failed
)

// options are the flags.
type options struct {
	terminal    string
	screen      bool
	system, web string
	consoles    string
	lines       string
	shell       string
	engine      string
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("console", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.terminal, "terminal", "/dev/tty1", "terminal `device`")
	fs.BoolVar(&o.screen, "screen", false, "the terminal is the machine's own screen")
	fs.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	fs.StringVar(&o.web, "web", "/run/vigie/web/console.sock", "unix `socket` that web has for the console")
	fs.StringVar(&o.consoles, "consoles", "", "`file` that lists the kernel's consoles; without -screen the terminal must be one of them; empty: any may be used")
	fs.StringVar(&o.lines, "lines", "", "unix `socket` to make, at which lines come that are to be shown; empty: none")
	fs.StringVar(&o.shell, "shell", "", "rescue mode: unix `socket` of the shell service")
	fs.StringVar(&o.engine, "engine", "/run/vigie/engine/api.sock", "rescue mode: unix `socket` of the engine")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

// errUnused says that there may be something else than a person at the other end.
var errUnused = errors.New("the kernel does not use it as a console")

// Run talks on a terminal until ctx ends. Standard error gets the log.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("terminal", o.terminal)
	m := machine.InRescue(o.system, o.web, o.engine)
	defer m.Close()
	group, ctx := errgroup.WithContext(ctx)
	// There is nothing to count and nothing that could hang: waiting for a key is the work.
	group.Go(func() error { return health.Serve(ctx, func() (uint64, error) { return 0, nil }) })
	group.Go(func() error {
		told := ""
		for ctx.Err() == nil {
			err := o.talk(ctx, m, log)
			pause := failPause
			if errors.Is(err, errUnused) || errors.Is(err, errNone) {
				pause = lookAgain
			}
			if err != nil && err.Error() != told {
				told = err.Error()
				log.Warn("no menu", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		return nil
	})
	return group.Wait()
}

// errNone says that the terminal could not be opened.
var errNone = errors.New("it cannot be used")

// talk opens the terminal and talks until ctx ends or the terminal fails.
func (o options) talk(ctx context.Context, m *machine.Machine, log *slog.Logger) (err error) {
	if o.consoles != "" && !o.screen {
		active, err := os.ReadFile(o.consoles)
		if err != nil {
			return fmt.Errorf("%w: %w", errNone, err)
		}
		if !slices.Contains(strings.Fields(string(active)), filepath.Base(o.terminal)) {
			return errUnused
		}
	}
	t, err := terminal.Open(o.terminal)
	if err != nil {
		return fmt.Errorf("%w: %w", errNone, err)
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if o.lines != "" {
		if stop, err := announce(o.lines, t); err != nil {
			log.Warn("init writes beside the menu", "err", err) // which is no reason to have none
		} else {
			defer stop()
		}
	}
	c := menu.Config{Terminal: t, Machine: m, Screen: o.screen, Said: func(what string) {
		log.Warn("asked for on the console", "what", what)
	}}
	if o.shell != "" {
		c.Rescue = &menu.Rescue{Mender: m, Run: func(ctx context.Context, command ...string) error { return o.run(ctx, t, command) }}
	}
	return menu.New(c).Run(ctx)
}

// drained is how long a program's last words may take once it has ended.
const drained = 300 * time.Millisecond

// run has a program, or without one a shell, speak on the terminal until it ends.
func (o options) run(ctx context.Context, t *terminal.Terminal, command []string) error {
	r := shellapi.Request{User: "rescue", From: o.terminal, Terminal: true, Term: "vt100", Command: command}
	if o.screen {
		r.Term = "linux"
	}
	r.Columns, r.Rows = t.Size()
	s, err := shellapi.Await(ctx, o.shell, r, shellapi.Absent) // right after the start the menu may be there first
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-ctx.Done():
		case <-s.Ended(): // what it left in the background may hold the terminal
			time.AfterFunc(drained, cancel)
		}
	}()
	return t.Through(ctx, s.In)
}
