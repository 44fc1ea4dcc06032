package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/network"
)

// Ports that the kernel gives to the machine's own connections (net.ipv4.ip_local_port_range): one of them may be in use at
// the moment at which the web admin is to listen there.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// unopened are ports at which no browser opens a page, lest it be made to speak to another service ("bad port" of the Fetch
// standard).
var unopened = []int{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119,
	123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
	993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

// PutWebPort has the web admin listen elsewhere, on trial, or says what that would do.
func (g *guarding) PutWebPort(_ context.Context, r api.WebPortRequest, by httpapi.Caller) (api.Plan, error) {
	g.trials.mu.Lock()
	defer g.trials.mu.Unlock()
	edit := func(c *sysconfig.Config) {
		c.Web.Port = r.Port
		if r.Port == sysconfig.WebPort {
			c.Web.Port = 0
		}
	}
	if err := g.webPort(r.Port, edit); err != nil {
		return api.Plan{}, err
	}
	before := g.keeper.Config()
	after := before.Clone()
	edit(&after)
	plan := g.planPort(before, after, by)
	switch {
	case r.DryRun:
		return plan, nil
	case g.observe:
		return api.Plan{}, observing("where its web admin listens is not changed")
	}
	if err := g.trials.free(api.TrialSubjectWebPort); err != nil {
		return api.Plan{}, err
	}
	var err error
	plan.Trial, err = g.trials.begin(api.TrialSubjectWebPort, by, plan.Urls, made, edit)
	return plan, portRefused(err)
}

// webPort refuses a port that the web admin cannot have, or at which it would not be found.
func (g *guarding) webPort(port int, edit func(*sysconfig.Config)) error {
	switch {
	case port < 1 || port > 65535:
		return answer.Field("port", "bad_port", "Choose a port from 1 to 65535; 443 is the usual one.")
	case slices.Contains(unopened, port):
		return answer.Field("port", "bad_port", fmt.Sprintf("Browsers open no pages at port %d, as it is another protocol's. Choose another one, for example 8443.", port))
	case port >= firstEphemeral && port <= lastEphemeral:
		return answer.Field("port", "bad_port", fmt.Sprintf("Ports from %d to %d are for the machine's own connections. Choose another one, for example 8443.", firstEphemeral, lastEphemeral))
	}
	return portRefused(g.check(sysconfig.ServiceWeb, edit))
}

func portRefused(err error) error {
	var field *sysconfig.FieldError
	if errors.As(err, &field) {
		return answer.Field(field.Name(), "bad_port", field.Reason)
	}
	return err
}

// planPort tells what another port does. Who asks loses no address; but nobody finds the page where it was.
func (g *guarding) planPort(before, after sysconfig.Config, by httpapi.Caller) api.Plan {
	was, will := before.Web.At(), after.Web.At()
	live := g.board.Status().Interfaces
	n := named(live, before)
	plan := api.Plan{Steps: []api.PlanStep{}, Urls: network.NewPlan(n, n, live, by.Reached, network.Web{Open: webOpen(after), Port: will}).URLs}
	if was == will {
		return plan
	}
	plan.LosesAddress = true
	where := ""
	if len(plan.Urls) > 0 {
		where = " Afterwards open " + plan.Urls[0] + " and confirm there."
	}
	return withSteps(plan,
		api.PlanStep{Kind: api.PlanStepKindDanger, Text: fmt.Sprintf("The web admin moves from port %d to port %d.%s", was, will, where)},
		api.PlanStep{Kind: api.PlanStepKindInfo, Text: fmt.Sprintf("The firewall opens port %d for it and shuts port %d; who is connected stays so.", will, was)},
		api.PlanStep{Kind: api.PlanStepKindWarning, Text: "Bookmarks, and other programs that use the API, need the new port."})
}

func withSteps(p api.Plan, steps ...api.PlanStep) api.Plan {
	p.Steps = append(p.Steps, steps...)
	return p
}

// ConfirmWebPort keeps the port that is on trial, if this was asked by it.
func (g *guarding) ConfirmWebPort(ctx context.Context, by httpapi.Caller) error {
	return g.trials.confirm(ctx, api.TrialSubjectWebPort, by, func() error {
		now := g.keeper.InForce().Web.At()
		if by.Port == 0 || by.Port == now {
			return nil
		}
		at := net.JoinHostPort("...", strconv.Itoa(now))
		if urls := g.board.Status().Trial.Urls; len(urls) > 0 {
			if u, err := url.Parse(urls[0]); err == nil {
				at = u.Host
			}
		}
		// No conflict, upon which web closes the connection: who asks may go back by it.
		return answer.Refuse(http.StatusPreconditionFailed, "old_port", fmt.Sprintf("This was asked by port %d. Open the web admin by its new port, https://%s/, and confirm there.", by.Port, at))
	})
}

// RollBackWebPort goes back now.
func (g *guarding) RollBackWebPort(context.Context) error {
	return g.trials.rollBack(api.TrialSubjectWebPort)
}
