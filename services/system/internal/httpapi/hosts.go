package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

func (s *server) hosts(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.machine.Hosts())
	return nil
}

func (s *server) setHosts(w http.ResponseWriter, r *http.Request) error {
	var req api.HostWatchRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req.Hosts == nil {
		return answer.Field("hosts", "missing", "Give the list of hosts; an empty list means that the gateways alone are watched.")
	}
	return done(w, s.machine.SetHosts(r.Context(), req))
}

func (s *server) hostHistory(w http.ResponseWriter, r *http.Request) error {
	history, err := s.machine.HostHistory(r.PathValue("address"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, history)
	return nil
}
