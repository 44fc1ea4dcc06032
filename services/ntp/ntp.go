// Package ntp is the service that gives the machine's time to cameras and other devices: an NTP server.
//
// It keeps no clock. The system service does, and tells in the machine's state whether the server is switched on, what
// the clock follows and how far off it may be; this service reads the clock and says so. While the system service is
// restarted it goes on with what it was told last, and the error that it admits grows, until it says that it is not
// synchronised.
//
// Nothing listens while it is switched off. Package responder says what is answered, clients how often, socket by
// which way. Run waits for each goroutine that it starts.
package ntp

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/health"
	"vigie/services/ntp/internal/packet"
	"vigie/services/ntp/internal/responder"
	"vigie/services/system/systemapi"
)

// Port is NTP's.
const Port = 123

type options struct {
	socket, system string
	port           int
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("ntp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.socket, "socket", "/run/vigie/ntp/api.sock", "unix `socket` to serve the API on")
	fs.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	fs.IntVar(&o.port, "port", Port, "UDP `port` to answer on; 0 takes a free one")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

// Run serves until ctx ends. Standard output gets the lines for the installer, stderr the log.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	l, err := answer.Listen(o.socket)
	if err != nil {
		return err
	}
	system := systemapi.New(o.system)
	defer system.Close()
	s := newServer(o.port, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return answer.Serve(ctx, l, s.routes()) })
	group.Go(func() error {
		if err := system.Watch(ctx, func(m api.Status) { s.follow(m) }); ctx.Err() == nil {
			return err
		}
		return nil
	})
	group.Go(func() error { return s.run(ctx) })
	group.Go(func() error { return health.Serve(ctx, func() (uint64, error) { return s.check(ctx) }) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// stateOf is what the machine's state says of its clock.
func stateOf(m api.Status) (responder.State, error) {
	s := responder.State{Orphan: m.TimeServer.OrphanStratum}
	r := m.Clock.Reference
	if r.AtMs == 0 {
		return s, nil
	}
	id, err := hex.DecodeString(r.ID)
	if err != nil || len(id) != 4 || r.Stratum < 1 {
		return s, fmt.Errorf("the clock's reference is %+v", r)
	}
	s.Synchronised, s.Stratum, s.ID = true, r.Stratum, [4]byte(id)
	s.Leap = map[api.ClockReferenceLeap]packet.Leap{api.ClockReferenceLeapAdd: packet.LeapAdd, api.ClockReferenceLeapDelete: packet.LeapDelete}[r.Leap]
	s.RootDelay, s.RootDispersion = time.Duration(r.RootDelayUs)*time.Microsecond, time.Duration(r.RootDispersionUs)*time.Microsecond
	s.At = time.UnixMilli(r.AtMs)
	return s, nil
}
