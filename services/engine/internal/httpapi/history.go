package httpapi

import (
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// history answers how a stream was.
func (s *server) history(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	stream := api.StreamName(r.URL.Query().Get("stream"))
	switch stream {
	case "":
		stream = api.StreamNameMain
	case api.StreamNameMain, api.StreamNameSub:
	default:
		return answer.Field("stream", "bad_stream", "There is no such stream: main or sub.")
	}
	from, to, err := month(r)
	if err != nil {
		return err
	}
	h, err := s.History(id, string(stream), from, to)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, h)
	return nil
}
