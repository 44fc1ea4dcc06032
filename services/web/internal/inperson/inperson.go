// Package inperson answers the machine's text console and its SSH service over a unix socket: whoever stands in front of the
// machine may read the set-up code, make the first account, and have the administrator's password reset; who logs in by SSH is
// known to nobody but the accounts. The system service, which is root, asks as the console does, for who wrote an answer file: it
// gets no more by that than it has, as the accounts are on disks that it mounts.
//
// Each request has its users, which the services run as (and root); the kernel vouches for them. The SSH service, which
// strangers speak to, sees of the state what an administrator may: no codes. The package decides nothing else: what is known
// and done comes from the functions that it is given. The requests are those of webapi; browsers cannot reach them.
// Handlers run in net/http's goroutines.
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
	Console []uint32                                        // who may ask as the console: root, which system runs as, is among them
	SSH     []uint32                                        // who may ask as the SSH service
	State   func(ctx context.Context) webapi.Console        // what is shown
	Reset   func(ctx context.Context) (webapi.Reset, error) // begins a reset of the administrator's password
	// SetPassword sets the administrator's password, and returns his name; nil: not now.
	SetPassword func(ctx context.Context, password string) (username string, err error)
	// Login tells whether name and password are an administrator's; with check false, whether the name is.
	Login func(ctx context.Context, l webapi.Login, check bool) (webapi.LoginAnswer, error)
	// Note notes what came of a log-in by SSH.
	Note func(n webapi.Note) error
	// First makes the first account; it is asked by the console, and by the system service for an answer file.
	First func(ctx context.Context, a webapi.FirstAccount) error
	Log   *slog.Logger
}

// Handler answers the requests of webapi.
func Handler(c Config) http.Handler {
	login := func(check bool) func(http.ResponseWriter, *http.Request) error {
		return c.only("SSH", c.SSH, func(w http.ResponseWriter, r *http.Request) error {
			var l webapi.Login
			if err := answer.Read(w, r, &l); err != nil {
				return err
			}
			out, err := c.Login(r.Context(), l, check)
			if err == nil {
				answer.JSON(w, http.StatusOK, out)
			}
			return err
		})
	}
	return answer.Mux("web", answer.Routes{
		"GET " + webapi.ConsolePath: c.only("the machine's console and SSH", slices.Concat(c.Console, c.SSH), func(w http.ResponseWriter, r *http.Request) error {
			state := c.State(r.Context())
			if user, _ := peer.User(r.Context()); !slices.Contains(c.Console, user) {
				state.SetupCode, state.Reset = "", nil
			}
			answer.JSON(w, http.StatusOK, state)
			return nil
		}),
		"POST " + webapi.ResetPath: c.only("the machine's console", c.Console, func(w http.ResponseWriter, r *http.Request) error {
			reset, err := c.Reset(r.Context())
			if err == nil {
				answer.JSON(w, http.StatusOK, reset)
			}
			return err
		}),
		"POST " + webapi.FirstPath: c.only("the machine's console and its system service", c.Console, func(w http.ResponseWriter, r *http.Request) error {
			var a webapi.FirstAccount
			if err := answer.Read(w, r, &a); err != nil {
				return err
			}
			if err := c.First(r.Context(), a); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}),
		"PUT " + webapi.SecretPath: c.only("the machine's console", c.Console, func(w http.ResponseWriter, r *http.Request) error {
			var p webapi.Password
			if err := answer.Read(w, r, &p); err != nil {
				return err
			}
			if c.SetPassword == nil {
				return answer.Refuse(http.StatusConflict, "not_in_rescue", "A password is set like this in rescue mode alone. Ask for a reset, and set it in the browser.")
			}
			name, err := c.SetPassword(r.Context(), p.Password)
			if err == nil {
				answer.JSON(w, http.StatusOK, webapi.Password{Username: name})
			}
			return err
		}),
		"POST " + webapi.LoginPath: login(true),
		"POST " + webapi.AdminPath: login(false),
		"POST " + webapi.NotePath: c.only("SSH", c.SSH, func(w http.ResponseWriter, r *http.Request) error {
			var n webapi.Note
			if err := answer.Read(w, r, &n); err != nil {
				return err
			}
			if err := c.Note(n); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}),
	})
}

// only lets the given users ask.
func (c Config) only(who string, users []uint32, next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		user, known := peer.User(r.Context())
		if !known || !slices.Contains(users, user) {
			c.Log.Warn("refused on the console's socket", "user", user, "known", known, "path", r.URL.Path)
			return answer.Refuse(http.StatusForbidden, "forbidden", "Only "+who+" may ask this.")
		}
		return next(w, r)
	}
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
