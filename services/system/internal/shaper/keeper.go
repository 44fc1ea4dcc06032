package shaper

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"vigie/services/system/internal/links"
)

// sampling is between two looks at the counters, from which rates are made.
const sampling = 2 * time.Second

// Figures is what an interface does at the moment.
type Figures struct {
	Link   links.Link
	Limit  Limit
	TxBits int64 // a second; likewise the others
	RxBits int64
	// RouterBits leave by the router; known only where there is a limit.
	RouterBits int64
	Dropped    int64 // packets that did not fit, since the limit was set
	Problem    string
}

// Keeper keeps the limits of all interfaces.
type Keeper struct {
	*links.Duty[map[string]Limit] // by the interfaces' ids
	log                           *slog.Logger
	clock                         func() time.Time

	mu       sync.Mutex
	samples  map[int]sample // by index
	figures  map[int]Figures
	problems map[int]string
}

// sample are the counters at an instant.
type sample struct {
	at          time.Time
	tx, rx, far uint64
	dropped     int64
	shaped      bool
}

// New returns a keeper; nothing is touched until Run.
func New(log *slog.Logger) *Keeper {
	return &Keeper{
		Duty: links.NewDuty[map[string]Limit](), log: log, clock: time.Now,
		samples: map[int]sample{}, figures: map[int]Figures{}, problems: map[int]string{},
	}
}

// Run makes the limits so, and looks at the counters, until ctx is cancelled. Limits outlive it.
func (k *Keeper) Run(ctx context.Context) error { return k.Duty.Run(ctx, sampling, k.turn) }

// turn makes the kernel's trees right, and looks at the counters.
func (k *Keeper) turn() {
	limits, list := k.Asked()
	there := map[int]bool{}
	for _, l := range list {
		there[l.Index] = true
		limit := limits[l.ID]
		if l.Member { // its packets are the bond's
			limit = Limit{}
		}
		problem := ""
		if err := apply(l.Index, limit, l.Networks); err != nil {
			problem = err.Error()
		}
		k.look(l, limit, problem)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for index := range k.samples {
		if !there[index] {
			delete(k.samples, index)
			delete(k.figures, index)
			delete(k.problems, index)
		}
	}
}

// look takes a sample of an interface, and makes rates of it and the one before.
func (k *Keeper) look(l links.Link, limit Limit, problem string) {
	now, err := measure(l.Index)
	if err != nil && problem == "" {
		problem = err.Error()
	}
	now.at = k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.problems[l.Index] != problem && problem != "" {
		k.log.Error("bandwidth limit", "nic", l.Name, "err", problem)
	}
	k.problems[l.Index] = problem
	f := Figures{Link: l, Limit: limit, Problem: problem, Dropped: now.dropped}
	if before, ok := k.samples[l.Index]; ok && before.shaped == now.shaped && err == nil {
		f.TxBits, f.RxBits = rate(before.tx, now.tx, now.at.Sub(before.at)), rate(before.rx, now.rx, now.at.Sub(before.at))
		f.RouterBits = rate(before.far, now.far, now.at.Sub(before.at))
	}
	k.figures[l.Index] = f
	if err == nil {
		k.samples[l.Index] = now
	}
}

// rate is bits a second; a counter that went back was reset.
func rate(before, now uint64, d time.Duration) int64 {
	if now < before || d <= 0 {
		return 0
	}
	return int64(float64(now-before) * 8 / d.Seconds())
}

// measure reads an interface's counters.
func measure(index int) (sample, error) {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return sample{}, fmt.Errorf("read counters: %w", err)
	}
	var s sample
	if st := l.Attrs().Statistics; st != nil {
		s.tx, s.rx = st.TxBytes, st.RxBytes
	}
	if s.shaped, err = planted(l); err != nil || !s.shaped {
		return s, err
	}
	list, err := netlink.ClassList(l, 0)
	if err != nil {
		return s, fmt.Errorf("read counters: %w", err)
	}
	for _, c := range list {
		a := c.Attrs()
		if a.Statistics == nil {
			continue
		}
		switch a.Handle &^ root {
		case classAll:
			s.tx = a.Statistics.Basic.Bytes // with the headers of what the card cuts into packets
		case classRouter:
			s.far = a.Statistics.Basic.Bytes
		case neighboursSmall, neighboursLarge, routerSmall, routerLarge:
			s.dropped += int64(a.Statistics.Queue.Drops)
		}
	}
	return s, nil
}

// Figures says what each interface does, in the kernel's order.
func (k *Keeper) Figures() []Figures {
	limits, list := k.Asked()
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Figures
	for _, l := range list {
		f, ok := k.figures[l.Index]
		if !ok {
			f = Figures{Link: l, Limit: limits[l.ID]}
		}
		out = append(out, f)
	}
	return out
}
