package ntp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/ntp/internal/packet"
)

const (
	// clientsMost is how many clients are listed.
	clientsMost = 200
	// finishWithin is for running requests when the service ends; init allows 300 ms for everything.
	finishWithin = 100 * time.Millisecond
)

// listen makes the API's socket. It belongs to the group of the services, which the process has.
func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serve answers on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve API: %w", err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if err := srv.Shutdown(finish); err != nil {
		srv.Close()
	}
	<-failed
	return nil
}

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
