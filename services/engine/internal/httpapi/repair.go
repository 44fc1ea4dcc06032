package httpapi

import (
	"errors"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/repair"
)

// Repair checks the database and builds it anew: repair.Repairer.
type Repair interface {
	State() api.Repair
	Begin(action api.RepairRequestAction, by string) (api.Repair, error)
}

// Mending is the API in rescue mode: the repair of the database, and nothing else.
func Mending(r Repair) http.Handler {
	s := &server{Parts{Repair: r}}
	return answer.Mux("engine", answer.Routes{
		"GET /v1/recording/repair":  s.getRepair,
		"POST /v1/recording/repair": s.repairDatabase,
	})
}

func (s *server) getRepair(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.Repair.State())
	return nil
}

func (s *server) repairDatabase(w http.ResponseWriter, r *http.Request) error {
	var req api.RepairRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if !req.Action.Valid() {
		return answer.Field("action", "bad_action", "The action must be check, copies or files.")
	}
	state, err := s.Repair.Begin(req.Action, user(r))
	if errors.Is(err, repair.ErrBusy) {
		return answer.Refuse(http.StatusConflict, "running", "A repair is running already. Wait until it has ended.")
	}
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusAccepted, state)
	return nil
}
