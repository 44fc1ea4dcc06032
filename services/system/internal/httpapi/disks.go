package httpapi

import (
	"context"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// DiskMachine is what the API can have done with disks.
type DiskMachine interface {
	FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error
	DiskHealth(disk string) (api.DiskReport, error)
	TestDisk(ctx context.Context, disk string, kind api.SelfTestRequestKind) error
	DiskEvents() []api.DiskEvent
	PlanArray(ctx context.Context, r api.ArrayPlanRequest) (api.ArrayPlan, error)
	CreateArray(ctx context.Context, r api.ArrayRequest) error
	ChangeArray(ctx context.Context, array string, r api.ArrayChange) error
	ChangeVolume(ctx context.Context, volume string, r api.VolumeChange) error
	VolumeReport(volume string) (api.VolumeReport, error)
	SetRecordingLag(waited time.Duration)
}

func (s *server) format(w http.ResponseWriter, r *http.Request) error {
	var req api.FormatRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.FormatDisk(r.Context(), r.PathValue("disk"), req))
}

func (s *server) diskHealth(w http.ResponseWriter, r *http.Request) error {
	report, err := s.machine.DiskHealth(r.PathValue("disk"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, report)
	return nil
}

func (s *server) testDisk(w http.ResponseWriter, r *http.Request) error {
	var req api.SelfTestRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if !req.Kind.Valid() {
		return answer.Field("kind", "bad_kind", "The kind must be short, long or stop.")
	}
	return accepted(w, s.machine.TestDisk(r.Context(), r.PathValue("disk"), req.Kind))
}

func (s *server) diskEvents(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.machine.DiskEvents())
	return nil
}

func (s *server) planArray(w http.ResponseWriter, r *http.Request) error {
	var req api.ArrayPlanRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	plan, err := s.machine.PlanArray(r.Context(), req)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, plan)
	return nil
}

func (s *server) createArray(w http.ResponseWriter, r *http.Request) error {
	var req api.ArrayRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.CreateArray(r.Context(), req))
}

func (s *server) changeArray(w http.ResponseWriter, r *http.Request) error {
	var req api.ArrayChange
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if !req.Action.Valid() {
		return answer.Field("action", "bad_action", "The action must be add, fail, remove, replace, grow, start, adopt, delete, check or stop_check.")
	}
	return accepted(w, s.machine.ChangeArray(r.Context(), r.PathValue("array"), req))
}

func (s *server) changeVolume(w http.ResponseWriter, r *http.Request) error {
	var req api.VolumeChange
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.ChangeVolume(r.Context(), r.PathValue("volume"), req))
}

func (s *server) volumeReport(w http.ResponseWriter, r *http.Request) error {
	report, err := s.machine.VolumeReport(r.PathValue("volume"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, report)
	return nil
}

func (s *server) recordingLag(w http.ResponseWriter, r *http.Request) error {
	var lag api.RecordingLag
	if err := answer.Read(w, r, &lag); err != nil {
		return err
	}
	if lag.WaitedMs < 0 || lag.WaitedMs > time.Hour.Milliseconds() {
		return answer.Field("waitedMs", "bad_time", "The time must be 0 to 3600000 ms.")
	}
	s.machine.SetRecordingLag(time.Duration(lag.WaitedMs) * time.Millisecond)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
