package firewall

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/services/system/internal/links"
)

// watching is between two looks whether rules and settings are still what they should be.
const watching = 5 * time.Second

// maxRestored is how many changes of settings are remembered.
const maxRestored = 20

// Settings is what is asked of the machine's firewall.
type Settings struct {
	Zones    map[string]Zone // of interfaces, by id; others are in both
	Openings []Opening
}

// Restored is a setting of the kernel that was not as it must be, and was made so again.
type Restored struct {
	At      time.Time
	Setting string // and what it was
}

// State is how the firewall is.
type State struct {
	Problem  string // why it does not protect as it should, for people; empty: it does
	Links    []links.Link
	Zones    map[string]Zone // as in Settings
	Counts   map[Zone]map[string]Count
	Restored []Restored // the newest last
}

// Keeper keeps rules and settings right while interfaces and wishes change. Its methods may be called from any goroutine.
type Keeper struct {
	proc string // /proc/sys
	log  *slog.Logger
	wake chan struct{}

	applying sync.Mutex // serialises what is done to the kernel; guards table
	table    *Table

	mu       sync.Mutex
	settings Settings
	links    []links.Link
	state    State
	secured  bool // settings were looked at before
}

// New returns a keeper; nothing is touched until Apply or Run. proc is where the kernel's settings are, /proc/sys.
func New(proc string, log *slog.Logger) *Keeper {
	return &Keeper{proc: proc, log: log, wake: make(chan struct{}, 1)}
}

// Configure says what is asked. It is applied by Run, or by Apply at once.
func (k *Keeper) Configure(s Settings) {
	k.mu.Lock()
	k.settings = Settings{maps.Clone(s.Zones), slices.Clone(s.Openings)}
	k.mu.Unlock()
	k.hint()
}

// SetLinks says what interfaces there are.
func (k *Keeper) SetLinks(list []links.Link) {
	k.mu.Lock()
	k.links = slices.Clone(list)
	k.mu.Unlock()
	k.hint()
}

func (k *Keeper) hint() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx is cancelled. The rules outlive it.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(watching)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.wake:
		case <-tick.C:
		}
		k.Apply()
	}
}

// Apply makes rules and settings what they should be. What goes wrong is logged once, shown in the state, and tried again
// by Run: a machine whose kernel has no packet filter records all the same.
func (k *Keeper) Apply() {
	k.applying.Lock()
	defer k.applying.Unlock()
	k.secure()
	problem := ""
	if err := k.apply(); err != nil {
		problem = "The firewall's rules cannot be set: " + err.Error() + "."
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if problem != k.state.Problem {
		if problem == "" {
			k.log.Info("firewall works again")
		} else {
			k.log.Error("firewall", "err", problem)
		}
	}
	k.state.Problem = problem
}

func (k *Keeper) apply() error {
	c := k.config()
	if err := c.Check(); err != nil {
		return err
	}
	if k.table == nil {
		t, err := NewTable()
		if err != nil {
			return err
		}
		k.table = t
	}
	changed, err := k.table.Apply(Rules(c))
	if changed {
		var in []string
		for _, n := range c.Interfaces {
			in = append(in, fmt.Sprintf("%s=%s", n.Name, n.Zone))
		}
		k.log.Info("firewall rules changed", "interfaces", strings.Join(in, " "), "openings", len(c.Openings))
	}
	return err
}

// config is what is asked, of the interfaces that there are.
func (k *Keeper) config() Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := Config{Openings: slices.Clone(k.settings.Openings)}
	for _, l := range k.links {
		zone := k.settings.Zones[l.ID]
		if zone == "" {
			zone = Both
		}
		c.Interfaces = append(c.Interfaces, Interface{Name: l.Name, Zone: zone, Networks: l.Networks})
	}
	return c
}

// secure looks after the kernel's settings. The first look is no news: a new interface, or a machine that was not started
// by our init, has its own.
func (k *Keeper) secure() {
	changed, err := Secure(k.proc)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && !k.secured {
		k.log.Error("kernel settings", "err", err)
	}
	for _, c := range changed {
		if !k.secured {
			break
		}
		k.log.Warn("kernel setting restored", "setting", c)
		k.state.Restored = append(k.state.Restored, Restored{time.Now(), c})
		if n := len(k.state.Restored); n > maxRestored {
			k.state.Restored = slices.Clone(k.state.Restored[n-maxRestored:])
		}
	}
	k.secured = true
}

// State says how the firewall is, with counters of this moment.
func (k *Keeper) State() State {
	k.applying.Lock()
	defer k.applying.Unlock()
	var counts map[Zone]map[string]Count
	var err error
	if k.table != nil {
		counts, err = k.table.Counts()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Counts = counts
	s.Links, s.Zones = slices.Clone(k.links), maps.Clone(k.settings.Zones)
	s.Restored = slices.Clone(s.Restored)
	if s.Problem == "" && err != nil {
		s.Problem = "The firewall's counters cannot be read: " + err.Error() + "."
	}
	return s
}
