package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/sysconfig"
	"vigie/services/system/systemapi"
)

// TransferMachine gives the configuration away as a whole, and takes it as a whole.
type TransferMachine interface {
	Settings(ctx context.Context) sysconfig.Config
	PutSettings(ctx context.Context, r systemapi.Transfer, by Caller) (systemapi.Transferred, error)
}

func (s *server) settings(w http.ResponseWriter, r *http.Request) error {
	answer.JSON(w, http.StatusOK, s.machine.Settings(r.Context()))
	return nil
}

func (s *server) putSettings(w http.ResponseWriter, r *http.Request) error {
	var req systemapi.Transfer
	if err := answer.ReadWithin(w, r, &req, systemapi.MaxSettings); err != nil {
		return err
	}
	out, err := s.machine.PutSettings(r.Context(), req, caller(r))
	if err == nil {
		answer.JSON(w, http.StatusOK, out)
	}
	return err
}
