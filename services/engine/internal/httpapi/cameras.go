package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Cameras is where cameras are looked up and changed. Errors that are an *answer.Problem reach the client as they are.
type Cameras interface {
	List() ([]api.Camera, error)
	Get(id string) (api.Camera, error)
	Add(r api.CameraRequest) (api.Camera, error)
	Change(id string, r api.CameraRequest) (api.Camera, error)
	Remove(id string) error
	Test(ctx context.Context, r api.CameraTestRequest) (api.CameraTest, error)
}

func (s *server) listCameras(w http.ResponseWriter, r *http.Request) error {
	cams, err := s.Cameras.List()
	if err != nil {
		return err
	}
	see := sightOf(r)
	cams = within(see, cams, func(c api.Camera) string { return c.ID })
	for i, c := range cams {
		cams[i] = see.describe(c)
	}
	answer.JSON(w, http.StatusOK, cams)
	return nil
}

func (s *server) addCamera(w http.ResponseWriter, r *http.Request) error {
	var req api.CameraRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	cam, err := s.Cameras.Add(req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, cam)
	return nil
}

func (s *server) testCamera(w http.ResponseWriter, r *http.Request) error {
	var req api.CameraTestRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	found, err := s.Cameras.Test(r.Context(), req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, found)
	return nil
}

func (s *server) getCamera(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	cam, err := s.Cameras.Get(id)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, sightOf(r).describe(cam))
	return nil
}

func (s *server) putCamera(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	var req api.CameraRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	cam, err := s.Cameras.Change(id, req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, cam)
	return nil
}

func (s *server) deleteCamera(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	if err := s.Cameras.Remove(id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
