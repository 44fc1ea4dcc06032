// Package httpapi answers the paths of internal/api/openapi.yaml that are tagged "engine", over the engine's unix
// socket. It reads and checks requests and words refusals; what is to be done is done by the parts it is given.
//
// It authenticates nobody: the socket's mode (0660, group vigie) says who may ask, and web checks sessions and rights before
// it proxies. To the cameras that web says who asks may see it keeps itself (see sight). Handlers run in net/http's goroutines.
package httpapi

import (
	"errors"
	"maps"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/archive"
)

// Parts is what the API is made of.
type Parts struct {
	Cameras   Cameras
	Triggers  Triggers
	Calendars Calendars
	Archive   Archive
	Ledger    Ledger
	Relay     Relay
	RelayBook RelayBook
	// Past is the answer to GET /cameras/past.
	Past func() ([]api.PastCamera, error)
	// History is the answer to GET /cameras/{camera}/history.
	History func(camera, stream string, fromMs, toMs int64) (api.History, error)
	// Recording is the answer to GET /recording.
	Recording func() api.Recording
	// Usage is the answer to GET /recording/usage.
	Usage func() ([]api.CameraUsage, error)
	Live  func(w http.ResponseWriter, r *http.Request, cameraID string)
	Media func(w http.ResponseWriter, r *http.Request, cameraID string)
	// Keyframe answers GET /cameras/{camera}/keyframe.
	Keyframe func(w http.ResponseWriter, r *http.Request, cameraID string)
	// Exports is where recordings are taken away.
	Exports Exports
	// Repair checks the database and builds it anew.
	Repair Repair
}

type server struct{ Parts }

// New returns the handler.
func New(p Parts) http.Handler {
	s := &server{p}
	routes := answer.Routes{
		"GET /v1/cameras":                     s.listCameras,
		"POST /v1/cameras":                    s.addCamera,
		"POST /v1/cameras/test":               s.testCamera,
		"GET /v1/cameras/past":                s.pastCameras,
		"GET /v1/cameras/{camera}":            s.getCamera,
		"PUT /v1/cameras/{camera}":            s.putCamera,
		"DELETE /v1/cameras/{camera}":         s.deleteCamera,
		"GET /v1/cameras/{camera}/live":       s.live,
		"GET /v1/cameras/{camera}/media":      s.media,
		"GET /v1/cameras/{camera}/keyframe":   s.keyframe,
		"GET /v1/cameras/{camera}/history":    s.history,
		"GET /v1/cameras/{camera}/timeline":   s.timeline,
		"GET /v1/cameras/{camera}/overview":   s.overview,
		"GET /v1/cameras/{camera}/days":       s.days,
		"GET /v1/cameras/{camera}/coverage":   s.coverage,
		"GET /v1/coverage":                    s.allCoverage,
		"GET /v1/segments/{segment}/file":     s.segmentFile,
		"GET /v1/recording":                   s.recording,
		"PUT /v1/recording/volumes/{volume}":  s.putVolume,
		"GET /v1/recording/usage":             s.usage,
		"GET /v1/recording/repair":            s.getRepair,
		"POST /v1/recording/repair":           s.repairDatabase,
		"GET /v1/protections":                 s.listProtections,
		"POST /v1/protections":                s.addProtection,
		"PUT /v1/protections/{protection}":    s.putProtection,
		"DELETE /v1/protections/{protection}": s.deleteProtection,
		"GET /v1/deletions":                   s.listDeletions,
		"POST /v1/deletions":                  s.addDeletion,
		"POST /v1/deletions/plan":             s.planDeletion,
		"DELETE /v1/deletions/{deletion}":     s.stopDeletion,
		"GET /v1/exports":                     s.listExports,
		"POST /v1/exports":                    s.addExport,
		"GET /v1/exports/key":                 s.signingKey,
		"GET /v1/exports/verify.html":         s.verifyPage,
		"GET /v1/exports/{export}":            s.getExport,
		"DELETE /v1/exports/{export}":         s.deleteExport,
		"GET /v1/exports/{export}/file":       s.exportFile,
		"GET /v1/cameras/{camera}/triggers":   s.listTriggers,
		"POST /v1/cameras/{camera}/triggers":  s.addTrigger,
		"POST /v1/cameras/{camera}/forced":    s.force,
		"DELETE /v1/cameras/{camera}/forced":  s.unforce,
		"GET /v1/calendars":                   s.listCalendars,
		"POST /v1/calendars":                  s.addCalendar,
		"PUT /v1/calendars/{calendar}":        s.putCalendar,
		"DELETE /v1/calendars/{calendar}":     s.deleteCalendar,
		"GET /v1/holidays":                    s.getHolidays,
		"PUT /v1/holidays":                    s.putHolidays,
	}
	maps.Copy(routes, s.relayRoutes())
	return answer.Mux("engine", routes)
}

func (s *server) live(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err == nil {
		s.Live(w, r, id)
	}
	return err
}

func (s *server) media(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err == nil {
		s.Media(w, r, id)
	}
	return err
}

func (s *server) keyframe(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err == nil {
		s.Keyframe(w, r, id)
	}
	return err
}

func (s *server) recording(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.Recording())
	return nil
}

func (s *server) putVolume(w http.ResponseWriter, r *http.Request) error {
	var req api.RecordingVolumeRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req.LimitPercent != nil && (*req.LimitPercent < 10 || *req.LimitPercent > 99) {
		return answer.Field("limitPercent", "bad_limit", "The limit must be between 10 and 99 percent.")
	}
	if w := req.WarnPercent; w != nil && *w != 0 && (*w < 10 || *w > 99) {
		return answer.Field("warnPercent", "bad_limit", "The warning must be between 10 and 99 percent, or 0 for none.")
	}
	err := s.Archive.ChangeVolume(r.PathValue("volume"), archive.VolumeChange{LimitPercent: req.LimitPercent, WarnPercent: req.WarnPercent, Retired: req.Retired})
	if errors.Is(err, archive.ErrUnknownVolume) {
		return answer.Refuse(http.StatusNotFound, "no_volume", "There is no such volume.")
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
