package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"vigie/internal/answer"
)

// finishWithin is for running requests when the service ends; init allows 300 ms for everything.
const finishWithin = 100 * time.Millisecond

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
	return answer.Mux("ssh", answer.Routes{
		"GET /v1/ssh/sessions": func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, s.describe())
			return nil
		},
	})
}
