package server

import (
	"errors"
	"net/http"
	"path"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/layouts"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/sessions"
)

// permit refuses what the session's user has no right to. It looks the user up each time, so that a change counts at once.
func (s *Server) permit(session *sessions.Session, right rights.Right) error {
	store := s.accounts.Load()
	if store == nil {
		return waiting()
	}
	user, err := store.Find(session.Username)
	switch {
	case errors.Is(err, accounts.ErrUnknown):
		return unauthorized()
	case err != nil:
		return err
	case !user.Profile.May(right):
		return answer.Refuse(http.StatusForbidden, "no_right", "Your account has no right to do this. An administrator can give it another profile.")
	}
	return nil
}

func (s *Server) listUsers(w http.ResponseWriter, _ *http.Request, _ *sessions.Session) error {
	list, err := s.accounts.Load().All()
	if err != nil {
		return err
	}
	open := s.Sessions.Count()
	out := make([]api.User, 0, len(list))
	for _, u := range list {
		out = append(out, describeUser(u, open))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

func (s *Server) addUser(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	var req api.UserRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if why := accounts.CheckUsername(req.Username); why != "" {
		return answer.Field("username", "bad_username", why)
	}
	profile := rights.Profile(req.Profile)
	if !profile.Valid() {
		return badProfile()
	}
	hash, err := s.hashNew(r.Context(), req.Username, req.Password)
	if err != nil {
		return err
	}
	u, err := s.accounts.Load().Add(req.Username, hash, profile, time.Now())
	if err != nil {
		return userProblem(err)
	}
	s.Log.Info("user added", "user", u.Username, "profile", u.Profile, "by", session.Username, "from", client(r))
	answer.JSON(w, http.StatusCreated, describeUser(u, nil))
	return nil
}

func (s *Server) putUser(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	var req api.UserChange
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	store := s.accounts.Load()
	user, err := store.Find(path.Base(r.URL.Path))
	if err != nil {
		return userProblem(err)
	}
	profile, hash := rights.Profile(req.Profile), ""
	switch {
	case profile == "" && req.Password == "":
		return answer.Refuse(http.StatusBadRequest, "nothing_to_change", "Say what is to change: the profile, the password, or both.")
	case profile != "" && !profile.Valid():
		return badProfile()
	case req.Password != "" && user.Username == session.Username:
		return answer.Field("password", "own_password", "Change your own password in the menu of your account: it asks for the present one.")
	case req.Password != "":
		if hash, err = s.hashNew(r.Context(), user.Username, req.Password); err != nil {
			return err
		}
	}
	was := user.Profile
	if user, err = store.Change(user.Username, profile, hash, time.Now()); err != nil {
		return userProblem(err)
	}
	if hash != "" || user.Profile != was {
		s.Sessions.EndOf(user.Username)
	}
	s.Log.Info("user changed", "user", user.Username, "profile", user.Profile, "password", hash != "", "by", session.Username, "from", client(r))
	answer.JSON(w, http.StatusOK, describeUser(user, s.Sessions.Count()))
	return nil
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	store := s.accounts.Load()
	user, err := store.Find(path.Base(r.URL.Path))
	if err == nil {
		err = store.Delete(user.Username, func(tx accounts.Tx) error { return layouts.Forget(tx, user.Username) })
	}
	if err != nil {
		return userProblem(err)
	}
	s.Sessions.EndOf(user.Username)
	s.Log.Info("user deleted", "user", user.Username, "by", session.Username, "from", client(r))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func badProfile() *answer.Problem {
	return answer.Field("profile", "bad_profile", "There is no such profile. Choose administrator, operator, viewer or guard.")
}

// userProblem words what the store refuses.
func userProblem(err error) error {
	switch {
	case errors.Is(err, accounts.ErrUnknown):
		return answer.Refuse(http.StatusNotFound, "no_user", "There is no such user; he may have been deleted in another window.")
	case errors.Is(err, accounts.ErrTaken):
		p := answer.Field("username", "name_taken", "There is a user of this name. Choose another name.")
		p.Status = http.StatusConflict
		return p
	case errors.Is(err, accounts.ErrLast):
		return answer.Refuse(http.StatusConflict, "last_administrator", "This is the last administrator: nobody could administer the appliance any more. Make another user an administrator first.")
	}
	return err
}

func describeUser(u accounts.User, open map[string]int) api.User {
	return api.User{Username: u.Username, Profile: api.Profile(u.Profile), CreatedMs: u.CreatedMs, Sessions: open[u.Username]}
}
