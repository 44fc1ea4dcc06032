package server

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/layouts"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/sessions"
)

// permit returns the session's user, or refuses what he has no right to. It looks him up each time, so that a change counts at
// once.
func (s *Server) permit(session *sessions.Session, right rights.Right) (user accounts.User, err error) {
	store := s.accounts.Load()
	if store == nil {
		return user, waiting()
	}
	user, err = store.Find(session.Username)
	switch {
	case errors.Is(err, accounts.ErrUnknown):
		return user, unauthorized()
	case err != nil:
		return user, err
	case !user.Profile.May(right):
		return user, answer.Refuse(http.StatusForbidden, "no_right", "Your account has no right to do this. An administrator can give it another profile.")
	}
	return user, nil
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

func (s *Server) listCopies(w http.ResponseWriter, _ *http.Request, _ *sessions.Session) error {
	out := []api.IndexCopy{}
	for _, c := range s.Copies() {
		out = append(out, api.IndexCopy{Volume: c.ID, Status: api.IndexCopyStatus(c.Status), Reason: c.Reason, Generation: int64(c.Generation),
			SizeBytes: c.SizeBytes, SnapshotMs: c.SnapshotMs, CheckedMs: c.CheckedMs, DamagedMs: c.DamagedMs, Damage: c.Damage})
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
	u := accounts.User{Username: req.Username, Profile: rights.Profile(req.Profile)}
	if !u.Profile.Valid() {
		return badProfile()
	}
	cameras, err := chosen(u.Profile, req.AllCameras, req.Cameras)
	if err != nil {
		return err
	}
	if cameras != nil {
		u.Cameras = *cameras
	}
	if u.Hash, err = s.hashNew(r.Context(), req.Username, req.Password); err != nil {
		return err
	}
	if u, err = s.accounts.Load().Add(u, time.Now()); err != nil {
		return userProblem(err)
	}
	s.Log.Info("user added", "user", u.Username, "profile", u.Profile, "cameras", told(u.Cameras), "by", session.Username, "from", client(r))
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
	change := accounts.Change{Profile: rights.Profile(req.Profile)}
	switch {
	case change.Profile == "" && req.Password == "" && req.AllCameras == nil:
		return answer.Refuse(http.StatusBadRequest, "nothing_to_change", "Say what is to change: the profile, the cameras, the password, or several of them.")
	case change.Profile != "" && !change.Profile.Valid():
		return badProfile()
	case req.Password != "" && user.Username == session.Username:
		return answer.Field("password", "own_password", "Change your own password in the menu of your account: it asks for the present one.")
	}
	if change.Cameras, err = chosen(cmp.Or(change.Profile, user.Profile), req.AllCameras, req.Cameras); err != nil {
		return err
	}
	if req.Password != "" {
		if change.Hash, err = s.hashNew(r.Context(), user.Username, req.Password); err != nil {
			return err
		}
	}
	was := user
	if user, err = store.Change(user.Username, change, time.Now()); err != nil {
		return userProblem(err)
	}
	if change.Hash != "" || user.Profile != was.Profile || !user.Cameras.Same(was.Cameras) {
		s.Sessions.EndOf(user.Username)
	}
	s.Log.Info("user changed", "user", user.Username, "profile", user.Profile, "cameras", told(user.Cameras), "password", change.Hash != "", "by", session.Username, "from", client(r))
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

// chosen are the cameras that a request gives to a user who has, or gets, the profile; nil: it says nothing about them.
func chosen(profile rights.Profile, all *bool, ids []string) (*rights.Cameras, error) {
	switch {
	case all == nil && len(ids) > 0:
		return nil, answer.Field("allCameras", "all_or_some", "Say by allCameras = false that the user is to see the chosen cameras only.")
	case all == nil:
		return nil, nil
	case *all:
		return &rights.Cameras{}, nil
	case profile == rights.Administrator:
		return nil, answer.Field("cameras", "administrator", "An administrator sees all cameras. Choose another profile, or all cameras.")
	}
	c, why := rights.Limit(ids)
	if why != "" {
		return nil, answer.Field("cameras", "bad_cameras", why)
	}
	return &c, nil
}

// told is how a log line names a user's cameras.
func told(c rights.Cameras) string {
	if !c.Limited {
		return "all"
	}
	return strings.Join(c.Only, " ")
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
	return api.User{
		Username: u.Username, Profile: api.Profile(u.Profile), AllCameras: !u.Cameras.Limited, Cameras: append([]string{}, u.Cameras.Only...),
		CreatedMs: u.CreatedMs, Sessions: open[u.Username],
	}
}
