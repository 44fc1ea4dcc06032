// Package ssh is the service through which a technician reaches the machine from elsewhere: the text console's menu, and
// commands that look and change nothing, over SSH (RFC 4251 to 4254). A shell is behind it only while an administrator permits
// one, and then in another service (services/shell), which does not run at other times.
//
// Nothing listens while it is switched off. How it is set, which keys log in, and the machine's own key it is told by the
// system service; passwords are checked by the web service. It runs as a user without any right but to those two sockets:
// whoever takes it over can do there what an administrator who logged in can do here, and nothing else. While the system
// service is restarted it goes on as it was told last.
//
// Package gate lets people in, visit serves them, command reads what they ask for, and diagnose does it. Run waits for each
// goroutine that it starts.
package ssh

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/health"
	"vigie/services/ssh/internal/gate"
	"vigie/services/system/systemapi"
	"vigie/services/web/webapi"
)

type options struct {
	socket, system, web, shell string
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("ssh", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.socket, "socket", "/run/vigie/ssh/api.sock", "unix `socket` to serve the API on")
	fs.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	fs.StringVar(&o.web, "web", "/run/vigie/web/console.sock", "unix `socket` that web has for the console and for this service")
	fs.StringVar(&o.shell, "shell", "/run/vigie/shell/open.sock", "unix `socket` of the shell service, which is there while a full shell is permitted")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

// Run serves until ctx ends. Standard error gets the log.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	l, err := answer.Listen(o.socket)
	if err != nil {
		return err
	}
	system, web, m := systemapi.New(o.system), webapi.New(o.web), machine.New(o.system, o.web)
	defer system.Close()
	defer web.Close()
	defer m.Close()
	door := gate.New(web, log)
	s := newServer(system, m, door, o.shell, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return answer.Serve(ctx, l, s.routes()) })
	group.Go(func() error {
		if err := system.Watch(ctx, func(m api.Status) { s.follow(m.SSH) }); ctx.Err() == nil {
			return err
		}
		return nil
	})
	group.Go(func() error { return s.run(ctx) })
	group.Go(func() error { return door.Run(ctx) })
	group.Go(func() error { return health.Serve(ctx, func() (uint64, error) { return s.check(ctx) }) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
