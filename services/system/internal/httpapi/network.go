package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Caller is who asks, as the web service tells it.
type Caller struct {
	User    string
	Reached netip.Addr // the machine's own address by which the request came; not valid: not known
	Port    int        // at which it came; 0: not known
	// Connected is how long the connection has stood by which it came; 0: not known.
	Connected time.Duration
}

// TrialMachine is what the API can have done on trial: to the network, and to the firewall.
type TrialMachine interface {
	Network(ctx context.Context) (api.Network, error)
	PutNetwork(ctx context.Context, r api.NetworkRequest, by Caller) (api.Plan, error)
	ConfirmNetwork(ctx context.Context, by Caller) error
	RollBackNetwork(ctx context.Context) error
	StartNetwork(ctx context.Context) error
	PutFirewall(ctx context.Context, r api.FirewallRequest, by Caller) (api.Plan, error)
	ConfirmFirewall(ctx context.Context, by Caller) error
	RollBackFirewall(ctx context.Context) error
	PutWebPort(ctx context.Context, r api.WebPortRequest, by Caller) (api.Plan, error)
	ConfirmWebPort(ctx context.Context, by Caller) error
	RollBackWebPort(ctx context.Context) error
	// TrialLeft is the time until a trial ends.
	TrialLeft() time.Duration
}

func caller(r *http.Request) Caller {
	reached, _ := netip.ParseAddr(r.Header.Get("Vigie-Reached")) // not valid when it is not told
	port, _ := strconv.Atoi(r.Header.Get("Vigie-Reached-Port"))
	ms, _ := strconv.ParseInt(r.Header.Get("Vigie-Connected-Ms"), 10, 64)
	return Caller{User: cmp.Or(r.Header.Get("Vigie-User"), "unknown"), Reached: reached.Unmap(), Port: port, Connected: time.Duration(ms) * time.Millisecond}
}

func (s *server) network(w http.ResponseWriter, r *http.Request) error {
	n, err := s.machine.Network(r.Context())
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, n)
	return nil
}

func (s *server) putNetwork(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		api.NetworkRequest
		Settings *api.NetworkSettings `json:"settings"` // absent is not "everything by default"
	}
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req.Settings == nil {
		return answer.Field("settings", "missing", "Give the settings of the network, all of them.")
	}
	req.NetworkRequest.Settings = *req.Settings
	plan, err := s.machine.PutNetwork(r.Context(), req.NetworkRequest, caller(r))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, plan)
	return nil
}

func (s *server) confirmNetwork(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.ConfirmNetwork(r.Context(), caller(r)))
}

func (s *server) rollBackNetwork(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.RollBackNetwork(r.Context()))
}

func (s *server) startNetwork(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.StartNetwork(r.Context()))
}
