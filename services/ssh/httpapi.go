package ssh

import (
	"net/http"

	"vigie/internal/answer"
)

func (s *server) routes() http.Handler {
	return answer.Mux("ssh", answer.Routes{
		"GET /v1/ssh/sessions": func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, s.describe())
			return nil
		},
	})
}
