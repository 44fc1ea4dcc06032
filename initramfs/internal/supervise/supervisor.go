package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/cgroup"
	"vigie/initramfs/internal/guard"
	"vigie/initramfs/internal/logring"
	"vigie/initramfs/internal/reap"
	"vigie/internal/initctl"
)

// logBytes is what is kept of each service's log.
const logBytes = 256 << 10

// ErrNoService is returned for a name that is not in the table.
var ErrNoService = errors.New("there is no such service")

// ErrNeeded is returned for a service that cannot be done without.
var ErrNeeded = errors.New("without this service nobody could start it again")

// Config is what a Supervisor works with.
type Config struct {
	Log      *slog.Logger
	Services []Service
	// StopOrder names the services in the order in which they are stopped: those of a level at once, the next level once
	// they have ended.
	StopOrder [][]string
	Timing    Timing
	Reaper    *reap.Reaper
	Tree      *cgroup.Tree // nil: no control groups
	Launcher  string       // the program that goes by launch.Name
	// Step tells the installer; it must not block.
	Step func(who, text string)
	// Turn is called at the end of each turn of the loop; it must not block.
	Turn func(now time.Time, s Snapshot)
}

// Snapshot is the state after a turn. It is not changed afterwards.
type Snapshot struct {
	Services []ServiceState
	// Ready: every service has been ready at least once, but for those that start on demand.
	Ready bool
	// RecordingAt is when the recording services were last healthy, all of them; the start before that.
	RecordingAt time.Time
	Stopping    bool
}

// ServiceState is the state of one service.
type ServiceState struct {
	Name, Status, Reason string
	PID, Restarts        int
	Since                time.Time
	Progress             uint64
	Stoppable, OnDemand  bool
}

// Supervisor is made with New; Run it once. The other methods may be called from anywhere.
type Supervisor struct {
	cfg      Config
	services []*service
	starter  starter
	events   chan any
	snapshot atomic.Pointer[Snapshot]
	rings    map[string]*logring.Ring
	groups   sync.Map // name → *cgroup.Group

	recordingAt time.Time
	saidReady   bool
	stopping    bool
	lastTurn    time.Time
	background  sync.WaitGroup
}

// service is one service in the loop.
type service struct {
	def     Service
	ring    *logring.Ring
	machine machine
	run     *run // nil: no process
}

type (
	eventAsk struct {
		name string
		ask  func(m *machine, now time.Time)
		done chan<- error // holds one
	}
	eventStop struct{}
)

// New returns a Supervisor that has started nothing.
func New(cfg Config) *Supervisor {
	s := &Supervisor{cfg: cfg, events: make(chan any, 256), rings: map[string]*logring.Ring{}}
	for _, def := range cfg.Services {
		ring := logring.New(logBytes)
		s.rings[def.Name] = ring
		s.services = append(s.services, &service{def: def, ring: ring})
	}
	s.starter = starter{
		log: cfg.Log, reaper: cfg.Reaper, tree: cfg.Tree, launcher: cfg.Launcher, events: s.events, ask: cfg.Timing.Ask,
		onLine: cfg.Step,
	}
	s.snapshot.Store(&Snapshot{})
	return s
}

// Stop asks for every service to be stopped, in order; Run returns when they are.
func (s *Supervisor) Stop() { s.events <- eventStop{} }

// Restart asks for a service to be stopped and started again; by force, it is not given the time to end by itself.
func (s *Supervisor) Restart(ctx context.Context, name string, force bool) error {
	return s.ask(ctx, name, func(m *machine, now time.Time) { m.restart(now, force) })
}

// Hold asks for a service to be stopped until Start, Restart or the machine's next start. ErrNeeded: it must run.
func (s *Supervisor) Hold(ctx context.Context, name string) error {
	if sv := s.find(name); sv != nil && !sv.def.Stoppable && !sv.def.OnDemand {
		return fmt.Errorf("%w: %q", ErrNeeded, name)
	}
	return s.ask(ctx, name, func(m *machine, now time.Time) { m.hold(now) })
}

// Start asks for a service that is held to run again.
func (s *Supervisor) Start(ctx context.Context, name string) error {
	return s.ask(ctx, name, func(m *machine, now time.Time) { m.start(now) })
}

// ask hands a wish to the loop.
func (s *Supervisor) ask(ctx context.Context, name string, ask func(m *machine, now time.Time)) error {
	done := make(chan error, 1)
	select {
	case s.events <- eventAsk{name, ask, done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Log returns the newest lines of a service's log.
func (s *Supervisor) Log(name string) ([]string, error) {
	ring := s.rings[name]
	if ring == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoService, name)
	}
	return ring.Lines(), nil
}

// Snapshot returns the state after the last turn.
func (s *Supervisor) Snapshot() Snapshot { return *s.snapshot.Load() }

// MemoryBytes is what a service's control group uses; 0 when not known.
func (s *Supervisor) MemoryBytes(name string) int64 {
	if g, ok := s.groups.Load(name); ok {
		return g.(*cgroup.Group).MemoryBytes()
	}
	return 0
}

// Run starts the services and looks after them until Stop was called and all have ended. A panic in a turn is told
// and the loop goes on; after too many in a row it returns an error.
func (s *Supervisor) Run() error {
	const mostPanics = 20
	defer s.background.Wait()
	now := time.Now()
	s.recordingAt, s.lastTurn = now, now
	for _, sv := range s.services {
		sv.machine = newMachine(now, s.cfg.Timing, sv.def.StopLimit)
		if sv.def.OnDemand {
			sv.machine.sleep(now)
		}
	}
	ticker := time.NewTicker(s.cfg.Timing.Tick)
	defer ticker.Stop()
	panics := 0
	for {
		var event any
		select {
		case event = <-s.events:
		case <-ticker.C:
		}
		done := false
		if err := guard.Run(s.cfg.Log, "supervisor", func() { done = s.turn(time.Now(), event) }); err != nil {
			if panics++; panics > mostPanics {
				return err
			}
			continue
		}
		if event == nil {
			panics = 0
		}
		if done {
			return nil
		}
	}
}

// turn is one turn of the loop; it reports whether everything has been stopped.
func (s *Supervisor) turn(now time.Time, event any) (done bool) {
	// The limits assume a loop that turns. After a standstill of the whole machine nobody is to blame.
	if gap := now.Sub(s.lastTurn); gap > max(time.Second, 5*s.cfg.Timing.Tick) {
		s.cfg.Log.Warn("the supervisor stood still", "for", gap)
		for _, sv := range s.services {
			sv.machine.forgive(gap)
		}
	}
	s.lastTurn = now
	s.handle(now, event)
	s.stopNext(now)
	for _, sv := range s.services {
		s.act(now, sv)
	}
	snapshot := s.publish(now)
	s.cfg.Turn(now, snapshot)
	for _, sv := range s.services {
		if !sv.machine.stopped || sv.run != nil {
			return false
		}
	}
	return s.stopping
}

func (s *Supervisor) handle(now time.Time, event any) {
	switch e := event.(type) {
	case eventAnswer:
		sv := e.run.service
		if sv.run != e.run {
			return
		}
		before := sv.machine.status
		if sv.machine.answered(now, e.progress, e.reason) {
			s.tellReady(now, sv, before)
		} else if before == initctl.StatusReady && sv.machine.status == initctl.StatusUnhealthy {
			s.cfg.Step(sv.def.Name, "not healthy: "+e.reason)
			s.cfg.Log.Warn("not healthy", "service", sv.def.Name, "err", e.reason)
		}
	case eventEnded:
		guard.Go(&s.background, s.cfg.Log, e.run.service.def.Name+" end", func() {
			e.run.process.finish()
			s.events <- eventFinished(e)
		})
	case eventFinished:
		sv := e.run.service
		if sv.run == e.run {
			sv.run = nil
			s.tellEnd(now, sv, reap.Describe(e.status))
		}
	case eventAsk:
		sv := s.find(e.name)
		if sv == nil {
			e.done <- fmt.Errorf("%w: %q", ErrNoService, e.name)
			return
		}
		e.ask(&sv.machine, now)
		e.done <- nil
	case eventStop:
		s.stopping = true
	}
}

func (s *Supervisor) find(name string) *service {
	for _, sv := range s.services {
		if sv.def.Name == name {
			return sv
		}
	}
	return nil
}

// nextToStop are the services of the first level in the stop order that were not asked to stop; none: all were.
func (s *Supervisor) nextToStop() (next []*service) {
	for _, level := range s.cfg.StopOrder {
		for _, name := range level {
			if sv := s.find(name); sv != nil && !sv.machine.stopped {
				next = append(next, sv)
			}
		}
		if next != nil {
			return next
		}
	}
	return nil
}

// stopNext goes on with a stop: to the next level, once those asked before have ended, or cannot even be killed. A
// service that hangs on a dead disk must not cost the others their orderly end.
func (s *Supervisor) stopNext(now time.Time) {
	if !s.stopping {
		return
	}
	for _, sv := range s.services {
		if sv.machine.stopped && sv.run != nil && !sv.machine.stuck(now) {
			return
		}
	}
	for _, sv := range s.nextToStop() {
		sv.machine.stop(now)
	}
}

func (s *Supervisor) act(now time.Time, sv *service) {
	name := sv.def.Name
	switch sv.machine.decide(now) {
	case actStart:
		if s.stopping {
			return // its turn to be stopped has not come, but there is nothing left to start it for
		}
		run, err := s.starter.start(sv)
		if err != nil {
			s.cfg.Log.Error("start", "service", name, "err", err)
			s.tellEnd(now, sv, "could not be started: "+err.Error())
			return
		}
		sv.run = run
		if run.process.group != nil {
			s.groups.Store(name, run.process.group)
		}
		sv.machine.started(now)
		s.cfg.Log.Info("started", "service", name, "pid", run.process.pid)
	case actTerminate:
		if err := sv.run.process.signal(unix.SIGTERM); err != nil && !errors.Is(err, reap.ErrGone) {
			s.cfg.Log.Error("terminate", "service", name, "err", err)
		}
	case actKill:
		s.cfg.Step(name, sv.machine.blame+"; it is killed")
		s.cfg.Log.Error("killed", "service", name, "err", sv.machine.blame)
		if err := sv.run.process.kill(); err != nil {
			s.cfg.Log.Error("kill", "service", name, "err", err)
		}
	}
}

func (s *Supervisor) tellReady(now time.Time, sv *service, before string) {
	m := &sv.machine
	if before == initctl.StatusUnhealthy {
		s.cfg.Step(sv.def.Name, "healthy again")
	} else {
		s.cfg.Step(sv.def.Name, fmt.Sprintf("ready %.1f s after its start", now.Sub(m.startedAt).Seconds()))
	}
	s.cfg.Log.Info("ready", "service", sv.def.Name, "after", now.Sub(m.startedAt))
}

func (s *Supervisor) tellEnd(now time.Time, sv *service, why string) {
	m := &sv.machine
	pause := m.ended(now, why)
	switch {
	case m.stopped:
		s.cfg.Step(sv.def.Name, "stopped")
	case m.held:
		s.cfg.Step(sv.def.Name, heldReason)
	case pause == 0:
		s.cfg.Step(sv.def.Name, "restarting on request")
	case m.reason != why: // it was killed, and why has been told
		s.cfg.Step(sv.def.Name, fmt.Sprintf("starts again in %.1f s", pause.Seconds()))
	default:
		s.cfg.Step(sv.def.Name, fmt.Sprintf("%s; starts again in %.1f s", why, pause.Seconds()))
	}
	s.cfg.Log.Info("ended", "service", sv.def.Name, "reason", m.reason, "pause", pause)
}

// publish makes the snapshot of this turn.
func (s *Supervisor) publish(now time.Time) Snapshot {
	snapshot := Snapshot{Ready: true, Stopping: s.stopping}
	healthy := true
	for _, sv := range s.services {
		m := &sv.machine
		state := ServiceState{
			Name: sv.def.Name, Status: m.status, Reason: m.reason, Restarts: m.restarts, Since: m.since, Progress: m.progress,
			Stoppable: sv.def.Stoppable, OnDemand: sv.def.OnDemand,
		}
		if sv.run != nil {
			state.PID = sv.run.process.pid
		}
		snapshot.Services = append(snapshot.Services, state)
		snapshot.Ready = snapshot.Ready && (m.everReady || sv.def.OnDemand)
		// What somebody stopped is not what the watchdog is there for.
		healthy = healthy && (!sv.def.Recording || m.held || m.status == initctl.StatusReady)
	}
	if healthy {
		s.recordingAt = now
	}
	snapshot.RecordingAt = s.recordingAt
	if snapshot.Ready && !s.saidReady && !s.stopping {
		s.saidReady = true
		s.cfg.Step("init", "READY: every service is up")
	}
	s.snapshot.Store(&snapshot)
	return snapshot
}
