// Package clock keeps the machine's time: it asks NTP servers, decides which of them can be right, steps the clock at
// the first synchronisation and slews it from then on, and sees to the battery clock.
//
// Nothing waits for it: a machine without servers records by the clock it has. Before the first synchronisation the
// clock is lifted to the latest instant that is known to be past (the image's build, the newest recording), so that a
// machine with a dead battery does not record in the year 2000; and no server is believed that names a time before
// the image was built. A recording is no such limit for servers: one that was made while the clock was wrong must not
// keep it wrong for ever.
//
// Run owns the clock; the other methods only hand it news. Choice, decision and poll interval are pure functions; the
// kernel's clock and the network are given in.
package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/console"
)

// Hands are what moves a clock.
type Hands interface {
	Now() time.Time
	Synchronised() bool
	Step(delta time.Duration) error
	Slew(offset, distance, poll time.Duration) error
	SetRTC() error
}

// Config is what a keeper is made with.
type Config struct {
	Clock   Hands
	Query   Query
	Built   time.Time // of the image; zero when not known
	Boot    []string  // servers from the boot option
	Observe bool      // change nothing
	Publish func(api.Clock)
	Console *console.Console
	Log     *slog.Logger
}

const (
	firstRetry = 2 * time.Second
	mostRetry  = 64 * time.Second
	rtcEvery   = time.Hour
	// futureMost bounds how long after the image was built a recording can have been made.
	futureMost = 10 * 365 * 24 * time.Hour
)

// Keeper keeps one clock.
type Keeper struct {
	cfg  Config
	news chan struct{} // holds one: something below changed

	mu         sync.Mutex
	configured []string
	offered    []string
	floor      time.Time

	// The rest belongs to Run.
	state    api.Clock
	synced   bool
	poll     time.Duration
	last     time.Duration // offset at the last exchange
	rtc      time.Time
	failures int
}

// New returns a keeper; nothing is touched until Run.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg, news: make(chan struct{}, 1), floor: cfg.Built, poll: minPoll}
}

// Configure sets the servers that the administrator chose; none means others' choice.
func (k *Keeper) Configure(servers []string) { k.tell(&k.configured, servers) }

// Offer sets the servers that DHCP gives.
func (k *Keeper) Offer(servers []string) { k.tell(&k.offered, servers) }

func (k *Keeper) tell(list *[]string, servers []string) {
	k.mu.Lock()
	same := slices.Equal(*list, servers)
	*list = slices.Clone(servers)
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

// servers are those in use: the administrator's, the boot option's, or DHCP's.
func (k *Keeper) servers() (use, configured []string, floor time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, list := range [][]string{k.configured, k.cfg.Boot, k.offered} {
		if len(list) > 0 {
			use = list
			break
		}
	}
	return slices.Clone(use), slices.Clone(k.configured), k.floor
}

// Run keeps the clock until ctx is cancelled.
func (k *Keeper) Run(ctx context.Context) error {
	k.state = api.Clock{Status: api.ClockStatusWaiting}
	if k.cfg.Observe {
		k.state.Status = api.ClockStatusObserve
	} else {
		k.synced = k.cfg.Clock.Synchronised() // by this service before it was restarted
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

// round asks all servers once, acts, and returns the pause until the next round.
func (k *Keeper) round(ctx context.Context) time.Duration {
	use, configured, floor := k.servers()
	if !slices.Equal(use, k.state.Servers) {
		k.failures, k.poll = 0, minPoll
		k.state.Server, k.state.Reason = "", ""
		if !k.cfg.Observe {
			k.state.Status = api.ClockStatusWaiting
		}
	}
	k.state.Servers, k.state.ConfiguredServers = use, configured
	defer func() { k.cfg.Publish(k.state) }()
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
	k.cfg.Publish(k.state)
	samples, refusals := k.ask(ctx, use)
	if ctx.Err() != nil {
		return 0
	}
	choice, err := k.choose(samples, refusals)
	if err != nil {
		return k.failed(err)
	}
	k.failures = 0
	return k.follow(choice)
}

// ask asks all servers at the same time and returns the answers in the servers' order.
func (k *Keeper) ask(ctx context.Context, servers []string) (samples []Sample, refusals []string) {
	burst := 1
	if !k.synced {
		burst = 4
	}
	answers, errs := make([]Sample, len(servers)), make([]error, len(servers))
	var wait sync.WaitGroup
	for i, s := range servers {
		wait.Go(func() { answers[i], errs[i] = k.cfg.Query(ctx, s, burst) })
	}
	wait.Wait()
	for i, s := range answers {
		if errs[i] != nil {
			refusals = append(refusals, fmt.Sprintf("%s: %v", servers[i], errs[i]))
		} else {
			samples = append(samples, s)
		}
	}
	return samples, refusals
}

// choose picks an answer. One that names a time before the image was built is not listened to.
func (k *Keeper) choose(samples []Sample, refusals []string) (Choice, error) {
	now := k.cfg.Clock.Now()
	samples = slices.DeleteFunc(samples, func(s Sample) bool {
		early := now.Add(s.Offset).Before(k.cfg.Built)
		if early {
			refusals = append(refusals, s.Server+": names a time before this version of Vigie was built")
		}
		return early
	})
	choice, err := Choose(samples, k.state.Server)
	if err != nil && len(refusals) > 0 {
		err = fmt.Errorf("%w (%s)", err, strings.Join(refusals, "; "))
	}
	return choice, err
}

func (k *Keeper) failed(err error) time.Duration {
	k.failures++
	k.state.Status, k.state.Reason = api.ClockStatusUnreachable, upper(err.Error())+"."
	if k.failures == 1 {
		k.cfg.Log.Warn("clock", "err", err)
	}
	if k.failures == 3 { // at boot the network comes up meanwhile
		k.cfg.Console.Say("clock", "clock: not synchronised: %v", err)
	}
	if errors.Is(err, errDisagrees) {
		k.cfg.Console.Say("clock", "clock: %v", err)
	}
	pause := firstRetry
	for range min(k.failures-1, 6) {
		pause *= 2
	}
	return min(pause, mostRetry)
}

// lift brings a clock that is known to be behind up to the floor.
func (k *Keeper) lift(floor time.Time) {
	now := k.cfg.Clock.Now()
	if !now.Before(floor) {
		return
	}
	if k.step(floor.Sub(now)) == nil {
		k.cfg.Log.Info("clock lifted", "before", now.UTC(), "after", floor.UTC())
		k.cfg.Console.Say("clock", "clock: it was %s, which cannot be; lifted to %s", stamp(now), stamp(floor))
	}
}

func (k *Keeper) step(delta time.Duration) error {
	err := k.cfg.Clock.Step(delta)
	if err != nil {
		k.cfg.Log.Error("clock", "err", err)
	}
	return err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
