package firewall

import (
	"context"
	"fmt"
	"log/slog"
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
	Problem  string          // why it does not protect as it should, for people; empty: it does
	Links    []links.Link    // to be read only
	Zones    map[string]Zone // as in Settings, likewise
	Counts   map[Zone]map[string]Count
	Restored []Restored // the newest last
}

// Keeper keeps rules and settings right while interfaces and wishes change. What is asked is applied by Run, or by Apply at
// once. Its methods may be called from any goroutine.
type Keeper struct {
	*links.Duty[Settings]
	proc string // /proc/sys
	log  *slog.Logger

	applying sync.Mutex // serialises what is done to the kernel; guards table
	table    *Table

	mu      sync.Mutex
	state   State
	secured bool // settings were looked at before
}

// New returns a keeper; nothing is touched until Apply or Run. proc is where the kernel's settings are, /proc/sys.
func New(proc string, log *slog.Logger) *Keeper {
	return &Keeper{Duty: links.NewDuty[Settings](), proc: proc, log: log}
}

// Run works until ctx is cancelled. The rules outlive it.
func (k *Keeper) Run(ctx context.Context) error { return k.Duty.Run(ctx, watching, k.Apply) }

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
	settings, list := k.Asked()
	c := Config{Openings: slices.Clone(settings.Openings)}
	for _, l := range list {
		zone := settings.Zones[l.ID]
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
	settings, list := k.Asked()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Counts, s.Links, s.Zones = counts, list, settings.Zones
	s.Restored = slices.Clone(s.Restored)
	if s.Problem == "" && err != nil {
		s.Problem = "The firewall's counters cannot be read: " + err.Error() + "."
	}
	return s
}
