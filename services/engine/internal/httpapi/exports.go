package httpapi

import (
	"context"
	"net/http"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/export"
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

func (s *server) listExports(w http.ResponseWriter, r *http.Request) error {
	see := sightOf(r)
	answer.JSON(w, http.StatusOK, slices.DeleteFunc(s.Exports.List(), func(e api.Export) bool { return !see.seesExport(e) }))
	return nil
}

// export is the one in the path, if all that it holds is in sight.
func (s *server) export(r *http.Request) (api.Export, error) {
	e, err := s.Exports.Get(r.PathValue("export"))
	if err == nil && !sightOf(r).seesExport(e) {
		return api.Export{}, export.Unknown()
	}
	return e, err
}

func (s *server) addExport(w http.ResponseWriter, r *http.Request) error {
	var req api.ExportRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	for _, id := range req.Cameras {
		if !sightOf(r).sees(id) {
			return answer.Field("cameras", "no_camera", noCamera().Detail.Message)
		}
	}
	e, err := s.Exports.Create(r.Context(), req, user(r))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, e)
	return nil
}

func (s *server) getExport(w http.ResponseWriter, r *http.Request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, e)
	return nil
}

func (s *server) deleteExport(w http.ResponseWriter, r *http.Request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	if err := s.Exports.Remove(e.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) exportFile(w http.ResponseWriter, r *http.Request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	return s.Exports.Download(w, r, e.ID)
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
