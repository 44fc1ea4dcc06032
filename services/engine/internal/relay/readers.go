package relay

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Readers lists who reads now, oldest first.
func (s *Server) Readers() []api.RelayReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []api.RelayReader{}
	for c := range s.conns {
		c.mu.Lock()
		ses, row := c.session, c.account
		c.mu.Unlock()
		if ses == nil || !ses.streams() {
			continue
		}
		out = append(out, api.RelayReader{ID: c.id, Address: c.remote.Addr().String(), Account: row.Name, Camera: ses.at.camera, Stream: ses.at.stream,
			Kind: ses.kind(), Transport: ses.transport(), Secure: c.secure, Agent: c.agent, Bytes: ses.bytes(), LostFrames: ses.lost(), SinceMs: ses.since.Load()})
	}
	slices.SortFunc(out, func(a, b api.RelayReader) int {
		return cmp.Or(cmp.Compare(a.SinceMs, b.SinceMs), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Disconnect lets a reader go.
func (s *Server) Disconnect(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.id == id {
			c.cancel(errors.New("let go by hand"))
			return nil
		}
	}
	return answer.Refuse(http.StatusNotFound, "no_reader", "There is no such reader; it may have left.")
}
