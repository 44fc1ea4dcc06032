package system

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/firewall"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/network"
)

// PutFirewall chooses in which zones services are open, on trial, or says what that would do.
func (g *guarding) PutFirewall(_ context.Context, r api.FirewallRequest, by httpapi.Caller) (api.Plan, error) {
	f, err := firewallOf(r)
	if err != nil {
		return api.Plan{}, err
	}
	g.trials.mu.Lock()
	defer g.trials.mu.Unlock()
	before := g.keeper.Config()
	next := before.Clone()
	next.Firewall = f
	if err := refused(next.Validate()); err != nil {
		return api.Plan{}, err
	}
	plan := g.plan(before, next, by)
	switch {
	case !g.reachable(next):
		return api.Plan{}, answer.Field("firewall.services.web", "unreachable", "No network card of this machine is in a zone in which the web admin would be open. Open it in another zone, or put a card into this one first.")
	case r.DryRun:
		return plan, nil
	case g.observe:
		return api.Plan{}, observing("its firewall is not changed")
	}
	if err := g.trials.free(api.TrialSubjectFirewall); err != nil {
		return api.Plan{}, err
	}
	plan.Trial, err = g.trials.begin(api.TrialSubjectFirewall, by, plan.Urls, 0, func(c *sysconfig.Config) { c.Firewall = f.Clone() })
	return plan, refused(err)
}

// ConfirmFirewall keeps what is on trial.
func (g *guarding) ConfirmFirewall(ctx context.Context, by httpapi.Caller) error {
	return g.trials.confirm(ctx, api.TrialSubjectFirewall, by, func() error { return nil })
}

// RollBackFirewall goes back now.
func (g *guarding) RollBackFirewall(context.Context) error {
	return g.trials.rollBack(api.TrialSubjectFirewall)
}

func firewallOf(r api.FirewallRequest) (sysconfig.Firewall, error) {
	f := sysconfig.Firewall{}
	for _, s := range r.Services {
		if _, twice := f.Services[s.ID]; twice {
			return f, answer.Field("services", "bad_services", fmt.Sprintf("%s is there twice.", s.ID))
		}
		if f.Services == nil {
			f.Services = map[string][]string{}
		}
		f.Services[s.ID] = append([]string{}, s.Zones...)
	}
	return f, refused(f.Validate())
}

// plan tells what a change of the firewall does, and whether who asks would be locked out.
func (g *guarding) plan(before, after sysconfig.Config, by httpapi.Caller) api.Plan {
	live := g.board.Status().Interfaces
	n := named(live, before)
	p := network.NewPlan(n, n, live, by.Reached, network.Web{Open: webOpen(after), Port: after.Web.At()})
	plan := api.Plan{Steps: append([]api.PlanStep{}, p.Steps...), LosesAddress: p.Loses, Urls: p.URLs}
	for _, id := range sysconfig.Services() {
		was, will := before.Firewall.OpenIn(id), after.Firewall.OpenIn(id)
		title := strings.ToUpper(serviceNames[id][:1]) + serviceNames[id][1:]
		if opened := lacking(will, was); len(opened) > 0 {
			plan.Steps = append(plan.Steps, api.PlanStep{Kind: api.PlanStepKindInfo, Text: fmt.Sprintf("%s is opened in the zone %s.", title, strings.Join(opened, " and the zone "))})
		}
		if shut := lacking(was, will); len(shut) > 0 {
			plan.Steps = append(plan.Steps, api.PlanStep{Kind: api.PlanStepKindWarning, Text: fmt.Sprintf("%s is shut in the zone %s; who is connected from there stays so.", title, strings.Join(shut, " and the zone "))})
		}
	}
	return plan
}

// lacking are those of a list that another one lacks.
func lacking(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// webOpen says on which interfaces, by id, the web admin is open.
func webOpen(c sysconfig.Config) func(id string) bool {
	zones, open := c.Network.ZonesOf(), c.Firewall.OpenIn(sysconfig.ServiceWeb)
	return func(id string) bool {
		z := firewall.ZoneOf(zones[id])
		return z == firewall.Both || slices.Contains(open, string(z))
	}
}

// reachable tells whether the web admin would be open on any interface that there is.
func (g *guarding) reachable(c sysconfig.Config) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	open, none := webOpen(c), true
	for _, l := range g.links {
		if !l.Member {
			none = false
			if open(l.ID) {
				return true
			}
		}
	}
	return none
}
