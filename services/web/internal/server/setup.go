package server

import (
	"errors"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/lockout"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/sessions"
)

// bySetup limits guesses at the set-up code from one network. Even without it 40 bits would last: a thousand guesses a
// second find the code after 17 years.
func bySetup() lockout.Rule {
	return lockout.Rule{Free: 5, First: 2 * time.Second, Max: 15 * time.Minute, Forget: time.Hour}
}

func (s *Server) getSetup(w http.ResponseWriter, _ *http.Request, _ *sessions.Session) error {
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
	from := client(r)
	key := lockout.Key{Name: "setup from " + lockout.Network(from), Rule: bySetup()}
	if err := s.attempt([]lockout.Key{key}); err != nil {
		s.Log.Warn("set-up", "result", "locked out", "from", from)
		return err
	}
	if !s.Code.Matches(req.Code) {
		s.Log.Warn("set-up", "result", "wrong code", "from", from)
		p := answer.Field("code", "bad_code", "This is not the code on the appliance's console. Read it there again: it changes when the appliance restarts.")
		p.Status = http.StatusForbidden
		return p
	}
	s.guesses.Succeeded(key)
	if why := accounts.CheckUsername(req.Username); why != "" {
		return answer.Field("username", "bad_username", why)
	}
	if why := password.Check(req.Username, req.Password); why != "" {
		return answer.Field("password", "weak_password", why)
	}
	hash, err := s.Hasher.Hash(r.Context(), req.Password)
	if err != nil {
		return err
	}
	if err := store.AddFirst(req.Username, hash, time.Now()); errors.Is(err, accounts.ErrExists) {
		return alreadySetUp()
	} else if err != nil {
		return err
	}
	s.known.add(req.Username, from)
	s.Log.Info("set-up", "result", "ok", "user", req.Username, "from", from)
	s.SetUp()
	s.openSession(w, r, req.Username)
	return nil
}

func alreadySetUp() *answer.Problem {
	return answer.Refuse(http.StatusConflict, "already_set_up", "This appliance has an administrator already. Log in instead.")
}
