package system

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/network"
)

const (
	// answerFirst is the time that the answer has to get out, once it is ready, before the network changes.
	answerFirst = time.Second
	// made is how long after its answer was ready a change is in force.
	made = answerFirst + 500*time.Millisecond
)

// networking answers what the API asks of the network: the settings in the API's words, plans, and the trial of a change.
type networking struct {
	observe bool
	trials  *trials
	keeper  *config.Keeper
	board   *board.Board
	start   func() // switches the cards on; nil but in rescue mode
}

// named is a configuration's network with an entry and a name for each card that is there.
func named(live []api.Interface, c sysconfig.Config) sysconfig.Network {
	var ids []string
	for _, i := range live {
		if i.Kind == api.InterfaceKindEthernet {
			ids = append(ids, i.ID)
		}
	}
	return c.Network.Named(ids)
}

func (n *networking) Network(context.Context) (api.Network, error) {
	c := n.keeper.Config()
	settings, err := settingsOf(c.Hostname, named(n.board.Status().Interfaces, c))
	if err != nil {
		return api.Network{}, err
	}
	return api.Network{Settings: settings, Version: edition(c), Trial: n.trials.running()}, nil
}

// StartNetwork switches the cards on that rescue mode has left off, until the restart. The firewall stays shut.
func (n *networking) StartNetwork(context.Context) error {
	if n.start == nil {
		return answer.Refuse(http.StatusConflict, "not_in_rescue_mode", "The network is on already: only rescue mode leaves it off.")
	}
	n.start()
	return nil
}

// PutNetwork puts settings on trial, or says what they would do: then also whether others have the addresses, which takes a
// second.
func (n *networking) PutNetwork(ctx context.Context, r api.NetworkRequest, by httpapi.Caller) (api.Plan, error) {
	plan, will, err := n.put(r, by)
	if err != nil || !r.DryRun || n.observe {
		return plan, err
	}
	for _, warning := range network.Rivals(ctx, will, n.board.Status().Interfaces) {
		plan.Steps = append(plan.Steps, api.PlanStep{Kind: api.PlanStepKindWarning, Text: warning})
	}
	return plan, nil
}

func (n *networking) put(r api.NetworkRequest, by httpapi.Caller) (plan api.Plan, will sysconfig.Network, err error) {
	n.trials.mu.Lock()
	defer n.trials.mu.Unlock()
	before := n.keeper.Config()
	if r.Version != "" && r.Version != edition(before) {
		return plan, will, answer.Refuse(http.StatusConflict, "changed", "Somebody else has changed the network meanwhile. Load the settings again, and make your change there.")
	}
	after, err := networkOf(r.Settings)
	if err != nil {
		return plan, will, err
	}
	next := before.Clone()
	next.Hostname, next.Network = r.Settings.Hostname, after
	// The names are the machine's to give.
	live := n.board.Status().Interfaces
	was := named(live, before)
	will = named(live, next)
	next.Network = will
	if err := next.Validate(); err != nil {
		return plan, will, fieldProblem(err)
	}
	open := webOpen(next)
	if used := inUse(will); len(used) > 0 && !slices.ContainsFunc(used, open) {
		return plan, will, answer.Field("settings.interfaces", "unreachable", "No interface would be in a zone in which the web admin is open. Leave one in such a zone, or open the web admin in another one first.")
	}
	p := network.NewPlan(was, will, live, by.Reached, network.Web{Open: open, Port: n.keeper.InForce().Web.At()})
	plan = api.Plan{Steps: p.Steps, LosesAddress: p.Loses, Urls: p.URLs}
	if next.Hostname != before.Hostname {
		plan.Steps = append(plan.Steps, api.PlanStep{Kind: api.PlanStepKindInfo, Text: nameStep(next.Hostname)})
	}
	if plan.Steps == nil {
		plan.Steps = []api.PlanStep{}
	}
	switch {
	case r.DryRun:
		return plan, will, nil
	case n.observe:
		return plan, will, answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; its network is not changed.")
	}
	if err := n.trials.free(api.TrialSubjectNetwork); err != nil {
		return plan, will, err
	}
	plan.Trial, err = n.trials.network(by, plan.Urls, func(c *sysconfig.Config) { c.Hostname, c.Network = next.Hostname, will.Clone() })
	if err != nil {
		return plan, will, fieldProblem(err)
	}
	return plan, will, nil
}

func (n *networking) ConfirmNetwork(ctx context.Context, by httpapi.Caller) error {
	return n.trials.confirm(ctx, api.TrialSubjectNetwork, by, func() error {
		has := func(i api.Interface) bool {
			return i.LinkLocal == by.Reached.WithZone("").String() ||
				slices.ContainsFunc(i.Addresses, func(s string) bool { p, err := netip.ParsePrefix(s); return err == nil && p.Addr() == by.Reached })
		}
		if by.Reached.IsValid() && !by.Reached.IsLoopback() && !slices.ContainsFunc(n.board.Status().Interfaces, has) {
			// No conflict, upon which web closes the connection: who asks may go back by it.
			return answer.Refuse(http.StatusPreconditionFailed, "old_address", "This was asked by an address that goes away. Open the web admin by its new address and confirm there.")
		}
		return nil
	})
}

func (n *networking) RollBackNetwork(context.Context) error {
	return n.trials.rollBack(api.TrialSubjectNetwork)
}

// inUse are the interfaces that have addresses of their own.
func inUse(n sysconfig.Network) (ids []string) {
	for _, p := range n.Ports() {
		if p.Enabled && p.Bond == "" {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

func nameStep(name string) string {
	if name == "" {
		return "The machine has its default name again."
	}
	return fmt.Sprintf("The machine is called %s.", name)
}

// fieldProblem makes a refusal of a *sysconfig.FieldError. Paths in the network's section are the request's.
func fieldProblem(err error) error {
	var field *sysconfig.FieldError
	if !errors.As(err, &field) {
		return err
	}
	path, ok := strings.CutPrefix(field.Field, "network.")
	if ok || field.Field == "hostname" {
		return answer.Field("settings."+path, "bad_network", field.Reason)
	}
	return answer.Field(field.Field, "bad_"+field.Field, field.Reason)
}

// edition changes with what can be edited.
func edition(c sysconfig.Config) string {
	b, _ := json.Marshal(struct { // of plain data: cannot fail
		Hostname string
		Network  sysconfig.Network
	}{c.Hostname, c.Network})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// settingsOf and networkOf go between the document and the API, which describe the same JSON.
func settingsOf(hostname string, n sysconfig.Network) (out api.NetworkSettings, err error) {
	err = same(n, &out)
	out.Hostname = hostname
	return out, err
}

func networkOf(s api.NetworkSettings) (out sysconfig.Network, err error) {
	s.Hostname = ""
	return out, same(s, &out)
}

func same(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// resetNetwork is what somebody asked for who started the machine: he stood there.
func resetNetwork(say *console.Console, log *slog.Logger) *config.Once {
	return &config.Once{Edit: (*sysconfig.Config).ResetNetwork, Told: func(err error) {
		if err != nil {
			log.Error("network settings are reset for this start alone", "err", err)
			say.Say("network", "network: no disk took the reset settings; at the next start they are those of before")
			return
		}
		log.Warn("network settings were reset")
		say.Say("network", "network: the settings were reset; the web admin is at its usual port, where DHCP or the console says")
	}}
}
