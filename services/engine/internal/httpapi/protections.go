package httpapi

import (
	"cmp"
	"errors"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/protection"
)

// user is who asks, as web says.
func user(r *http.Request) string { return cmp.Or(r.Header.Get("Vigie-User"), "unknown") }

func (s *server) usage(w http.ResponseWriter, _ *http.Request) error {
	list, err := s.Usage()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, list)
	return nil
}

func (s *server) listProtections(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("camera")
	if id != "" {
		if err := cameraField(r, "camera", id); err != nil {
			return err
		}
	}
	list, err := s.Archive.Protections(id)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, within(sightOf(r), list, func(p api.Protection) string { return p.Camera }))
	return nil
}

// seesProtection refuses what is about a protection of a camera out of sight, as if there were none.
func (s *server) seesProtection(r *http.Request) error {
	see := sightOf(r)
	if !see.limited {
		return nil
	}
	list, err := s.Archive.Protections("")
	if err != nil {
		return err
	}
	for _, p := range within(see, list, func(p api.Protection) string { return p.Camera }) {
		if p.ID == r.PathValue("protection") {
			return nil
		}
	}
	return refused(protection.ErrUnknown)
}

func (s *server) addProtection(w http.ResponseWriter, r *http.Request) error {
	var req api.ProtectionRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if err := cameraField(r, "camera", req.Camera); err != nil {
		return err
	}
	p, err := s.Archive.Protect(req, user(r))
	if err != nil {
		return refused(err)
	}
	answer.JSON(w, http.StatusCreated, p)
	return nil
}

func (s *server) putProtection(w http.ResponseWriter, r *http.Request) error {
	var req api.ProtectionChange
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if err := s.seesProtection(r); err != nil {
		return err
	}
	p, err := s.Archive.Reprotect(r.PathValue("protection"), req, user(r))
	if err != nil {
		return refused(err)
	}
	answer.JSON(w, http.StatusOK, p)
	return nil
}

// refused is what a client is told of an error of the archive.
func refused(err error) error {
	var no *protection.Problem
	switch {
	case errors.Is(err, protection.ErrUnknown):
		return answer.Refuse(http.StatusNotFound, "no_protection", "There is no such protection; it may have ended or been lifted.")
	case errors.As(err, &no) && no.Field == "":
		return answer.Refuse(http.StatusConflict, no.Code, no.Message)
	case errors.As(err, &no):
		return answer.Field(no.Field, no.Code, no.Message)
	}
	return err
}

func (s *server) deleteProtection(w http.ResponseWriter, r *http.Request) error {
	if err := s.seesProtection(r); err != nil {
		return err
	}
	if err := s.Archive.Lift(r.PathValue("protection"), user(r)); err != nil {
		return refused(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
