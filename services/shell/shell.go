// Package shell is the service behind a technician's full shell by SSH. It has nearly all rights over the machine, so it does
// not run: init starts it when an administrator permits a full shell for a while, and the system service has init stop it,
// with everything that was started in it, when that while is over (services/system, shell.go). No network reaches it: it
// answers the SSH service's user alone, which reads what strangers send, and which finds nothing here to ask at other times.
//
// It learns from the system service how long shells are permitted, ends all of them then by itself, and opens none without
// that: neither a service that was started by other means, nor one whose system service is gone, gives more than was given.
//
// In rescue mode (-rescue) it is the console's user instead whom it answers, for whoever stands at the machine, without asking anybody
// for leave: what is broken may be the one who would be asked. There it also runs a program of the image for him.
//
// The shell is BusyBox's. Its tools stand behind the image's own in PATH. Package shellapi has the protocol.
package shell

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/internal/health"
	"vigie/services/system/systemapi"
)

// sshUser is the SSH service's user, consoleUser the text console's, contracts with the image.
const (
	sshUser     = 905
	consoleUser = 904
)

type options struct {
	socket, system, program, home string
	user                          int
	rescue                        bool
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("shell", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.socket, "socket", "/run/vigie/shell/open.sock", "unix `socket` at which shells are opened")
	f.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	f.StringVar(&o.program, "busybox", "/usr/bin/busybox", "`path` of BusyBox")
	f.StringVar(&o.home, "home", "", "`folder` in which shells begin; the socket's, unless it is given")
	f.IntVar(&o.user, "user", -1, "`number` of the user who may open shells; the SSH service's unless it is given, in rescue mode the console's")
	f.BoolVar(&o.rescue, "rescue", false, "rescue mode: nobody needs leave")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	switch {
	case o.user >= 0:
	case o.rescue:
		o.user = consoleUser
	default:
		o.user = sshUser
	}
	if o.home == "" {
		o.home = filepath.Dir(o.socket)
	}
	return o, nil
}

// Run is "vigie shell": it serves until ctx is cancelled.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	tools := filepath.Join(o.home, "bin")
	if err := install(ctx, o.program, tools); err != nil {
		log.Error("the shell's tools", "err", err) // it has some of its own
	}
	l, err := listen(o.socket, o.user)
	if err != nil {
		return err
	}
	defer os.Remove(o.socket)
	system := systemapi.New(o.system)
	defer system.Close()
	s := &server{leave: newLeave(), user: o.user, program: o.program, home: o.home, tools: tools, rescue: o.rescue, log: log}
	group, ctx := errgroup.WithContext(ctx)
	var told atomic.Uint64
	if o.rescue {
		defer s.leave.always()()
	}
	group.Go(func() error {
		if o.rescue {
			return nil
		}
		return whole(ctx, system.Watch(ctx, func(m api.Status) {
			told.Add(1)
			s.leave.follow(ctx, system, m.SSH, log)
		}))
	})
	group.Go(func() error { return s.run(ctx, l) })
	group.Go(func() error {
		return whole(ctx, health.Serve(ctx, func() (uint64, error) { return told.Load() + s.opened.Load(), nil }))
	})
	return group.Wait()
}

// whole leaves out that ctx has ended.
func whole(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listen makes the socket, which the given user alone may open.
func listen(path string, user int) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	if err := os.Lchown(path, user, -1); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// install gives each of BusyBox's tools its name in a folder.
func install(ctx context.Context, program, folder string) error {
	names, err := command(ctx, program, "--list")
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		if name != filepath.Base(name) {
			continue
		}
		if err := os.Symlink(program, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}
