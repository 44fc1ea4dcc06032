package server

import (
	"errors"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/logins"
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
	if why := accounts.CheckUsername(req.Username); why != "" {
		return answer.Field("username", "bad_username", why)
	}
	hash, err := s.hashNew(r.Context(), req.Username, req.Password)
	if err != nil {
		return err
	}
	if err := store.AddFirst(req.Username, hash, time.Now()); errors.Is(err, accounts.ErrExists) {
		return alreadySetUp()
	} else if err != nil {
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

func alreadySetUp() *answer.Problem {
	return answer.Refuse(http.StatusConflict, "already_set_up", "This appliance has an administrator already. Log in instead.")
}
