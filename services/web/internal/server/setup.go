package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/sessions"
)

func (s *Server) getSetup(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error {
	if r.URL.Query().Get("anew") == "true" {
		w.Header().Set("Connection", "close")
	}
	state := api.Setup{Hostname: s.Hostname()}
	if store := s.accounts.Load(); store == nil {
		state.Waiting = true
	} else {
		empty, err := store.Empty()
		if err != nil {
			return err
		}
		state.Needed, state.Reset = empty, s.resets.get() != nil
	}
	answer.JSON(w, http.StatusOK, state)
	return nil
}

func (s *Server) postSetup(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error {
	var req api.SetupRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	store := s.accounts.Load()
	if store == nil {
		return waiting()
	}
	empty, err := store.Empty()
	if err != nil {
		return err
	}
	if !empty {
		return alreadySetUp()
	}
	if err := s.guess("set-up", r, s.Code, req.Code, "Read it there again: it changes when the appliance restarts."); err != nil {
		return err
	}
	if err := s.addFirst(r.Context(), store, req.Username, req.Password, "", false); err != nil {
		return err
	}
	from := client(r)
	s.known.add(req.Username, from)
	s.Log.Info("set-up", "result", "ok", "user", req.Username, "from", from)
	s.note(logins.Web, logins.Code, logins.OK, req.Username, from)
	s.SetUp()
	s.openSession(w, r, req.Username)
	return nil
}

// SetUpInPerson makes the first account, for who stands at the machine's console or has written an answer file; with dry it only
// says whether it could be made. In the place of the password there may be its hash, as package password makes it.
func (s *Server) SetUpInPerson(ctx context.Context, username, secret, hash string, dry bool) error {
	store := s.accounts.Load()
	if store == nil {
		return waiting()
	}
	if err := s.addFirst(ctx, store, username, secret, hash, dry); err != nil || dry {
		return err
	}
	s.Log.Info("set-up", "result", "ok", "user", username, "from", "the machine itself")
	s.note(logins.Console, logins.Person, logins.OK, username, netip.Addr{})
	s.SetUp()
	return nil
}

// addFirst adds the first account where there is none and it may be chosen like this.
func (s *Server) addFirst(ctx context.Context, store *accounts.Store, username, secret, hash string, dry bool) error {
	if why := accounts.CheckUsername(username); why != "" {
		return answer.Field("username", "bad_username", why)
	}
	switch {
	case hash != "" && secret != "":
		return answer.Field("password", "two_passwords", "Give either a password or its hash.")
	case hash != "" && !password.Valid(hash):
		return answer.Field("passwordHash", "bad_hash", "This is no hash of a password. Write it as $argon2id$v=19$m=32768,t=3,p=1$SALT$HASH.")
	case hash == "":
		if why := password.Check(username, secret); why != "" {
			return answer.Field("password", "weak_password", why)
		}
	}
	if dry {
		empty, err := store.Empty()
		if err == nil && !empty {
			return alreadySetUp()
		}
		return err
	}
	if hash == "" {
		var err error
		if hash, err = s.Hasher.Hash(ctx, secret); err != nil {
			return err
		}
	}
	err := store.AddFirst(username, hash, time.Now())
	if errors.Is(err, accounts.ErrExists) {
		return alreadySetUp()
	}
	return err
}

func alreadySetUp() *answer.Problem {
	return answer.Refuse(http.StatusConflict, "already_set_up", "This appliance has an administrator already. Log in instead.")
}
