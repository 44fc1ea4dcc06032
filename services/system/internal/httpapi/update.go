package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"vigie/installer/systemimage"
	"vigie/internal/answer"
	"vigie/internal/api"
)

// UpdateMachine is what the API can have done about other versions.
type UpdateMachine interface {
	Update(ctx context.Context) (api.Update, error)
	OfferUpdate(ctx context.Context, parts []byte) (api.UpdateOffer, error)
	FindUpdate(ctx context.Context, medium string) ([]api.UpdateOffer, error)
	// SendUpdate takes the image as it comes; size is how much will, or negative.
	SendUpdate(ctx context.Context, offer string, body io.Reader, size int64, by Caller) error
	CopyUpdate(ctx context.Context, offer string, by Caller) error
	TryUpdate(ctx context.Context, r api.UpdateTry, by Caller) error
	CancelUpdate(ctx context.Context) error
}

func (s *server) update(w http.ResponseWriter, r *http.Request) error {
	out, err := s.machine.Update(r.Context())
	if err == nil {
		answer.JSON(w, http.StatusOK, out)
	}
	return err
}

func (s *server) offerUpdate(w http.ResponseWriter, r *http.Request) error {
	parts, err := io.ReadAll(http.MaxBytesReader(w, r.Body, systemimage.MaxParts))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return answer.Refuse(http.StatusRequestEntityTooLarge, "not_update", "This is more than the beginning and the seal of an update. Send these two alone.")
	}
	if err != nil {
		return answer.Refuse(http.StatusBadRequest, "cut_off", "The request did not come whole. Send it again.")
	}
	offer, err := s.machine.OfferUpdate(r.Context(), parts)
	if err == nil {
		answer.JSON(w, http.StatusCreated, offer)
	}
	return err
}

func (s *server) findUpdate(w http.ResponseWriter, r *http.Request) error {
	offers, err := s.machine.FindUpdate(r.Context(), r.PathValue("medium"))
	if err == nil {
		answer.JSON(w, http.StatusOK, offers)
	}
	return err
}

func (s *server) sendUpdate(w http.ResponseWriter, r *http.Request) error {
	body := http.MaxBytesReader(w, r.Body, systemimage.MaxBytes)
	return done(w, s.machine.SendUpdate(r.Context(), r.PathValue("offer"), body, r.ContentLength, caller(r)))
}

func (s *server) copyUpdate(w http.ResponseWriter, r *http.Request) error {
	return accepted(w, s.machine.CopyUpdate(r.Context(), r.PathValue("offer"), caller(r)))
}

func (s *server) tryUpdate(w http.ResponseWriter, r *http.Request) error {
	var req api.UpdateTry
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return accepted(w, s.machine.TryUpdate(r.Context(), req, caller(r)))
}

func (s *server) cancelUpdate(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.CancelUpdate(r.Context()))
}
