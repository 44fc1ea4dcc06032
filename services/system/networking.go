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
	"sync"
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
	// trialLimit is how long a change of the network waits to be confirmed.
	trialLimit = time.Minute
	// answerFirst is the time that the answer has to get out before the network changes.
	answerFirst = time.Second
	// made is how long after it was asked for a change is in force, so that to be reached proves something.
	made = answerFirst + 500*time.Millisecond
)

// networking answers what the API asks of the network: the settings in the API's words, plans, and the trial of a change.
type networking struct {
	observe bool
	keeper  *config.Keeper
	board   *board.Board
	delay   func(time.Duration) // of the next change; network.Manager's
	console *console.Console
	log     *slog.Logger

	mu   sync.Mutex // over plan and trial, so that what is tried is what was planned
	ends time.Time  // of the trial, if there is one; the board's own lock orders what is shown
}

// named is a configuration's network with an entry and a name for each card that is there.
func (n *networking) named(c sysconfig.Config) sysconfig.Network {
	var ids []string
	for _, i := range n.board.Status().Interfaces {
		if i.Kind == api.InterfaceKindEthernet {
			ids = append(ids, i.ID)
		}
	}
	return c.Network.Named(ids)
}

func (n *networking) Network(context.Context) (api.Network, error) {
	c := n.keeper.Config()
	settings, err := settingsOf(c.Hostname, n.named(c))
	if err != nil {
		return api.Network{}, err
	}
	return api.Network{Settings: settings, Version: edition(c), Trial: n.trial()}, nil
}

// trial is what is on trial, with the time that is left.
func (n *networking) trial() api.NetworkTrial {
	t := n.board.Status().NetworkTrial
	if t.EndsMs != 0 {
		left := n.TrialLeft()
		t.LeftMs, t.EndsMs = left.Milliseconds(), time.Now().Add(left).UnixMilli()
	}
	return t
}

// TrialLeft does not go by the clock, which may be set as soon as the new network has a time server.
func (n *networking) TrialLeft() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(time.Until(n.ends), 0)
}

func (n *networking) PutNetwork(_ context.Context, r api.NetworkRequest, by httpapi.Caller) (api.NetworkPlan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.keeper.Config()
	if r.Version != "" && r.Version != edition(before) {
		return api.NetworkPlan{}, answer.Refuse(http.StatusConflict, "changed", "Somebody else has changed the network meanwhile. Load the settings again, and make your change there.")
	}
	after, err := networkOf(r.Settings)
	if err != nil {
		return api.NetworkPlan{}, err
	}
	next := before.Clone()
	next.Hostname, next.Network = r.Settings.Hostname, after
	// The names are the machine's to give.
	was, will := n.named(before), n.named(next)
	next.Network = will
	if err := next.Validate(); err != nil {
		return api.NetworkPlan{}, fieldProblem(err)
	}
	p := network.NewPlan(was, will, n.board.Status().Interfaces, by.Reached)
	plan := api.NetworkPlan{Steps: p.Steps, LosesAddress: p.Loses, Urls: p.URLs}
	if next.Hostname != before.Hostname {
		plan.Steps = append(plan.Steps, api.NetworkStep{Kind: api.NetworkStepKindInfo, Text: nameStep(next.Hostname)})
	}
	if plan.Steps == nil {
		plan.Steps = []api.NetworkStep{}
	}
	switch {
	case r.DryRun:
		return plan, nil
	case n.observe:
		return api.NetworkPlan{}, answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; its network is not changed.")
	}
	n.delay(answerFirst)
	err = n.keeper.Try(func(c *sysconfig.Config) { c.Hostname, c.Network = next.Hostname, will.Clone() }, trialLimit, n.ended)
	if err != nil {
		return api.NetworkPlan{}, fieldProblem(err)
	}
	n.ends = time.Now().Add(trialLimit)
	plan.Trial = api.NetworkTrial{EndsMs: n.ends.UnixMilli(), LeftMs: trialLimit.Milliseconds(), User: by.User, Urls: plan.Urls}
	n.board.SetNetworkTrial(plan.Trial)
	n.log.Info("network on trial", "user", by.User)
	n.console.Say("network", "network: changed by %s on trial; it is rolled back in %.0f s unless confirmed in the web admin", by.User, trialLimit.Seconds())
	return plan, nil
}

// ended tells how a trial went.
func (n *networking) ended(kept bool) {
	n.board.SetNetworkTrial(api.NetworkTrial{})
	word := "rolled back"
	if kept {
		word = "confirmed"
	}
	n.log.Info("network", "trial", word)
	n.console.Say("network", "network: the change was %s", word)
}

func (n *networking) ConfirmNetwork(ctx context.Context, by httpapi.Caller) error {
	if err := n.inForce(ctx); err != nil {
		return err
	}
	has := func(i api.Interface) bool {
		return i.LinkLocal == by.Reached.WithZone("").String() ||
			slices.ContainsFunc(i.Addresses, func(s string) bool { p, err := netip.ParsePrefix(s); return err == nil && p.Addr() == by.Reached })
	}
	if by.Reached.IsValid() && !by.Reached.IsLoopback() && !slices.ContainsFunc(n.board.Status().Interfaces, has) {
		return answer.Refuse(http.StatusConflict, "old_address", "This was asked by an address that goes away. Open the web admin by its new address and confirm there.")
	}
	err := n.keeper.Confirm()
	if errors.Is(err, config.ErrNoTrial) {
		return answer.Refuse(http.StatusConflict, "no_trial", "No change of the network waits to be confirmed: it was rolled back, or confirmed already.")
	}
	if err == nil {
		n.log.Info("network confirmed", "user", by.User)
	}
	return err
}

// inForce waits until what is on trial has been made.
func (n *networking) inForce(ctx context.Context) error {
	n.mu.Lock()
	wait := time.Until(n.ends.Add(made - trialLimit))
	n.mu.Unlock()
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *networking) RollBackNetwork(context.Context) error {
	if err := n.keeper.RollBack(); err != nil {
		return answer.Refuse(http.StatusConflict, "no_trial", "No change of the network is on trial.")
	}
	return nil
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
