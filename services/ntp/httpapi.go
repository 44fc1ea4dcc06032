package ntp

import (
	"encoding/hex"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/ntp/internal/packet"
)

// clientsMost is how many clients are listed.
const clientsMost = 200

func (s *server) routes() http.Handler {
	return answer.Mux("ntp", answer.Routes{
		"GET /v1/time-server": func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, s.describe())
			return nil
		},
	})
}

// describe is the server as the API shows it.
func (s *server) describe() api.TimeServer {
	told, counts := s.answers.Tell(), s.answers.Counts()
	list, known := s.clients.Last(clientsMost)
	s.mu.Lock()
	out := api.TimeServer{Settings: s.settings, Problem: s.problem}
	s.mu.Unlock()
	out.Stratum, out.ReferenceID = told.Stratum, hex.EncodeToString(told.ID[:])
	out.Leap = map[packet.Leap]api.TimeServerLeap{
		packet.LeapNone: api.TimeServerLeapNone, packet.LeapAdd: api.TimeServerLeapAdd,
		packet.LeapDelete: api.TimeServerLeapDelete, packet.LeapUnsynchronised: api.TimeServerLeapUnsynchronised,
	}[told.Leap]
	out.RootDelayUs, out.RootDispersionUs = told.RootDelay.Microseconds(), told.RootDispersion.Microseconds()
	out.Requests, out.Answered, out.Limited, out.Ignored = counts.Requests, counts.Answered, counts.Limited, counts.Ignored
	out.ClientCount, out.Clients = known, make([]api.TimeClient, 0, len(list))
	for _, c := range list {
		out.Clients = append(out.Clients, api.TimeClient{
			Address: c.Address.String(), Version: int(c.Version), Requests: c.Requests, Limited: c.Limited,
			FirstMs: c.First.UnixMilli(), LastMs: c.Last.UnixMilli(),
		})
	}
	return out
}
