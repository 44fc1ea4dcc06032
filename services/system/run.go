package system

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/internal/bootopt"
	"vigie/internal/health"
	"vigie/internal/initctl"
	"vigie/internal/sysconfig"
	"vigie/internal/version"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/bootentry"
	"vigie/services/system/internal/callers"
	"vigie/services/system/internal/clock"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/facts"
	"vigie/services/system/internal/hostkey"
	"vigie/services/system/internal/hostwatch"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/install"
	"vigie/services/system/internal/medium"
	"vigie/services/system/internal/network"
	"vigie/services/system/internal/ping"
	"vigie/services/system/internal/reset"
	"vigie/services/system/internal/storage"
	"vigie/services/system/internal/supervisor"
	"vigie/services/system/internal/unattended"
	"vigie/services/system/internal/update"
	"vigie/services/system/internal/volume"
	"vigie/services/system/systemapi"
	"vigie/services/web/webapi"
)

// bootLabel is the ISO 9660 label of the medium that the image boots from.
const bootLabel = "VIGIE"

const ntpPort = 123

// Run is "vigie system": it serves until ctx is cancelled. Standard output gets the installer's lines, standard error
// the log.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	say := console.New(stdout)
	l, err := listen(o.socket)
	if err != nil {
		return err
	}
	defer os.Remove(o.socket)

	given, start := bootOptions(o, say, log), newBoot(o.runDir)
	if given.Rescue {
		say.Say("rescue", "rescue mode: nothing is recorded, no volume is mounted and no card is on before it is wanted")
		log.Warn("rescue mode")
	}
	b := board.New(time.Now(), firstStatus(o, given, log))
	var control supervisor.Init
	if o.init != "" && !o.observe {
		control = initctl.Client{Socket: o.init}
	}
	link := supervisor.New(control, b.SetServices, log)
	names := &naming{observe: o.observe, boot: given.Hostname, publish: b.SetHostname, log: log}
	wall := clock.Kernel{RTC: "/dev/rtc0"}
	watch := clock.New(clock.Config{
		Clock: wall, Query: clock.NTP(ntpPort, nil), Dir: o.runDir, Built: built(), Boot: given.NTPServers, Observe: o.observe,
		Publish: func(c api.Clock) {
			b.SetClock(c)
			if started, err := facts.Started(time.Now()); err == nil { // the clock may have been set
				b.SetStarted(started)
			}
		},
		Console: say, Log: log,
	})
	pinger, err := ping.Open()
	if err != nil {
		log.Warn("hosts cannot be watched", "err", err)
	}
	defer pinger.Close()
	hosts := hostwatch.New(hostwatch.Config{Ping: pinger.Ping, Resolve: resolve, File: filepath.Join(o.runDir, "hosts.json"), Log: log})
	nics := network.New(network.Config{
		Resolv: o.resolv, Observe: o.watchNetwork() || given.Rescue, Rescue: given.Rescue, Ours: o.cards(), Hostname: func() string { return b.Status().Hostname },
		Offered: watch.Offer, Console: say, Log: log,
	}, b)
	guard := newGuarding(o, b, log)
	guard.closed = given.Rescue
	full := newShells(link, b.SetSSH, say, log)
	keeper := config.New(o.runDir, func(c sysconfig.Config) {
		guard.apply(c) // before any interface is switched on
		names.apply(c)
		nics.Configure(c.Network)
		hosts.Configure(c.HostWatch)
		watch.Configure(clock.Settings{Servers: c.NTPServers, SetAt: c.Time.SetAt, Zone: c.TimeZone})
		b.SetTimeZone(c.TimeZone)
		full.configure(c.SSH)
		if !o.watchNetwork() {
			b.SetWebPort(c.Web.At())
		}
		b.SetTimeServer(api.TimeServerSettings{Enabled: c.ServesTime(), OrphanStratum: c.Time.Server.OrphanStratum})
	}, time.Now, log)
	keeper.Traces = reset.Traces
	if given.ResetNetwork && !given.Rescue { // its menu has that
		keeper.Once = resetNetwork(say, log)
		if !start.over() {
			say.Say("network", "network: started with its settings reset, as the boot options say")
			log.Warn("network settings are reset, as the boot options say")
		}
	}
	tried := &trials{keeper: keeper, board: b, delay: nics.Delay, console: say, log: log}
	guard.keeper, guard.trials = keeper, tried
	book := diskbook.New(filepath.Join(o.runDir, "disks.json"), time.Now)
	book.Open(log)
	care := newDiskcare(o, book, b.SetRaidCards, time.Now, log)
	identity := hostkey.New(o.runDir, time.Now, log)
	installer := install.New(install.Config{
		Root: "/", Scratch: o.runDir, Version: version.Version, Log: log,
		// A machine that runs from a system disk goes on starting from it.
		Offer: func(d bootentry.Disk) error { return bootentry.Machine().Offer(d, given.Slot == "") },
	})
	around := newUpdating(o, b, given.System)
	slot := given.Slot
	if given.Rescue {
		slot = "" // a version on trial is neither confirmed nor given up here: nobody sees whether it works
	}
	around.Updater = update.New(update.Config{
		Slot: slot, System: given.System, Version: version.Version, Built: built(), Booting: !start.over(), File: filepath.Join(o.runDir, "updates.json"),
		Trusted: installer.Trusted, Open: around.open, Medium: around.medium, Look: around.look, Uptime: uptime, Now: time.Now,
		Restart: func(ctx context.Context) error { return link.Power(ctx, api.PowerRequestActionReboot) },
		Say:     func(format string, args ...any) { say.Say("update", format, args...) }, Log: log,
	})
	resetter := reset.New(reset.Config{Settings: keeper, Key: identity, Owners: volume.Owners(!o.observe), Log: log})
	attach := func(id, path string) {
		around.Attach(id, path) // first: it may put back what the others read
		watch.Past(volume.Newest(path))
		keeper.Attach(id, path)
		b.SetForgotten(keeper.Forgotten())
		resetter.Attach(id, path) // what is forgotten is known now, and what follows must not read it
		identity.Attach(id, path)
		book.Attach(id, path, log)
	}
	detach := func(id string) {
		around.Detach(id)
		keeper.Detach(id)
		resetter.Detach(id)
		identity.Detach(id)
		book.Detach(id)
	}
	disks := storage.New(storage.Config{
		Root: o.volumes, FormatBlank: given.FormatBlank && !given.Rescue && !start.over(), Observe: o.observe, Rescue: given.Rescue, Dirs: o.dirs, BootLabel: bootLabel,
		List: func() ([]blockdev.Disk, error) { return blockdev.List("/") }, Node: blockdev.Node,
		Attach: attach, Detach: detach, Seen: care.follow, Health: care.health,
		Install: installer.Install, Installed: given.Slot != "", Booting: !start.over(),
		Arrays: arrays(o, book), Book: book, Tell: care.tell,
		PowerOff: func(node, name string) error { return medium.PowerOff("/", node, name) },
		Settled: func() {
			if !given.Rescue { // there the volumes come one by one, when somebody wants them: the newest configuration of them counts
				keeper.Settle()
				identity.Settle()
				book.Settle()
				around.Settle()
				guard.open()
				nics.Release()
			}
			if err := start.end(); err != nil {
				log.Error("disks", "err", err)
			}
		},
		Now: time.Now, Console: say, Log: log,
	}, b)
	around.disks = disks
	if !start.over() || given.Rescue {
		guard.hold()
	}
	if err := keeper.Open(); err != nil {
		return err
	}
	identity.Open()
	watch.Open()
	if start.over() {
		nics.Release() // the running copy of the configuration is the machine's
	}
	near := newReach(b, names.chosen, log)
	admin := &networking{observe: o.watchNetwork(), trials: tried, keeper: keeper, board: b}
	if given.Rescue {
		admin.start = nics.SwitchOn
	}
	resetMachine := &resetting{Resetter: resetter, board: b, update: around.Updater, power: link, restart: make(chan struct{}, 1), observe: o.observe, console: say, log: log}
	m := &machine{Link: link, trials: tried, networking: admin, guarding: guard, diskcare: care,
		remote: &remote{shells: full, keeper: keeper, guard: guard, hostKey: identity}, diagnosing: newDiagnosing(b, pinger), updating: around,
		resetting: resetMachine, transferring: &transferring{networking: admin, guard: guard},
		observe: o.observe, keeper: keeper, clock: watch, disks: disks, hosts: hosts,
		mode: b.Status().BootMode, slot: given.Slot}

	g, ctx := errgroup.WithContext(ctx)
	events := make(chan blockdev.Event)
	handler := callers.Limit(httpapi.New(b, m, time.Now, ctx.Done()), rights(given.Rescue), askers(), 0, webUserID, uint32(os.Geteuid()))
	handler = callers.Reserve(handler, systemapi.HostKeyPath, 0, sshUserID, uint32(os.Geteuid()))
	g.Go(func() error { return serve(ctx, l, handler) })
	g.Go(func() error { return link.Run(ctx) })
	g.Go(func() error { return disks.Run(ctx, events) })
	g.Go(func() error { return around.Run(ctx) })
	// In rescue mode a person is there, and nothing is installed by a file.
	if !o.observe && !given.Rescue && !start.over() { // nor is a medium for the start of the machine that was there at a start of the service alone
		accounts := webapi.New(o.web)
		defer accounts.Close()
		answers := unattended.New(&unattendedMachine{machine: m, board: b, given: given, accounts: accounts}, say, log)
		g.Go(func() error { return answers.Run(ctx) })
	}
	g.Go(func() error { return resetter.Run(ctx) })
	g.Go(func() error { return resetMachine.run(ctx) })
	g.Go(func() error { return care.watch.Run(ctx) })
	g.Go(func() error { return book.Run(ctx, log) })
	g.Go(func() error { return nics.Run(ctx) })
	g.Go(func() error { return guard.run(ctx) })
	if control != nil && !given.Rescue { // there the shell is the console's
		g.Go(func() error { return full.run(ctx) })
	}
	g.Go(func() error { return watch.Run(ctx) })
	g.Go(func() error { return keeper.Run(ctx) })
	g.Go(func() error { return hosts.Run(ctx) })
	if !o.watchNetwork() { // a developer's host did not ask for it
		g.Go(func() error { return followGateways(ctx, b, hosts.SetGateways) })
		g.Go(func() error { return near.Run(ctx) })
	}
	g.Go(func() error {
		if err := blockdev.Listen(ctx, events); err != nil {
			log.Warn("no uevents; disks are found by looking every few seconds", "err", err)
		}
		return nil
	})
	g.Go(func() error { return health.Serve(ctx, alive(disks.Turns, time.Now)) })
	return g.Wait()
}

// stall is how long the disks' loop, which never does more than bookkeeping, may stand still.
const stall = 8 * time.Second

// alive answers init: the service works while the loop that runs the disks turns.
func alive(turns func() uint64, now func() time.Time) func() (uint64, error) {
	last, since := turns(), now()
	return func() (uint64, error) {
		n := turns()
		if n != last {
			last, since = n, now()
		}
		if now().Sub(since) > stall {
			return n, errors.New("the disks' loop stands still")
		}
		return n, nil
	}
}

func bootOptions(o options, say *console.Console, log *slog.Logger) bootopt.Options {
	if o.observe {
		return bootopt.Options{} // a developer's host was not booted with our options
	}
	boot, err := bootopt.Read(os.DirFS("/"))
	if err != nil {
		log.Warn("boot options", "err", err)
	}
	for _, w := range boot.Warnings {
		log.Warn("boot options", "err", w)
		say.Say("boot option "+w, "%s", w)
	}
	return boot
}

// firstStatus is what is known before anything was looked at.
func firstStatus(o options, given bootopt.Options, log *slog.Logger) api.Status {
	s := api.Status{
		Version:  version.Version,
		Kernel:   facts.Kernel(),
		BootMode: api.StatusBootModeLive,
		Firmware: facts.Firmware("/"),
	}
	switch {
	case o.watchNetwork():
		s.BootMode = api.StatusBootModeObserve
	case given.Rescue:
		s.BootMode = api.StatusBootModeRescue
	case given.Slot != "":
		s.BootMode = api.StatusBootModeInstalled
	}
	s.Hostname, _ = os.Hostname()
	if started, err := facts.Started(time.Now()); err == nil {
		s.StartedMs = started.UnixMilli()
	}
	m, err := facts.ReadManifest("/")
	switch {
	case err == nil:
		s.Packages = m.Packages
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("image manifest", "err", err)
	}
	return s
}

// built is when the image was made; zero on a developer's host.
func built() time.Time {
	m, err := facts.ReadManifest("/")
	if err != nil {
		return time.Time{}
	}
	return m.Built
}
