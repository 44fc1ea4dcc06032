package system

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/firewall"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/links"
	"vigie/services/system/internal/netnstest"
)

// guardedMachine is a machine of a test: a namespace with an interface in each zone.
type guardedMachine struct {
	*guarding
	t  *testing.T
	ns *netnstest.Namespace
	id [2]string
}

func newGuardedMachine(t *testing.T) *guardedMachine {
	t.Helper()
	m := &guardedMachine{t: t, ns: netnstest.New(t, "guarded")}
	peer := netnstest.New(t, "peer")
	netnstest.Wire(t, m.ns, "lan1", peer, "eth0")
	netnstest.Wire(t, m.ns, "lan2", peer, "eth1")
	m.ns.Up(t, "lan1", "10.1.0.1/24")
	m.ns.Up(t, "lan2", "10.2.0.1/24")
	m.restart(t.TempDir())
	list := m.guarding.links
	m.id = [2]string{list[slices.IndexFunc(list, func(l links.Link) bool { return l.Name == "lan1" })].ID, list[slices.IndexFunc(list, func(l links.Link) bool { return l.Name == "lan2" })].ID}
	return m
}

// restart begins as the service does.
func (m *guardedMachine) restart(dir string) {
	m.t.Helper()
	m.ns.Do(m.t, func() error {
		log := slog.New(slog.DiscardHandler)
		b := board.New(time.Now(), api.Status{})
		m.guarding = newGuarding(options{runDir: dir}, b, log)
		m.keeper = config.New(dir, m.apply, time.Now, log)
		m.guarding.trials = &trials{keeper: m.keeper, board: b, console: console.New(io.Discard), log: log}
		return m.keeper.Open()
	})
}

// zones puts the interfaces into these.
func (m *guardedMachine) zones(one, two string) {
	m.t.Helper()
	m.ns.Do(m.t, func() error {
		return m.keeper.Change(func(c *sysconfig.Config) {
			c.Network.Interfaces = []sysconfig.NIC{{ID: m.id[0], Zones: strings.Fields(one)}, {ID: m.id[1], Name: "lan2", Zones: strings.Fields(two)}}
		})
	})
}

func (m *guardedMachine) do(f func() error) error {
	m.t.Helper()
	var err error
	m.ns.Do(m.t, func() error { err = f(); return nil })
	return err
}

func (m *guardedMachine) openings() []firewall.Opening {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings().Openings
}

func (m *guardedMachine) state() (f api.Firewall) {
	m.t.Helper()
	m.ns.Do(m.t, func() (err error) {
		f, err = m.Firewall(m.t.Context())
		return err
	})
	if f.Problem != "" {
		m.t.Error(f.Problem)
	}
	return f
}

func TestTheFirewallFollowsZonesServicesAndTheRelay(t *testing.T) {
	m := newGuardedMachine(t)
	dir := m.file[:strings.LastIndex(m.file, "/")]
	if f := m.state(); !f.Active || len(f.Zones[2].Interfaces) != 2 || len(f.Zones[0].Interfaces) != 0 {
		t.Errorf("a machine that nobody configured: %+v", f.Zones)
	}
	m.zones("office", "cameras")
	f := m.state()
	if got := f.Zones; !slices.Equal(got[0].Interfaces, []string{"lan1"}) || !slices.Equal(got[1].Interfaces, []string{"lan2"}) || len(got[2].Interfaces) != 0 {
		t.Errorf("zones %+v", got)
	}
	if len(f.Zones[0].Dropped) != len(firewall.Reasons()) {
		t.Errorf("counters %+v", f.Zones[0].Dropped)
	}
	web := firewall.Opening{Protocol: firewall.TCP, First: 443, Last: 443, Zone: firewall.Office}
	if !slices.Contains(m.openings(), web) {
		t.Errorf("the web admin is not open: %+v", m.openings())
	}

	if err := m.do(func() error { return m.SetRelayPorts(t.Context(), api.RelayPorts{TCP: []int{8554}, UDP: []int{}}) }); err != nil {
		t.Fatal(err)
	}
	request := api.FirewallRequest{}
	if err := json.Unmarshal([]byte(`{"services":[{"id":"relay","zones":["cameras"]}]}`), &request); err != nil {
		t.Fatal(err)
	}
	put := func(dry bool) {
		t.Helper()
		request.DryRun = dry
		err := m.do(func() error { _, err := m.PutFirewall(t.Context(), request, httpapi.Caller{}); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	before := m.openings()
	put(true)
	if !slices.Equal(m.openings(), before) {
		t.Errorf("a dry run opens %+v", m.openings())
	}
	put(false)
	if slices.Equal(m.openings(), before) {
		t.Error("what is on trial is not in force")
	}
	m.restart(dir)
	if !slices.Equal(m.openings(), before) {
		t.Errorf("a restart leaves what was on trial: %+v", m.openings())
	}
	put(false)
	if err := m.do(func() error { return m.ConfirmFirewall(t.Context(), httpapi.Caller{}) }); err != nil {
		t.Fatal(err)
	}
	relay := firewall.Opening{Protocol: firewall.TCP, First: 8554, Last: 8554, Zone: firewall.Cameras}
	if !slices.Contains(m.openings(), relay) {
		t.Errorf("the relay is not open: %+v", m.openings())
	}
	ntp := firewall.Opening{Protocol: firewall.UDP, First: 123, Last: 123, Zone: firewall.Cameras}
	if !slices.Contains(m.openings(), ntp) {
		t.Errorf("cameras cannot ask for the time: %+v", m.openings())
	}
	off := false
	m.ns.Do(t, func() error {
		return m.keeper.Change(func(c *sysconfig.Config) { c.Time.Server.Enabled = &off })
	})
	if slices.Contains(m.openings(), ntp) {
		t.Errorf("the time is open though nobody serves it: %+v", m.openings())
	}
	m.restart(dir)
	if !slices.Contains(m.openings(), relay) || !slices.Contains(m.openings(), web) {
		t.Errorf("after a restart of the service: %+v", m.openings())
	}
}

func TestAFirewallThatLocksOutIsRefused(t *testing.T) {
	m := newGuardedMachine(t)
	m.zones("office", "office")
	before := m.openings()
	for body, reason := range map[string]string{
		`{"services":[{"id":"web","zones":[]}]}`:                                         "one zone at least",
		`{"services":[{"id":"web","zones":["cameras"]}]}`:                                "No network card",
		`{"services":[{"id":"web","zones":["dmz"]}]}`:                                    "no zone",
		`{"services":[{"id":"nfs","zones":["office"]}]}`:                                 "no service",
		`{"services":[{"id":"web","zones":["office"]},{"id":"web","zones":["office"]}]}`: "twice",
	} {
		var request api.FirewallRequest
		if err := json.Unmarshal([]byte(body), &request); err != nil {
			t.Fatal(err)
		}
		err := m.do(func() error { _, err := m.PutFirewall(t.Context(), request, httpapi.Caller{}); return err })
		var problem *answer.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Error(), reason) {
			t.Errorf("%s: %v, want %q", body, err, reason)
		}
	}
	if !slices.Equal(before, m.openings()) {
		t.Errorf("what was refused changed something: %+v", m.openings())
	}
}

func TestTheRelayGetsNoPortOfOthers(t *testing.T) {
	m := newGuardedMachine(t)
	for _, p := range []api.RelayPorts{{TCP: []int{443}}, {TCP: []int{22}}, {UDP: []int{123}}, {TCP: []int{0}}, {TCP: []int{70000}}, {TCP: []int{1, 2, 3, 4, 5}}} {
		if err := m.do(func() error { return m.SetRelayPorts(t.Context(), p) }); err == nil {
			t.Errorf("%+v is opened", p)
		}
	}
}

// TestNothingIsOpenUntilTheDisksHaveBeenLookedAt: which network is which is known from there only.
func TestNothingIsOpenUntilTheDisksHaveBeenLookedAt(t *testing.T) {
	m := newGuardedMachine(t)
	m.hold()
	m.zones("office", "cameras") // brought by the first volume
	if got := m.openings(); len(got) != 0 {
		t.Errorf("open while there may be more: %+v", got)
	}
	m.ns.Do(t, func() error { m.open(); return nil })
	if web := (firewall.Opening{Protocol: firewall.TCP, First: 443, Last: 443, Zone: firewall.Office}); !slices.Contains(m.openings(), web) {
		t.Errorf("the web admin is not open: %+v", m.openings())
	}
	if p := m.state().Problem; p != "" {
		t.Error(p)
	}
}
