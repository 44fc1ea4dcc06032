package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Triggers is where alarm recording is set off. Errors that are an *answer.Problem reach the client as they are.
type Triggers interface {
	Triggers(camera string, fromMs, toMs int64) ([]api.Trigger, error)
	Trigger(camera string, r api.TriggerRequest, by string) (api.TriggerAnswer, error)
	Force(camera string, seconds int, by string) error
	Unforce(camera, by string) error
}

func (s *server) listTriggers(w http.ResponseWriter, r *http.Request) error {
	id, from, to, err := cameraRange(r)
	if err != nil {
		return err
	}
	list, err := s.Triggers.Triggers(id, from, to)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, list)
	return nil
}

func (s *server) addTrigger(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	var req api.TriggerRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	a, err := s.Triggers.Trigger(id, req, user(r))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, a)
	return nil
}

func (s *server) force(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	var req api.ForcedRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if err := s.Triggers.Force(id, req.Seconds, user(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) unforce(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	if err := s.Triggers.Unforce(id, user(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
