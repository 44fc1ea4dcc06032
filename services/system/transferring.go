package system

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/network"
	"vigie/services/system/systemapi"
)

// transferring takes a configuration that comes as a whole, perhaps from another machine. What could lock its administrator out, the
// network, what is open in it and the web admin's port, goes on trial as one change; the rest counts at once.
type transferring struct {
	*networking
	guard *guarding
}

// Settings is the saved configuration, with an entry for each card that there is: so that another machine sees that they are not its own.
func (t *transferring) Settings(context.Context) sysconfig.Config {
	c := t.keeper.Config()
	c.Network = named(t.board.Status().Interfaces, c)
	return c
}

// PutSettings puts a configuration in force, or says what that would do.
func (t *transferring) PutSettings(_ context.Context, r systemapi.Transfer, by httpapi.Caller) (out systemapi.Transferred, err error) {
	t.trials.mu.Lock()
	defer t.trials.mu.Unlock()
	if t.observe {
		return out, answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; its settings are not changed.")
	}
	if err := r.Config.Validate(); err != nil {
		return out, inFile(err)
	}
	before := t.keeper.Config()
	out = systemapi.Transferred{Changes: []string{}, LeftOut: []string{}}
	live := t.board.Status().Interfaces
	atOnce := func(c *sysconfig.Config) {
		next := r.Config.Clone()
		c.NTPServers, c.TimeZone, c.Time, c.HostWatch, c.SSH = next.NTPServers, next.TimeZone, next.Time, next.HostWatch, next.SSH
	}
	middle := before.Clone()
	atOnce(&middle)
	next := middle.Clone()
	next.Hostname = r.Config.Hostname
	if missing := away(r.Config, live); len(missing) > 0 {
		out.LeftOut = append(out.LeftOut, fmt.Sprintf("The network stays as it is, with what is open in it, its limits and the web admin's port: the file names network cards that this machine does not have (%s). Set it on the page Network.", strings.Join(missing, ", ")))
	} else {
		c := r.Config.Clone()
		next.Network, next.Firewall, next.Bandwidth, next.Web = c.Network, c.Firewall, c.Bandwidth, c.Web
	}
	if r.Steady {
		next = middle.Clone()
	}
	was := named(live, before)
	next.Network = named(live, next)
	if err := errors.Join(middle.Validate(), next.Validate()); err != nil {
		return out, inFile(err)
	}
	for _, service := range []string{sysconfig.ServiceWeb, "ssh"} {
		if err := t.guard.check(service, func(c *sysconfig.Config) { *c = next.Clone() }); err != nil {
			return out, inFile(err)
		}
	}
	open := webOpen(next)
	if used := inUse(next.Network); len(used) > 0 && !slices.ContainsFunc(used, open) {
		return out, answer.Refuse(http.StatusConflict, "unreachable", "With the network of the file no interface would be in a zone in which the web admin is open. Nothing was changed.")
	}
	p := network.NewPlan(was, next.Network, live, by.Reached, network.Web{Open: open, Port: next.Web.At()})
	out.Plan = api.Plan{Steps: p.Steps, LosesAddress: p.Loses || next.Web.At() != before.Web.At(), Urls: p.URLs}
	if out.Plan.Steps == nil {
		out.Plan.Steps = []api.PlanStep{}
	}
	if out.Plan.Urls == nil {
		out.Plan.Urls = []string{}
	}
	out.Changes = settled(before, next)
	tried := !alike(tryable(before, was), tryable(next, next.Network))
	if tried {
		out.Changes = append(out.Changes, tryingSays(before, was, next)...)
		out.Plan.Steps = append(out.Plan.Steps, api.PlanStep{Kind: api.PlanStepKindWarning, Text: "Name and network are on trial then: unless you confirm them within a minute, by the address that the machine has then, they are as before again."})
		if err := t.trials.free(api.TrialSubjectNetwork); err != nil {
			return out, err
		}
	}
	if r.DryRun {
		return out, nil
	}
	if !alike(before, middle) {
		if err := t.keeper.Change(atOnce); err != nil {
			return out, err
		}
	}
	if !tried {
		return out, nil
	}
	out.Plan.Trial, err = t.trials.network(by, out.Plan.Urls, func(c *sysconfig.Config) {
		n := next.Clone()
		c.Hostname, c.Network, c.Firewall, c.Bandwidth, c.Web = n.Hostname, n.Network, n.Firewall, n.Bandwidth, n.Web
	})
	return out, err
}

// away lists the cards that a configuration names and this machine has not, by name where there is one.
func away(c sysconfig.Config, live []api.Interface) []string {
	here := func(id string) bool {
		return slices.ContainsFunc(live, func(i api.Interface) bool { return i.ID == id })
	}
	var out []string
	for _, n := range c.Network.Interfaces {
		if !here(n.ID) {
			out = append(out, strings.TrimSpace(cmp.Or(n.Label, n.Name)+" "+n.ID))
		}
	}
	for _, b := range c.Network.Bonds {
		for _, m := range b.Members {
			if !here(m) && !slices.ContainsFunc(c.Network.Interfaces, func(n sysconfig.NIC) bool { return n.ID == m }) {
				out = append(out, m)
			}
		}
	}
	return out
}

// tryable is what goes on trial of a configuration.
func tryable(c sysconfig.Config, n sysconfig.Network) any {
	return struct {
		Hostname  string
		Network   sysconfig.Network
		Firewall  sysconfig.Firewall
		Bandwidth []sysconfig.BandwidthLimit `json:",omitempty"`
		Web       sysconfig.Web
	}{c.Hostname, n, c.Firewall, c.Bandwidth, c.Web}
}

// settled says what changes at once.
func settled(before, next sysconfig.Config) []string {
	out := []string{}
	if before.TimeZone != next.TimeZone {
		out = append(out, fmt.Sprintf("The time zone is %s, and was %s.", cmp.Or(next.TimeZone, "UTC"), cmp.Or(before.TimeZone, "UTC")))
	}
	if !slices.Equal(before.NTPServers, next.NTPServers) || !alike(before.Time, next.Time) {
		out = append(out, fmt.Sprintf("The clock is set as in the file: by %s.", cmp.Or(strings.Join(next.NTPServers, ", "), "the time servers that DHCP gives")))
	}
	if !alike(before.HostWatch, next.HostWatch) {
		out = append(out, "The hosts that are watched are those of the file.")
	}
	if !alike(before.SSH, next.SSH) {
		word := "off"
		if next.SSH.Enabled {
			word = "on"
		}
		out = append(out, fmt.Sprintf("SSH is %s, with the %d keys of the file.", word, len(next.SSH.Keys)))
	}
	return out
}

// tryingSays says what goes on trial besides what the network's plan says.
func tryingSays(before sysconfig.Config, was sysconfig.Network, next sysconfig.Config) []string {
	var out []string
	if before.Hostname != next.Hostname {
		out = append(out, nameStep(next.Hostname))
	}
	if !alike(was, next.Network) {
		out = append(out, "The network is set as in the file.")
	}
	if !alike(before.Firewall, next.Firewall) {
		out = append(out, "What is open in which zone is as in the file.")
	}
	if !slices.Equal(before.Bandwidth, next.Bandwidth) {
		out = append(out, "The limits of what interfaces send are those of the file.")
	}
	if before.Web != next.Web {
		out = append(out, fmt.Sprintf("The web admin is at port %d, and was at port %d.", next.Web.At(), before.Web.At()))
	}
	return out
}

// alike says whether both are stored as the same.
func alike(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// inFile words what is wrong with a configuration that came in a file.
func inFile(err error) error {
	var field *sysconfig.FieldError
	if errors.As(err, &field) {
		return answer.Refuse(http.StatusBadRequest, "bad_settings", fmt.Sprintf("The machine's settings in the file (%s): %s Nothing was changed.", field.Field, field.Reason))
	}
	return err
}
