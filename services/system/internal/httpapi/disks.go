package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// DiskMachine is what the API can have done with disks.
type DiskMachine interface {
	FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error
	DiskHealth(disk string) (api.DiskReport, error)
	TestDisk(ctx context.Context, disk string, kind api.SelfTestRequestKind) error
	DiskEvents() []api.DiskEvent
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
