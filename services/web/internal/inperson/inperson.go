// Package inperson answers the machine's text console over a unix socket: whoever stands in front of the machine may
// read the set-up code and have the administrator's password reset.
//
// Only one user may ask anything, the one that the console service runs as (and root); the kernel vouches for it. The
// package decides nothing else: what is known and done comes from the functions that it is given. The requests are
// those of webapi; browsers cannot reach them. Handlers run in net/http's goroutines.
package inperson

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"vigie/internal/answer"
	"vigie/internal/peer"
	"vigie/services/web/webapi"
)

// Config is what the answers are made from.
type Config struct {
	Users []uint32                                        // who may ask
	State func(ctx context.Context) webapi.Console        // what is shown
	Reset func(ctx context.Context) (webapi.Reset, error) // begins a reset of the administrator's password
	Log   *slog.Logger
}

// Handler answers the requests of webapi.
func Handler(c Config) http.Handler {
	routes := answer.Mux("web", answer.Routes{
		"GET " + webapi.ConsolePath: func(w http.ResponseWriter, r *http.Request) error {
			answer.JSON(w, http.StatusOK, c.State(r.Context()))
			return nil
		},
		"POST " + webapi.ResetPath: func(w http.ResponseWriter, r *http.Request) error {
			reset, err := c.Reset(r.Context())
			if err == nil {
				answer.JSON(w, http.StatusOK, reset)
			}
			return err
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, known := peer.User(r.Context())
		if !known || !slices.Contains(c.Users, user) {
			c.Log.Warn("refused on the console's socket", "user", user, "known", known)
			answer.Fail(w, answer.Refuse(http.StatusForbidden, "forbidden", "Only the machine's console may ask this."))
			return
		}
		routes.ServeHTTP(w, r)
	})
}

// Serve answers on the unix socket at path until ctx ends. One that was left there is replaced.
func Serve(ctx context.Context, path string, c Config) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen for the console: %w", err)
	}
	// The folder keeps others than the group out; who of the group may ask is decided by request.
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return err
	}
	s := &http.Server{Handler: Handler(c), ConnContext: peer.Remember, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil
}
