package httpapi

import (
	"errors"
	"net/http"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/deletion"
)

func (s *server) listDeletions(w http.ResponseWriter, r *http.Request) error {
	answer.JSON(w, http.StatusOK, s.deletions(r))
	return nil
}

// deletions are those of which all cameras are in sight.
func (s *server) deletions(r *http.Request) []api.Deletion {
	see := sightOf(r)
	return slices.DeleteFunc(s.Archive.Deletions(), func(d api.Deletion) bool {
		return slices.ContainsFunc(d.Cameras, func(id string) bool { return !see.sees(id) })
	})
}

// mostCameras bounds what one deletion names.
const mostCameras = 1024

func (s *server) planDeletion(w http.ResponseWriter, r *http.Request) error {
	var req api.DeletionRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if len(req.Cameras) > mostCameras {
		return answer.Field("cameras", "too_many", "A deletion can name 1024 cameras at most.")
	}
	for _, id := range req.Cameras {
		if err := cameraField(r, "cameras", id); err != nil {
			return err
		}
	}
	p, err := s.Archive.PlanDeletion(req, user(r))
	if err != nil {
		return refusedDeletion(err)
	}
	answer.JSON(w, http.StatusOK, p)
	return nil
}

func (s *server) addDeletion(w http.ResponseWriter, r *http.Request) error {
	var req api.DeletionConfirmation
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	d, err := s.Archive.Delete(req.Plan, req.Segments, user(r))
	if err != nil {
		return refusedDeletion(err)
	}
	answer.JSON(w, http.StatusCreated, d)
	return nil
}

func (s *server) stopDeletion(w http.ResponseWriter, r *http.Request) error {
	if !slices.ContainsFunc(s.deletions(r), func(d api.Deletion) bool { return d.ID == r.PathValue("deletion") }) {
		return refusedDeletion(deletion.ErrUnknown)
	}
	if err := s.Archive.StopDeletion(r.PathValue("deletion"), user(r)); err != nil {
		return refusedDeletion(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// refusedDeletion is what a client is told of an error of the archive.
func refusedDeletion(err error) error {
	var no *deletion.Problem
	switch {
	case errors.Is(err, deletion.ErrUnknown):
		return answer.Refuse(http.StatusNotFound, "no_deletion", "There is no such deletion.")
	case errors.Is(err, deletion.ErrEnded):
		return answer.Refuse(http.StatusConflict, "ended", "The deletion has ended already; what is gone is gone.")
	case errors.As(err, &no) && no.Field == "":
		return answer.Refuse(http.StatusConflict, no.Code, no.Message)
	case errors.As(err, &no):
		return answer.Field(no.Field, no.Code, no.Message)
	}
	return err
}
