package system

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/atomicfile"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/firewall"
	"vigie/services/system/internal/links"
	"vigie/services/system/internal/shaper"
	"vigie/services/system/systemapi"
)

// reserved are ports that the engine may not have opened as the relay's: whoever takes it over must not get at what else
// might listen there.
var reserved = []int{22, 80, 123, 161, 443, 5353}

// guarding is what keeps networks apart and limits what they are sent: the configuration, as rules and limits.
type guarding struct {
	observe bool
	file    string // what the engine said last about the relay's ports; lives as long as the machine runs
	keeper  *config.Keeper
	board   *board.Board
	trials  *trials
	rules   *firewall.Keeper
	limits  *shaper.Keeper
	log     *slog.Logger

	mu     sync.Mutex
	shut   bool             // at boot: nothing is opened yet
	closed bool             // rescue mode: nothing ever is; set before run
	config sysconfig.Config // as applied last
	relay  api.RelayPorts
	links  []links.Link
}

func newGuarding(o options, b *board.Board, log *slog.Logger) *guarding {
	g := &guarding{observe: o.watchNetwork(), board: b, file: filepath.Join(o.runDir, "relay-ports.json"), rules: firewall.New("/proc/sys", log), limits: shaper.New(log), log: log}
	if err := g.remember(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("relay's ports", "err", err)
	}
	return g
}

// remember reads what the engine said to an earlier run of the service.
func (g *guarding) remember() error {
	b, err := os.ReadFile(g.file)
	if err != nil {
		return err
	}
	var ports api.RelayPorts
	if err := json.Unmarshal(b, &ports); err != nil {
		return err
	}
	if err := checkRelayPorts(ports); err != nil {
		return err
	}
	g.relay = ports
	return nil
}

// apply makes rules and limits of a configuration. The rules are in force when it returns, for all interfaces that there are:
// a service that is restarted must not take one of the cameras' for one that it does not know.
func (g *guarding) apply(c sysconfig.Config) {
	if list, err := links.List(); err != nil {
		g.log.Warn("interfaces", "err", err)
	} else {
		g.setLinks(list)
	}
	g.mu.Lock()
	g.config = c
	limits := map[string]shaper.Limit{}
	for _, l := range c.Bandwidth {
		limits[l.Interface] = shaper.Limit{Kbps: l.Kbps, RouterKbps: l.RouterKbps}
	}
	settings := g.settings()
	g.mu.Unlock()
	if g.observe {
		return
	}
	g.rules.Configure(settings)
	g.rules.Apply()
	g.limits.Configure(limits)
}

// settings are the firewall's; the caller holds mu.
func (g *guarding) settings() firewall.Settings {
	s := firewall.Settings{Zones: map[string]firewall.Zone{}}
	for id, zones := range g.config.Network.ZonesOf() {
		s.Zones[id] = firewall.ZoneOf(zones)
	}
	for _, service := range sysconfig.Services() {
		if g.shut || !g.enabled(service) {
			continue
		}
		for _, p := range portsOf(service, g.config, g.relay) {
			for _, z := range g.config.Firewall.OpenIn(service) {
				s.Openings = append(s.Openings, firewall.Opening{
					Protocol: firewall.Protocol(p.Protocol), First: uint16(p.First), Last: uint16(p.Last), Zone: firewall.Zone(z),
				})
			}
		}
	}
	return s
}

// enabled says whether a service is switched on; the caller holds mu.
func (g *guarding) enabled(service string) bool {
	switch service {
	case "ntp":
		return g.config.ServesTime()
	case "ssh":
		return g.config.SSH.Enabled
	case "relay":
		return len(g.relay.TCP)+len(g.relay.UDP) > 0
	}
	return true
}

// checkedChange edits the configuration, unless the service whose section it is would get another's port.
func (g *guarding) checkedChange(service string, edit func(*sysconfig.Config)) error {
	if err := g.check(service, edit); err != nil {
		return err
	}
	return g.keeper.Change(edit)
}

// check tells why an edit cannot be made: neither now, nor when what is on trial has been rolled back, may the service have
// another's port.
func (g *guarding) check(service string, edit func(*sysconfig.Config)) error {
	g.mu.Lock()
	relay := g.relay
	g.mu.Unlock()
	for _, next := range []sysconfig.Config{g.keeper.Config(), g.keeper.InForce()} {
		edit(&next)
		if err := next.Validate(); err != nil {
			return err
		}
		if err := clash(service, next, relay); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps every service shut until open: at boot, while the configuration with the zones has not been looked for on the
// volumes, a network of cameras is not known from an office. Nobody misses anything: the web admin has no accounts before that
// either, and who sends pictures was asked for them.
func (g *guarding) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// open opens what the configuration says; in rescue mode nothing.
func (g *guarding) open() {
	if g.closed {
		return
	}
	g.mu.Lock()
	was, c := g.shut, g.config
	g.shut = false
	g.mu.Unlock()
	if was {
		g.apply(c)
	}
}

// run follows the interfaces until ctx is cancelled.
func (g *guarding) run(ctx context.Context) error {
	if g.observe {
		return nil
	}
	// A machine whose disks are not all looked at stays shut: the configuration may be on one, and web waits for them as long.
	late := time.AfterFunc(systemapi.SettleWithin, g.open)
	defer late.Stop()
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { _ = g.rules.Run(ctx) })
	parts.Go(func() { _ = g.limits.Run(ctx) })
	links.Watch(ctx, g.setLinks, func(err error) { g.log.Warn("interfaces", "err", err) })
	return nil
}

func (g *guarding) setLinks(list []links.Link) {
	g.mu.Lock()
	g.links = list
	g.mu.Unlock()
	g.rules.SetLinks(list)
	g.limits.SetLinks(list)
}

// name is what people call an interface; the caller holds mu.
func (g *guarding) name(l links.Link) string {
	for _, c := range g.config.Network.Interfaces {
		if c.ID == l.ID && c.Name != "" {
			return c.Name
		}
	}
	return l.Name
}

// Firewall is how the firewall is.
func (g *guarding) Firewall(context.Context) (api.Firewall, error) {
	state := firewall.State{}
	if !g.observe {
		state = g.rules.State()
	}
	listening, err := firewall.Listening("/proc/net")
	if err != nil {
		g.log.Warn("what listens", "err", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	out := api.Firewall{Active: !g.observe, Problem: state.Problem, Services: []api.FirewallService{}, Zones: []api.FirewallZone{}, Restored: []api.RestoredSetting{}}
	for _, id := range sysconfig.Services() {
		s := api.FirewallService{ID: api.FirewallServiceID(id), Enabled: g.enabled(id), Zones: zones(g.config.Firewall.OpenIn(id)), UsualZones: zones(sysconfig.UsualZones(id)), Ports: []api.PortRange{}}
		for _, p := range portsOf(id, g.config, g.relay) {
			s.Ports = append(s.Ports, p)
			for n := p.First; n <= p.Last; n++ {
				s.Listening = s.Listening || listening[firewall.Port{Protocol: firewall.Protocol(p.Protocol), Number: uint16(n)}]
			}
		}
		out.Services = append(out.Services, s)
	}
	for _, z := range firewall.Zones() {
		zone := api.FirewallZone{ID: api.FirewallZoneID(z), Interfaces: []string{}, Dropped: []api.DroppedPackets{}}
		for _, l := range state.Links {
			if of := state.Zones[l.ID]; !l.Member && (of == z || of == "" && z == firewall.Both) {
				zone.Interfaces = append(zone.Interfaces, g.name(l))
			}
		}
		if counts := state.Counts[z]; counts != nil {
			for _, r := range firewall.Reasons() {
				zone.Dropped = append(zone.Dropped, api.DroppedPackets{Reason: api.DroppedPacketsReason(r), Packets: int64(counts[r].Packets), Bytes: int64(counts[r].Bytes)})
			}
		}
		out.Zones = append(out.Zones, zone)
	}
	for _, r := range state.Restored {
		out.Restored = append(out.Restored, api.RestoredSetting{AtMs: r.At.UnixMilli(), Setting: r.Setting})
	}
	return out, nil
}

func zones(names []string) []api.Zone {
	out := []api.Zone{}
	for _, n := range names {
		out = append(out, api.Zone(n))
	}
	return out
}

// SetRelayPorts takes the engine's word for where the relay listens.
func (g *guarding) SetRelayPorts(_ context.Context, p api.RelayPorts) error {
	if err := checkRelayPorts(p); err != nil {
		return err
	}
	saved, tried := g.keeper.Config(), g.keeper.InForce() // either may come to stay
	g.mu.Lock()
	if err := cmp.Or(free(p, saved, g.relay), free(p, tried, g.relay)); err != nil || p.DryRun {
		g.mu.Unlock()
		return err
	}
	same := slices.Equal(p.TCP, g.relay.TCP) && slices.Equal(p.UDP, g.relay.UDP)
	g.relay = p
	c := g.config
	g.mu.Unlock()
	if same {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(g.file, b, 0o640); err != nil {
		return fmt.Errorf("remember the relay's ports: %w", err)
	}
	g.apply(c)
	return nil
}

func checkRelayPorts(p api.RelayPorts) error {
	if len(p.TCP) > 4 || len(p.UDP) > 8 {
		return answer.Field("tcp", "bad_ports", "The relay has four ports of TCP and eight of UDP at most.")
	}
	for field, list := range map[string][]int{"tcp": p.TCP, "udp": p.UDP} {
		for _, n := range list {
			if n < 1 || n > 65535 || slices.Contains(reserved, n) {
				return answer.Field(field, "bad_ports", fmt.Sprintf("The relay cannot have port %d.", n))
			}
		}
	}
	return nil
}

func observing(what string) error {
	return answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; "+what+".")
}

// refused words a refusal of the configuration for the API.
func refused(err error) error {
	var field *sysconfig.FieldError
	if errors.As(err, &field) {
		return answer.Field(field.Field, "bad_value", field.Reason)
	}
	return err
}
