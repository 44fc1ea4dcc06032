package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/manifest"
)

// Exports is where recordings are taken away. Errors that are an *answer.Problem reach the client as they are.
type Exports interface {
	List() []api.Export
	Create(ctx context.Context, r api.ExportRequest, by string) (api.Export, error)
	Get(id string) (api.Export, error)
	Remove(id string) error
	Download(w http.ResponseWriter, r *http.Request, id string) error
	SigningKey() (api.SigningKey, error)
}

func (s *server) listExports(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.Exports.List())
	return nil
}

func (s *server) addExport(w http.ResponseWriter, r *http.Request) error {
	var req api.ExportRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	e, err := s.Exports.Create(r.Context(), req, user(r))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, e)
	return nil
}

func (s *server) getExport(w http.ResponseWriter, r *http.Request) error {
	e, err := s.Exports.Get(r.PathValue("export"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, e)
	return nil
}

func (s *server) deleteExport(w http.ResponseWriter, r *http.Request) error {
	if err := s.Exports.Remove(r.PathValue("export")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) exportFile(w http.ResponseWriter, r *http.Request) error {
	return s.Exports.Download(w, r, r.PathValue("export"))
}

func (s *server) signingKey(w http.ResponseWriter, _ *http.Request) error {
	k, err := s.Exports.SigningKey()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, k)
	return nil
}

// verifyPage is to be saved: it verifies what this appliance has signed where this appliance is not.
func (s *server) verifyPage(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="verify.html"`)
	_, err := w.Write(manifest.Page)
	return err
}
