package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/archive"
)

// maxTimeline is the longest range that one request may ask for: a month of any length.
const maxTimeline = 31 * 24 * time.Hour

// Archive is where recordings are looked up: archive.Archive.
type Archive interface {
	Timeline(camera string, fromMs, toMs int64) (api.Timeline, error)
	Open(id string) (*archive.Footage, error)
	ChangeVolume(volume string, c archive.VolumeChange) error
	Protections(camera string) ([]api.Protection, error)
	Protect(r api.ProtectionRequest, by string) (api.Protection, error)
	Reprotect(id string, r api.ProtectionChange, by string) (api.Protection, error)
	Lift(id, by string) error
	Deletions() []api.Deletion
	PlanDeletion(r api.DeletionRequest, by string) (api.DeletionPlan, error)
	Delete(plan string, segments int64, by string) (api.Deletion, error)
	StopDeletion(id, by string) error
}

func (s *server) pastCameras(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Past()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, within(sightOf(r), list, func(c api.PastCamera) string { return c.ID }))
	return nil
}

func (s *server) timeline(w http.ResponseWriter, r *http.Request) error {
	id, from, to, err := cameraRange(r)
	if err != nil {
		return err
	}
	t, err := s.Archive.Timeline(id, from, to)
	if err != nil {
		return err
	}
	if t.Triggers, err = s.Triggers.Triggers(id, from, to); err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, t)
	return nil
}

// cameraRange reads the camera and the range that a request is about.
func cameraRange(r *http.Request) (id string, fromMs, toMs int64, err error) {
	if id, err = cameraID(r); err != nil {
		return "", 0, 0, err
	}
	fromMs, toMs, err = month(r)
	return id, fromMs, toMs, err
}

// instant reads a query parameter in milliseconds since the Unix epoch.
func instant(r *http.Request, name string) (int64, error) {
	ms, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || ms < 0 || ms > 1<<52 {
		return 0, answer.Field(name, "bad_time", name+" must be an instant in milliseconds since 1970 in UTC.")
	}
	return ms, nil
}

func noSegment() *answer.Problem {
	return answer.Refuse(http.StatusNotFound, "no_segment", "This recording does not exist; it may have been deleted to make room.")
}

// segmentFile sends a segment as it is on disk; one that is being written, as far as it is known to be on disk.
func (s *server) segmentFile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Archive.Open(r.PathValue("segment"))
	switch {
	case errors.Is(err, archive.ErrNoSegment):
		return noSegment()
	case errors.Is(err, archive.ErrAbsent):
		return answer.Refuse(http.StatusServiceUnavailable, "volume_absent", "The volume with this recording is not connected, or cannot be used now.")
	case err != nil:
		return err
	}
	defer f.File.Close()
	if !sightOf(r).sees(f.Camera) {
		return noSegment()
	}
	start := time.UnixMilli(f.StartMs).UTC()
	w.Header().Set("Content-Type", "video/x-matroska")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%s.mkv"`, f.Camera, start.Format("20060102T150405Z"), f.Shows()))
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(f.File, 0, f.Size))
	return nil
}
