package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/cgroup"
	"vigie/initramfs/internal/console"
	"vigie/initramfs/internal/control"
	"vigie/initramfs/internal/guard"
	"vigie/initramfs/internal/kmod"
	"vigie/initramfs/internal/kmsg"
	"vigie/initramfs/internal/launch"
	"vigie/initramfs/internal/logring"
	"vigie/initramfs/internal/mounts"
	"vigie/initramfs/internal/power"
	"vigie/initramfs/internal/reap"
	"vigie/initramfs/internal/supervise"
	"vigie/initramfs/internal/sysctl"
	"vigie/initramfs/internal/uevent"
	"vigie/initramfs/internal/watchdog"
	"vigie/internal/bootopt"
	"vigie/internal/initctl"
	"vigie/internal/mountinfo"
	"vigie/internal/version"
)

const (
	initLogBytes = 256 << 10
	sysctlFile   = "/usr/share/vigie/sysctl.conf"

	driversQuiet = 150 * time.Millisecond // without a new device the drivers count as loaded
	driversLimit = 15 * time.Second       // and after this the services start without the rest
)

// appliance is the running system as init sees it.
type appliance struct {
	out     *console.Console
	log     *slog.Logger
	ring    *logring.Ring
	options bootopt.Options

	tree       *cgroup.Tree // nil: the kernel has no control groups
	reaper     *reap.Reaper
	supervisor *supervise.Supervisor
	feeder     *watchdog.Feeder
	loader     *kmod.Loader

	background sync.WaitGroup
	ending     ending

	mu       sync.Mutex
	firmware []string // files that drivers miss
}

// secondStage is /sbin/init of the root. It never returns.
func secondStage() {
	a := &appliance{out: openConsole(), ring: logring.New(initLogBytes)}
	a.log = slog.New(slog.NewTextHandler(a.ring, nil))
	a.ending = newEnding(a)
	if err := guard.Run(a.log, "init", a.run); err != nil {
		a.out.Stepf("init", "%v", err)
	}
	restart(a.out)
}

// run is the life of the appliance, from top to bottom. When it returns the machine could not be ended properly.
func (a *appliance) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a.catchSignals(ctx)
	a.mountAll()
	a.readOptions()
	a.applySysctl()

	a.reaper = reap.New(a.log)
	guard.Forever(ctx, &a.background, a.log, "reaper", 100*time.Millisecond, a.reaper.Run)

	a.feeder = watchdog.NewFeeder(a.log, a.out.Step, "looking for one")
	a.openCgroups()
	table := serviceTable()
	if a.options.Rescue {
		a.out.Step("init", "rescue mode: nothing is recorded; the menu is on the screen and on the serial line")
		table = rescueTable()
	}
	a.supervisor = supervise.New(supervise.Config{
		Log: a.log, Services: table, StopOrder: stopOrderOf(table), Timing: supervise.DefaultTiming(),
		Reaper: a.reaper, Tree: a.tree, Launcher: "/proc/self/exe", Step: a.out.Step,
		Turn: func(now time.Time, s supervise.Snapshot) { a.feeder.Turn(now, s.RecordingAt, s.Stopping) },
	})
	a.ending.canStop(a.supervisor.Stop)
	a.listenControl(ctx)
	a.loadDrivers(ctx)
	guard.Go(&a.background, a.log, "watchdog", func() { a.findWatchdog(ctx) })

	stopped := make(chan struct{})
	guard.Go(&a.background, a.log, "supervisor", func() {
		defer close(stopped)
		defer a.ending.ask(reboot) // nothing to do if the end was asked for; otherwise the loop is lost
		if err := a.supervisor.Run(); err != nil {
			a.out.Stepf("init", "the supervisor gave up: %v", err)
		}
	})
	a.ending.wait(stopped)
}

func (a *appliance) mountAll() {
	mounted, err := mountinfo.Read()
	if err != nil {
		a.out.Stepf("mounts", "%v", err)
	}
	done := map[string]bool{}
	for _, m := range mounted {
		done[m.Target] = true
	}
	for _, m := range mounts.Table() {
		if done[m.Target] || !m.Applies() {
			continue
		}
		if err := m.Mount("/"); err != nil {
			a.log.Error("mount", "err", err)
			if !m.Optional {
				a.out.Stepf("mounts", "%v", err)
			}
		}
	}
}

func (a *appliance) readOptions() {
	options, err := bootopt.Read(os.DirFS("/"))
	if err != nil {
		a.log.Error("boot options", "err", err)
	}
	a.options = options
	for _, w := range options.Warnings {
		a.log.Warn(w) // the system service tells the installer
	}
}

func (a *appliance) applySysctl() {
	f, err := os.Open(sysctlFile)
	if err != nil {
		a.out.Stepf("kernel", "no settings: %v", err)
		return
	}
	defer f.Close()
	settings, err := sysctl.Parse(f)
	if err != nil {
		a.out.Stepf("kernel", "settings: %v", err)
		return
	}
	applied, err := sysctl.Apply("/proc/sys", settings)
	if err != nil {
		a.log.Warn("kernel settings", "err", err)
	}
	a.log.Info("kernel settings", "applied", applied, "of", len(settings))
}

func (a *appliance) openCgroups() {
	var err error
	if a.tree, err = cgroup.OpenTree("/sys/fs/cgroup", "vigie"); err != nil {
		a.out.Stepf("init", "services run without some limits: %v", err)
	}
}

func (a *appliance) listenControl(ctx context.Context) {
	dir := runDir + "/init"
	if err := launch.MakeRuntimeDir(dir, uidRoot, uidRoot, 0o700); err != nil {
		a.out.Stepf("init", "no control socket: %v", err)
		return
	}
	server, err := control.Listen(a.log, initctl.DefaultSocket, a)
	if err != nil {
		a.out.Stepf("init", "no control socket: %v", err)
		return
	}
	guard.Forever(ctx, &a.background, a.log, "control", time.Second, server.Run)
}

// loadDrivers loads what the devices need, and goes on doing so for those that come. It returns when the first are
// done.
func (a *appliance) loadDrivers(ctx context.Context) {
	if err := os.WriteFile("/proc/sys/kernel/modprobe", []byte("/sbin/modprobe"), 0); err != nil {
		a.log.Error("set the kernel's modprobe", "err", err)
	}
	var err error
	if a.loader, err = openLoader(); err != nil {
		a.out.Stepf("drivers", "%v", err)
		return
	}
	socket, err := uevent.Open()
	if err != nil {
		a.out.Stepf("drivers", "%v", err)
		return
	}
	a.loadUnasked()
	for _, event := range power.Events("/sys") {
		a.watchButton(event)
	}
	plug := uevent.NewPlug(a.log, "/sys", a.loader.Load, kmod.ErrUnknown, func(e uevent.Event) {
		if name, ok := strings.CutPrefix(e.Name, "input/event"); ok && e.Subsystem == "input" {
			a.watchButton("event" + name)
		}
	})
	guard.Forever(ctx, &a.background, a.log, "devices", time.Second, func(ctx context.Context) error { return plug.Run(ctx, socket) })
	guard.Forever(ctx, &a.background, a.log, "firmware", time.Minute, func(ctx context.Context) error {
		return kmsg.Watch(ctx, "/dev/kmsg", a.missesFirmware)
	})
	start := time.Now()
	settled, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(a.ending.asked, stop)()
	devices, ok := plug.Settled(settled, driversQuiet, driversLimit)
	took := time.Since(start).Round(100 * time.Millisecond)
	if ok {
		a.out.Stepf("drivers", "%d kinds of device, %d modules, in %v", devices, a.loader.Count(), took)
	} else {
		a.out.Stepf("drivers", "%d modules so far, some device is slow; the services start without it", a.loader.Count())
	}
}

// filters are modules that no device asks for: the packet filter's, and those of bandwidth limits. The kernel would ask for each
// by itself, with a modprobe for every one, while the system service waits, and no interface is switched on before the filter
// stands.
func filters() []string {
	return []string{"nf_tables", "nf_conntrack", "nft_ct", "nft_limit", "nft_fib_inet", "sch_htb", "sch_fq_codel", "cls_u32"}
}

// arrays is the module without which no array of disks can be made or started; no device asks for it either.
const arrays = "md_mod"

func (a *appliance) loadUnasked() {
	for _, name := range append(filters(), arrays) {
		if err := a.loader.Load(name); err != nil {
			a.log.Error("load module", "module", name, "err", err)
		}
	}
}

// missesFirmware tells of a file that a driver asked for and the image does not have.
func (a *appliance) missesFirmware(file string) {
	const most = 100
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.firmware, file) || len(a.firmware) >= most {
		return
	}
	a.firmware = append(a.firmware, file)
	a.out.Stepf("drivers", "firmware %s is not in the image: a device may not work", file)
	a.log.Warn("firmware is missing", "file", file)
}

// watchButton reads an input device if it has a power button.
func (a *appliance) watchButton(event string) {
	if !power.HasPowerKey("/sys", event) {
		return
	}
	guard.Go(&a.background, a.log, "power button", func() {
		a.log.Info("power button", "device", event)
		err := power.Watch("/dev/input/"+event, func() {
			a.out.Step("init", "power button pressed")
			a.ending.ask(powerOff)
		})
		if err != nil {
			a.log.Warn("power button", "device", event, "err", err)
		}
	})
}

// findWatchdog arms a hardware watchdog, or after a while the kernel's own.
func (a *appliance) findWatchdog(ctx context.Context) {
	if a.options.WatchdogOff {
		a.feeder.Without("switched off by a boot option")
		a.out.Step("watchdog", "off (boot option)")
		return
	}
	const tries = 16
	for try := range tries {
		if try == tries-4 && a.loader != nil { // 3 s have passed
			if err := a.loader.Load("softdog"); err != nil {
				a.log.Warn("software watchdog", "err", err)
			}
		}
		candidates, err := watchdog.Find("/sys", "/dev")
		if err != nil {
			a.log.Warn("watchdog", "err", err)
		}
		for _, c := range candidates {
			device, err := watchdog.Open(c)
			if err != nil {
				a.log.Warn("watchdog", "device", c.Path, "err", err)
				continue
			}
			a.feeder.Use(device)
			a.out.Stepf("watchdog", "%s, %v", c.Identity, device.Timeout)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-a.ending.asked.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
	a.feeder.Without("this machine has none")
	a.out.Step("watchdog", "none found: a machine that hangs will not restart by itself")
}

// catchSignals: SIGTERM powers off, SIGINT (Ctrl-Alt-Del) restarts.
func (a *appliance) catchSignals(ctx context.Context) {
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		a.log.Warn("Ctrl-Alt-Del", "err", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	signal.Ignore(unix.SIGPIPE, unix.SIGHUP)
	guard.Go(&a.background, a.log, "signals", func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-signals:
				if sig == unix.SIGINT {
					a.out.Step("init", "Ctrl-Alt-Del pressed")
					a.ending.ask(reboot)
				} else {
					a.out.Step("init", "asked to power off")
					a.ending.ask(powerOff)
				}
			}
		}
	})
}

// Status implements control.Machine.
func (a *appliance) Status() initctl.Status {
	a.mu.Lock()
	firmware := slices.Clone(a.firmware)
	a.mu.Unlock()
	snapshot := a.supervisor.Snapshot()
	status := initctl.Status{
		Version: version.Version, UptimeMs: console.SinceBoot().Milliseconds(), Ready: snapshot.Ready, Watchdog: a.feeder.Status(),
		Firmware: firmware,
	}
	for _, s := range snapshot.Services {
		status.Services = append(status.Services, initctl.Service{
			Name: s.Name, Status: s.Status, Reason: s.Reason, PID: s.PID, Restarts: s.Restarts, Progress: s.Progress,
			SinceMs:     time.Now().Add(-time.Since(s.Since)).UnixMilli(), // by the clock of now, which may have been set
			MemoryBytes: a.supervisor.MemoryBytes(s.Name), Stoppable: s.Stoppable, OnDemand: s.OnDemand,
		})
	}
	return status
}

// Restart implements control.Machine.
func (a *appliance) Restart(ctx context.Context, service string, force bool) error {
	return a.supervisor.Restart(ctx, service, force)
}

// Hold implements control.Machine.
func (a *appliance) Hold(ctx context.Context, service string) error {
	return a.supervisor.Hold(ctx, service)
}

// Start implements control.Machine.
func (a *appliance) Start(ctx context.Context, service string) error {
	return a.supervisor.Start(ctx, service)
}

// Log implements control.Machine. "init" is init's own log.
func (a *appliance) Log(service string) ([]string, error) {
	if service == "init" {
		return a.ring.Lines(), nil
	}
	lines, err := a.supervisor.Log(service)
	if errors.Is(err, supervise.ErrNoService) {
		err = fmt.Errorf("%w; there are %s", err, strings.Join(append(slices.Concat(stopOrder()...), "init"), ", "))
	}
	return lines, err
}

// PowerOff implements control.Machine.
func (a *appliance) PowerOff() {
	a.out.Step("init", "asked to power off")
	a.ending.ask(powerOff)
}

// Reboot implements control.Machine.
func (a *appliance) Reboot() {
	a.out.Step("init", "asked to restart")
	a.ending.ask(reboot)
}
