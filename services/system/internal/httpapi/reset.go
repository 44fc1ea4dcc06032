package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// ResetMachine is what the API can have done about all that was ever set.
type ResetMachine interface {
	// FactoryReset has nothing changed when it returns an error, unless that says otherwise.
	FactoryReset(ctx context.Context, r api.FactoryReset, by Caller) error
}

func (s *server) factoryReset(w http.ResponseWriter, r *http.Request) error {
	var req api.FactoryReset
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.FactoryReset(r.Context(), req, caller(r)))
}
