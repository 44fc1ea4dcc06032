package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

func (s *server) install(w http.ResponseWriter, r *http.Request) error {
	var req api.InstallRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.Install(r.Context(), r.PathValue("disk"), req))
}

func (s *server) installation(w http.ResponseWriter, r *http.Request) error {
	installation, err := s.machine.Installation(r.Context())
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, installation)
	return nil
}
