// Package clock keeps the machine's time: it asks NTP servers, decides which of them can be right, steps the clock at
// the first synchronisation and slews it from then on, and sees to the battery clock.
//
// Nothing waits for it: a machine without servers records by the clock it has. The kernel starts the clock from the
// battery clock, which it reads in whole seconds; the fraction is taken from it as soon as this service runs. Before the first synchronisation the
// clock is lifted to the latest instant that is known to be past (the image's build, the newest recording), so that a
// machine with a dead battery does not record in the year 2000; and no server is believed that names a time before
// the image was built. A recording is no such limit for servers: one that was made while the clock was wrong must not
// keep it wrong for ever.
//
// A round asks all servers at once. Each one's answers go through a filter of its own (source), which passes over what
// waited in a queue and what jumped; the servers vote with what is left (Choose), and the one that may be off least is
// followed. How soon the next round is depends on how far the clock was off. With set hours (schedule) there is a round
// after the start, when the servers change, and at those hours until one succeeds, and none else.
//
// What was done stays known (history), and what the clock follows is told in the words of those who may follow it: the
// NTP server reads it from the state.
//
// Run owns the clock; the other methods only hand it news. Choice, filter, decision and poll interval do no I/O; the
// kernel's clock and the network are given in.
package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/console"
)

// Hands are what moves a clock.
type Hands interface {
	Now() time.Time
	Synchronised() bool
	Step(delta time.Duration) error
	Slew(Correction) error
	SetRTC(context.Context) error
	Tick(context.Context) (time.Time, error) // the battery clock's next second, as it begins
}

// Correction is an offset that is to be taken away bit by bit.
type Correction struct {
	Offset time.Duration
	Error  time.Duration // what the clock may be off besides
	Poll   time.Duration // until the next one
	Leap   Leap
}

// Settings are what the administrator chose.
type Settings struct {
	Servers []string // none: others' choice
	SetAt   []string // times of the day, "15:04"; none: the clock is kept all the time
	Zone    string   // by whose wall clock they are
}

// Config is what a keeper is made with.
type Config struct {
	Clock   Hands
	Query   Query
	Built   time.Time // of the image; zero when not known
	Boot    []string  // servers from the boot option
	Observe bool      // change nothing
	Dir     string    // for what a restarted service must know; empty: none
	Publish func(api.Clock)
	Console *console.Console
	Log     *slog.Logger
}

const (
	firstRetry = 2 * time.Second
	mostRetry  = 64 * time.Second
	rtcEvery   = time.Hour
	// fractionMost is the most that a clock is wrong because it was started in whole seconds.
	fractionMost = tickWithin
	// futureMost bounds how long after the image was built a recording can have been made.
	futureMost = 10 * 365 * 24 * time.Hour
	// tryFor is how long after a set hour servers that do not answer are asked again; lookEvery is how often the wall
	// clock is looked at until such an hour comes.
	tryFor    = time.Hour
	lookEvery = 10 * time.Minute
)

// Keeper keeps one clock.
type Keeper struct {
	cfg     Config
	news    chan struct{} // holds one: something below changed
	history *history

	mu       sync.Mutex
	settings Settings
	offered  []string
	floor    time.Time

	// The rest belongs to Run.
	state    api.Clock
	sources  []*source
	synced   bool
	poll     time.Duration
	plan     schedule
	planned  Settings // of which plan was made
	due      time.Time
	owed     bool // other servers were chosen and have not set the clock yet
	rtc      time.Time
	failures int
	unwell   bool // the last round told of an error
	started  bool // this is the first run of the service since the machine started
}

// New returns a keeper; nothing is touched until Run.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg, news: make(chan struct{}, 1), history: historyIn(cfg.Dir), floor: cfg.Built, poll: minPoll}
}

// Configure sets what the administrator chose.
func (k *Keeper) Configure(s Settings) {
	k.mu.Lock()
	same := reflect.DeepEqual(k.settings, s)
	k.settings = Settings{Servers: slices.Clone(s.Servers), SetAt: slices.Clone(s.SetAt), Zone: s.Zone}
	k.mu.Unlock()
	if !same {
		k.wake()
	}
}

// Offer sets the servers that DHCP gives.
func (k *Keeper) Offer(servers []string) {
	k.mu.Lock()
	same := slices.Equal(k.offered, servers)
	k.offered = slices.Clone(servers)
	k.mu.Unlock()
	if !same {
		k.wake()
	}
}

// Past says that an instant has been, because something was recorded then.
func (k *Keeper) Past(t time.Time) {
	if !k.cfg.Built.IsZero() && t.After(k.cfg.Built.Add(futureMost)) {
		return
	}
	k.mu.Lock()
	later := t.After(k.floor)
	if later {
		k.floor = t
	}
	k.mu.Unlock()
	if later {
		k.wake()
	}
}

func (k *Keeper) wake() {
	select {
	case k.news <- struct{}{}:
	default:
	}
}

// orders are the servers in use (the administrator's, the boot option's, or DHCP's) and what else Run is told.
func (k *Keeper) orders() (use []string, s Settings, floor time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, list := range [][]string{k.settings.Servers, k.cfg.Boot, k.offered} {
		if len(list) > 0 {
			use = list
			break
		}
	}
	return slices.Clone(use), k.settings, k.floor
}

// Open goes on where an earlier run of this service ended, and says what is known at once. It comes before Run.
func (k *Keeper) Open() {
	defer func() { k.cfg.Publish(k.state) }()
	if k.cfg.Observe {
		k.state.Status = api.ClockStatusObserve
		return
	}
	k.state.Status = api.ClockStatusWaiting
	old, err := k.history.load()
	if err != nil {
		k.cfg.Log.Warn("clock", "err", err)
	}
	k.started = !k.history.kept()
	k.synced = k.cfg.Clock.Synchronised()
	if k.synced {
		k.state.Reference, k.state.LastSyncMs = old.Reference, old.LastMs
	}
}

// Run keeps the clock until ctx is cancelled.
func (k *Keeper) Run(ctx context.Context) error {
	if k.started && !k.synced && !k.cfg.Observe {
		k.sharpen(ctx)
	}
	for ctx.Err() == nil {
		pause := k.round(ctx)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-k.news:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// sharpen takes the fraction of a second from the battery clock. A clock that differs by more is left alone: it was not
// started from this one, or this one is not in UTC.
func (k *Keeper) sharpen(ctx context.Context) {
	defer k.save() // the next run is not the first
	t, err := k.cfg.Clock.Tick(ctx)
	if err != nil {
		if ctx.Err() == nil {
			k.cfg.Log.Info("no fraction of a second is known of the battery clock", "err", err)
		}
		return
	}
	off := t.Sub(k.cfg.Clock.Now())
	if off.Abs() < firstStepFrom || off.Abs() > fractionMost {
		return
	}
	if err := k.cfg.Clock.Step(off); err != nil {
		k.cfg.Log.Warn("clock", "err", err)
		return
	}
	k.cfg.Log.Info("clock stepped to the battery clock's fraction of a second", "offset", off)
}

// round asks all servers once, acts, and returns the pause until the next round.
func (k *Keeper) round(ctx context.Context) time.Duration {
	use, settings, floor := k.orders()
	changed := !slices.Equal(use, k.state.Servers)
	if changed {
		k.meet(use)
	}
	k.state.Servers, k.state.ConfiguredServers = use, settings.Servers
	defer func() { k.cfg.Publish(k.state) }()
	k.arrange(settings)
	if k.cfg.Observe {
		return time.Hour
	}
	if !k.synced {
		k.lift(floor)
	}
	if len(use) == 0 {
		k.state.Status, k.state.Reason = api.ClockStatusNoServer, "No NTP server is known: DHCP gives none, and none is configured."
		return time.Hour
	}
	k.owed = k.owed || changed
	if wait := k.idle(); wait > 0 {
		return wait
	}
	k.cfg.Publish(k.state)
	k.ask(ctx)
	if ctx.Err() != nil {
		return 0
	}
	pause := k.act(ctx)
	k.save()
	if wait := k.idle(); wait > 0 {
		pause = wait
	}
	return pause
}

// idle is how long nothing is to be asked because a set hour is still to come; 0: now.
func (k *Keeper) idle() time.Duration {
	if !k.synced || k.owed || k.plan.always() {
		return 0
	}
	return min(max(k.due.Sub(k.cfg.Clock.Now()), 0), lookEvery)
}

// meet makes the sources of another list of servers.
func (k *Keeper) meet(servers []string) {
	k.failures, k.poll = 0, minPoll
	k.state.Server, k.state.Reason, k.state.Sources = "", "", nil
	if !k.cfg.Observe {
		k.state.Status = api.ClockStatusWaiting
	}
	known := k.sources
	k.sources = nil
	for _, name := range servers {
		i := slices.IndexFunc(known, func(s *source) bool { return s.server == name })
		if i >= 0 {
			k.sources = append(k.sources, known[i])
		} else {
			k.sources = append(k.sources, newSource(name, k.synced, time.Now()))
		}
	}
}

// arrange follows the settings in when the clock is to be set.
func (k *Keeper) arrange(s Settings) {
	if !reflect.DeepEqual(s, k.planned) || k.plan.zone == nil {
		k.plan, k.planned = parseSchedule(s.SetAt, s.Zone), s
		k.due = time.Time{}
	}
	now := k.cfg.Clock.Now()
	k.state.SetAt = s.SetAt
	if k.due.IsZero() || now.After(k.due.Add(tryFor)) {
		k.await(now)
	}
}

// await finds the next set hour.
func (k *Keeper) await(now time.Time) {
	k.due, k.state.NextMs = time.Time{}, 0
	if !k.plan.always() {
		k.due = k.plan.next(now)
		k.state.NextMs = k.due.UnixMilli()
	}
}

// ask asks all servers at the same time and has their filters judge the answers.
func (k *Keeper) ask(ctx context.Context) {
	burst := 1
	if !k.synced || !k.plan.always() {
		burst = 4
	}
	now := time.Now()
	answers, errs := make([]Sample, len(k.sources)), make([]error, len(k.sources))
	var wait sync.WaitGroup
	for i, s := range k.sources {
		if s.resting(now) {
			errs[i] = s.err
			continue
		}
		wait.Go(func() { answers[i], errs[i] = k.cfg.Query(ctx, s.server, burst) })
	}
	wait.Wait()
	if ctx.Err() != nil {
		return
	}
	wall, now := k.cfg.Clock.Now(), time.Now()
	for i, s := range k.sources {
		var kiss *kissError
		switch err := errs[i]; {
		case errors.As(err, &kiss):
			if !s.resting(now) {
				s.refuse(now)
			}
			s.miss(err)
		case err != nil:
			s.miss(err)
		case wall.Add(answers[i].Offset).Before(k.cfg.Built):
			s.miss(errBeforeBuild)
		default:
			s.add(answers[i], now)
		}
	}
}

var errBeforeBuild = errors.New("names a time before this version of Vigie was built")

// act decides by what the servers say.
func (k *Keeper) act(ctx context.Context) time.Duration {
	now := time.Now()
	var samples []Sample
	var refusals []string
	odd := false
	for _, s := range k.sources {
		if a, ok := s.sample(now); ok {
			samples = append(samples, a)
		}
		if s.err != nil {
			refusals = append(refusals, fmt.Sprintf("%s: %v", s.server, s.err))
		}
		odd = odd || s.err == nil && s.note == spike
	}
	choice, err := Choose(samples, k.state.Server)
	if err != nil && len(refusals) > 0 {
		err = fmt.Errorf("%w (%s)", err, strings.Join(refusals, "; "))
	}
	k.state.Sources = k.describe(choice, err)
	switch {
	case errors.Is(err, errNoAnswer) && odd:
		return k.again(k.poll) // nothing is known against it but that it is odd
	case err != nil:
		return k.failed(err)
	case choice.Stale:
		return k.again(k.poll)
	}
	k.failures, k.unwell = 0, false
	return k.follow(ctx, choice)
}

// again is the pause before a question that is to find out what the last one did not.
func (k *Keeper) again(most time.Duration) time.Duration {
	k.failures++
	pause := firstRetry
	for range min(k.failures-1, 10) {
		pause *= 2
	}
	return min(pause, most)
}

func (k *Keeper) failed(err error) time.Duration {
	pause := k.again(mostRetry)
	k.state.Status, k.state.Reason = api.ClockStatusUnreachable, answer.Sentence(err.Error())
	if !k.unwell {
		k.cfg.Log.Warn("clock", "err", err)
		k.unwell = true
	}
	if k.failures == 3 { // at boot the network comes up meanwhile
		k.cfg.Console.Say("clock", "clock: not synchronised: %v", err)
	}
	if errors.Is(err, errDisagrees) {
		k.cfg.Console.Say("clock", "clock: %v", err)
	}
	return pause
}

// lift brings a clock that is known to be behind up to the floor.
func (k *Keeper) lift(floor time.Time) {
	now := k.cfg.Clock.Now()
	if !now.Before(floor) {
		return
	}
	if k.step(floor.Sub(now), "") == nil {
		k.cfg.Log.Info("clock lifted", "before", now.UTC(), "after", floor.UTC())
		k.cfg.Console.Say("clock", "clock: it was %s, which cannot be; lifted to %s", stamp(now), stamp(floor))
		k.save()
	}
}

// step sets the clock, by a server or (empty) by what is known to be past.
func (k *Keeper) step(delta time.Duration, server string) error {
	before := k.cfg.Clock.Now()
	if err := k.cfg.Clock.Step(delta); err != nil {
		k.cfg.Log.Error("clock", "err", err)
		return err
	}
	k.history.step(before, before.Add(delta), server)
	for _, s := range k.sources {
		s.stepped(delta)
	}
	return nil
}

func (k *Keeper) save() {
	if err := k.history.save(k.state); err != nil {
		k.cfg.Log.Warn("clock", "err", err)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
