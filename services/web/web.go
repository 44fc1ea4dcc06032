// Package web is the service that the world sees: HTTPS, accounts, sessions, the single-page app, and the public API,
// of which it answers the paths tagged "web" and passes the others on to the engine and system services.
//
// Run puts the parts together and waits for each goroutine that it starts. The parts know each other only through what
// is handed over here; README.md in this folder has the rules they keep and the threats they are made for.
package web

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/internal/health"
	"vigie/internal/mirror"
	"vigie/services/engine/engineapi"
	"vigie/services/system/systemapi"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/certificate"
	"vigie/services/web/internal/console"
	"vigie/services/web/internal/gateway"
	"vigie/services/web/internal/guard"
	"vigie/services/web/internal/inperson"
	"vigie/services/web/internal/keeper"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/machine"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/routes"
	"vigie/services/web/internal/server"
	"vigie/services/web/internal/sessions"
	"vigie/services/web/internal/setupcode"
	"vigie/services/web/internal/static"
	"vigie/services/web/ui"
)

// stopWithin is what init gives the service from SIGTERM to SIGKILL (DESIGN.md, "What a service owes init").
const stopWithin = 1500 * time.Millisecond

// finishWithin is how much of it goes to requests that change something. The rest is for closing accounts and sessions.
const finishWithin = stopWithin / 2

// options are the flags.
type options struct {
	listen              []string
	engine, system, ntp string
	ssh                 string
	state               string
	console             string
	rescue              bool
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("web", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Func("listen", "`address` to serve HTTPS on, host:port or :port; may be given several times; without any it is the port of the machine's configuration", func(s string) error {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return err
		}
		o.listen = append(o.listen, s)
		return nil
	})
	fs.StringVar(&o.engine, "engine", "/run/vigie/engine/api.sock", "unix `socket` of the engine")
	fs.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	fs.StringVar(&o.ntp, "ntp", "/run/vigie/ntp/api.sock", "unix `socket` of the time server")
	fs.StringVar(&o.ssh, "ssh", "/run/vigie/ssh/api.sock", "unix `socket` of the SSH service")
	fs.StringVar(&o.console, "console", "", "unix `socket` to make for the text console and the SSH service; empty: none")
	fs.BoolVar(&o.rescue, "rescue", false, "rescue mode: nobody reaches the web admin; the console may set the administrator's password")
	fs.StringVar(&o.state, "state", "/run/vigie/web", "`folder` on tmpfs for the live database and the sessions")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.rescue && len(o.listen) == 0 {
		o.listen = []string{"127.0.0.1:443"} // for the question whether it answers
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
	if err := os.MkdirAll(o.state, 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	table, err := routes.Parse(api.Spec)
	if err != nil {
		return err
	}
	app, err := static.New(ui.Dist())
	if err != nil {
		return err
	}
	if !app.Built() {
		log.Warn("the web admin's pages are not part of this build")
	}

	systemClient := systemapi.New(o.system)
	defer systemClient.Close()
	engineClient := engineapi.New(o.engine)
	defer engineClient.Close()
	follower := machine.New(systemClient)
	people := sessions.New(sessions.Default(), filepath.Join(o.state, "sessions.json"), log)
	engine := gateway.New("engine", o.engine, log)
	defer engine.Close()
	system := gateway.New("system", o.system, log)
	defer system.Close()
	timeServer := gateway.New("ntp", o.ntp, log)
	defer timeServer.Close()
	remote := gateway.New("ssh", o.ssh, log)
	defer remote.Close()

	group, running := errgroup.WithContext(ctx)
	var keep *keeper.Keeper
	code, book := setupcode.New(), logins.New(log)
	srv, err := server.New(server.Config{
		Routes:   table,
		Sessions: people,
		Hasher:   password.NewHasher(password.Default(), 1, 16), // one at a time: the other cores are for video
		App:      app,
		Engine:   engine,
		System:   system,
		NTP:      timeServer,
		SSH:      remote,

		EngineAPI: engineClient,
		SystemAPI: systemClient,
		Hostname:  func() string { return follower.State().Hostname },
		Code:      code,
		Copies:    func() []mirror.Copy { return keep.Copies() },
		Logins:    book,
		SetUp:     func() { keep.Look() },
		Stopping:  running,
		Log:       log,
	})
	if err != nil {
		return err
	}

	open, err := newDoors(o.listen, log)
	if err != nil {
		return err
	}
	defer open.close()
	screen := console.New(stdout)
	front := &inPerson{srv: srv, engine: engineClient, warnings: func() []string { return keep.Warnings() }}
	var store atomic.Pointer[accounts.Store]
	keep, err = keeper.New(keeper.Config{
		Dir:     o.state,
		Machine: follower.State,
		Opened: func(s *accounts.Store) {
			if err := people.Load(func(username string) bool { _, err := s.Find(username); return err == nil }); err != nil {
				log.Warn("sessions of the last run are lost", "err", err)
			}
			store.Store(s)
			srv.Open(s)
		},
		Names: func() certificate.Names {
			s := follower.State()
			return certificate.Names{Hosts: []string{s.Hostname, s.LocalName}, Addresses: localAddresses()}
		},
		Announce: func(volatile bool) {
			s := follower.State()
			facts := console.Facts{LocalName: s.LocalName, Volatile: volatile}
			for _, a := range reachable(open.listeners(), s.Addresses) {
				facts.Addresses = append(facts.Addresses, console.Address{AddrPort: a, Fingerprint: keep.Fingerprint(a.Addr().String())})
			}
			if s.LocalName != "" {
				facts.LocalPrint = keep.Fingerprint(s.LocalName)
			}
			if empty, err := store.Load().Empty(); err == nil && empty {
				facts.SetupCode = code.String()
			}
			if !o.rescue {
				screen.Announce(facts)
			}
			front.facts.Store(&facts) // the text console offers its menu from now on, below the greeting
		},
		Log: log,
	})
	if err != nil {
		return err
	}
	screen.Say("looking at the disks for earlier settings")

	httpServer := &http.Server{
		Handler:           srv.Handler(),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keep.Certificate},
		ConnContext:       gateway.Connected,
		ReadHeaderTimeout: 15 * time.Second, // and of the handshake
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 128},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	open.serve(group, httpServer, &guard.Connections{Total: 2048, PerAddress: 256})
	var setPassword func(context.Context, string) (string, error)
	if o.rescue {
		setPassword = srv.SetPassword
	}
	if o.console != "" {
		group.Go(func() error {
			return inperson.Serve(running, o.console, inperson.Config{
				Console: []uint32{0, consoleUserID, uint32(os.Geteuid())}, SSH: []uint32{0, sshUserID, uint32(os.Geteuid())},
				State: front.state, Reset: front.reset, First: front.first, SetPassword: setPassword, Login: front.login, Note: front.note, Log: log,
			})
		})
	}
	group.Go(func() error {
		return follower.Run(running, func(s *machine.State) {
			open.move(s.WebPort)
			keep.Look()
		})
	})
	// Accounts and sessions stay until the last request has been answered.
	served, finished := context.WithCancel(context.WithoutCancel(running))
	defer finished()
	noted, written := context.WithCancel(context.WithoutCancel(running))
	group.Go(func() error { return keep.Run(noted) })
	group.Go(func() error { return people.Run(served) })
	if !o.rescue { // the engine is not there to take its part
		group.Go(func() error { return srv.FinishImports(running) })
	}
	group.Go(func() error {
		defer written() // the database stays until the last log-in is in it
		return book.Run(served)
	})
	group.Go(func() error {
		return health.Serve(running, func() (uint64, error) { return srv.Served(), probe(running, open.listeners()) })
	})
	group.Go(func() error {
		<-running.Done()
		defer finished()
		finish, cancel := context.WithTimeout(context.WithoutCancel(running), finishWithin)
		defer cancel()
		if err := httpServer.Shutdown(finish); err != nil {
			return httpServer.Close()
		}
		return nil
	})
	return group.Wait()
}

// reachable is where the listeners can be reached: their own address, or each of the machine's if they take any.
func reachable(listeners []net.Listener, machine []netip.Addr) []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range listeners {
		at := l.Addr().(*net.TCPAddr).AddrPort()
		if !at.Addr().IsUnspecified() {
			out = append(out, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
			continue
		}
		for _, a := range machine {
			out = append(out, netip.AddrPortFrom(a, at.Port()))
		}
	}
	return out
}

// localAddresses are the machine's at this moment, for its certificates.
func localAddresses() []netip.Addr {
	var out []netip.Addr
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the certificate does without; browsers ask about self-signed ones anyway
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}
