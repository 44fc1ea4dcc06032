package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

func (s *server) firewall(w http.ResponseWriter, r *http.Request) error {
	f, err := s.machine.Firewall(r.Context())
	if err == nil {
		answer.JSON(w, http.StatusOK, f)
	}
	return err
}

func (s *server) putFirewall(w http.ResponseWriter, r *http.Request) error {
	var req api.FirewallRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req.Services == nil {
		return answer.Field("services", "missing", "Give the list of services; an empty one means that all are in their usual zones.")
	}
	plan, err := s.machine.PutFirewall(r.Context(), req, caller(r))
	if err == nil {
		answer.JSON(w, http.StatusOK, plan)
	}
	return err
}

func (s *server) confirmFirewall(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.ConfirmFirewall(r.Context(), caller(r)))
}

func (s *server) rollBackFirewall(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.RollBackFirewall(r.Context()))
}

func (s *server) putWebPort(w http.ResponseWriter, r *http.Request) error {
	var req api.WebPortRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	plan, err := s.machine.PutWebPort(r.Context(), req, caller(r))
	if err == nil {
		answer.JSON(w, http.StatusOK, plan)
	}
	return err
}

func (s *server) confirmWebPort(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.ConfirmWebPort(r.Context(), caller(r)))
}

func (s *server) rollBackWebPort(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.RollBackWebPort(r.Context()))
}

func (s *server) setRelayPorts(w http.ResponseWriter, r *http.Request) error {
	var req api.RelayPorts
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return done(w, s.machine.SetRelayPorts(r.Context(), req))
}

func (s *server) bandwidth(w http.ResponseWriter, r *http.Request) error {
	list, err := s.machine.Bandwidth(r.Context())
	if err == nil {
		answer.JSON(w, http.StatusOK, list)
	}
	return err
}

func (s *server) setBandwidth(w http.ResponseWriter, r *http.Request) error {
	var req []api.BandwidthLimit
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req == nil {
		return answer.Field("", "missing", "Give the list of limits; an empty one takes all away.")
	}
	return done(w, s.machine.SetBandwidth(r.Context(), req))
}
