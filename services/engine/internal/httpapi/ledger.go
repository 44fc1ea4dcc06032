package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
)

const (
	maxDays = 400 * 24 * time.Hour
	// mostSpans bounds an overview: more than any screen has pixels.
	mostSpans = 10_000
)

// Ledger says what is recorded, and what is missing and why.
type Ledger interface {
	Overview(camera string, fromMs, toMs, resolutionMs int64) (api.Overview, error)
	Days(camera string, fromMs, toMs int64) ([]api.FootageDay, error)
	Coverage(camera string, fromMs, toMs int64) (api.Coverage, error)
	AllCoverage(fromMs, toMs int64) ([]api.Coverage, error)
}

// span reads the range of a request.
func span(r *http.Request, most time.Duration, tooLong string) (fromMs, toMs int64, err error) {
	if fromMs, err = instant(r, "fromMs"); err != nil {
		return 0, 0, err
	}
	if toMs, err = instant(r, "toMs"); err != nil {
		return 0, 0, err
	}
	switch {
	case toMs <= fromMs:
		return 0, 0, answer.Field("toMs", "bad_range", "The range ends before it starts.")
	case toMs-fromMs > most.Milliseconds():
		return 0, 0, answer.Field("toMs", "bad_range", tooLong)
	}
	return fromMs, toMs, nil
}

func month(r *http.Request) (fromMs, toMs int64, err error) {
	return span(r, maxTimeline, "The range is too long: 31 days at most.")
}

func (s *server) overview(w http.ResponseWriter, r *http.Request) error {
	id, from, to, err := cameraRange(r)
	if err != nil {
		return err
	}
	resolution, err := strconv.ParseInt(r.URL.Query().Get("resolutionMs"), 10, 64)
	if err != nil || resolution < 1 || resolution < (to-from)/mostSpans {
		return answer.Field("resolutionMs", "bad_resolution", "resolutionMs must be a ten-thousandth of the range at least.")
	}
	o, err := s.Ledger.Overview(id, from, to, resolution)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, o)
	return nil
}

func (s *server) days(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	from, to, err := span(r, maxDays, "The range is too long: 400 days at most.")
	if err != nil {
		return err
	}
	days, err := s.Ledger.Days(id, from, to)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, days)
	return nil
}

func (s *server) coverage(w http.ResponseWriter, r *http.Request) error {
	id, from, to, err := cameraRange(r)
	if err != nil {
		return err
	}
	c, err := s.Ledger.Coverage(id, from, to)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, c)
	return nil
}

func (s *server) allCoverage(w http.ResponseWriter, r *http.Request) error {
	from, to, err := month(r)
	if err != nil {
		return err
	}
	list, err := s.Ledger.AllCoverage(from, to)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, within(sightOf(r), list, func(c api.Coverage) string { return c.Camera }))
	return nil
}
