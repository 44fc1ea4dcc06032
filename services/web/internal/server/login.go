package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/lockout"
	"vigie/internal/version"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/sessions"
)

// byAddress is strict: whoever guesses from one place has to wait ever longer.
func byAddress() lockout.Rule {
	return lockout.Rule{Free: 5, First: 2 * time.Second, Max: 15 * time.Minute, Forget: time.Hour}
}

// byName stops guessing at one name from many places. Its longest wait is short, since it also hits the real user where
// he has not logged in before; 2880 guesses a day at a password that passes the policy are no danger.
func byName() lockout.Rule {
	return lockout.Rule{Free: 10, First: time.Second, Max: 30 * time.Second, Forget: time.Hour}
}

// keys are what an attempt to log in counts under.
func (s *Server) keys(username string, from netip.Addr) []lockout.Key {
	keys := []lockout.Key{{Name: "login from " + lockout.Network(from), Rule: byAddress()}}
	if len(username) > 64 { // no such user can exist, and the table's keys stay small
		username = ""
	}
	if !s.known.has(username, from) {
		keys = append(keys, lockout.Key{Name: "login as " + strings.ToLower(username), Rule: byName()})
	}
	return keys
}

// attempt charges an attempt to keys, or refuses it.
func (s *Server) attempt(keys []lockout.Key) error {
	if wait := s.guesses.Begin(keys...); wait > 0 {
		return later(http.StatusTooManyRequests, "locked_out", "There were too many failed attempts. Wait a little before you try again.", wait)
	}
	return nil
}

func (s *Server) login(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error {
	var req api.LoginRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	user, ok, err := s.verify(r.Context(), logins.Web, req.Username, req.Password, client(r))
	if err != nil {
		return err
	}
	if !ok {
		return answer.Refuse(http.StatusUnauthorized, "bad_login", "The user name or the password is wrong.")
	}
	s.note(logins.Web, logins.Password, logins.OK, user.Username, client(r))
	s.openSession(w, r, user.Username)
	return nil
}

// note puts a log-in, or an attempt at one, into the list. The user is one of the accounts, or "".
func (s *Server) note(way logins.Way, method logins.Method, result logins.Result, user string, from netip.Addr) {
	e := logins.Event{Way: way, Method: method, Result: result, User: user}
	if from.IsValid() {
		e.From = from.String()
	}
	s.Logins.Note(e)
}

// Verify tells whether a name and a password are an administrator's, for who logs in otherwise than here; it counts towards the
// same limits. The name is as the account has it, "" where there is no such account.
func (s *Server) Verify(ctx context.Context, username, secret string, from netip.Addr) (name string, ok bool, err error) {
	user, ok, err := s.verify(ctx, logins.SSH, username, secret, from)
	switch {
	case ok && user.Profile != rights.Administrator:
		s.Log.Warn(logged(logins.SSH), "result", "no administrator", "user", user.Username, "from", from)
		s.note(logins.SSH, logins.Password, logins.Refused, user.Username, from)
		ok = false
	case ok:
		s.note(logins.SSH, logins.Password, logins.OK, user.Username, from)
	}
	return user.Username, ok, s.worded(err)
}

// Administrator is the name of an administrator's account, "" where there is none of that name.
func (s *Server) Administrator(username string) (string, error) {
	store := s.accounts.Load()
	if store == nil {
		return "", waiting()
	}
	user, err := store.Find(username)
	if errors.Is(err, accounts.ErrUnknown) {
		return "", nil
	}
	if user.Profile != rights.Administrator {
		return "", s.worded(err)
	}
	return user.Username, s.worded(err)
}

// worded is an error as another service is told it; nil stays nil.
func (s *Server) worded(err error) error {
	if err == nil {
		return nil
	}
	p, ok := problem(err)
	if !ok {
		s.Log.Error("request failed", "err", err)
	}
	return p
}

// logged is what the log calls a log-in.
func logged(way logins.Way) string {
	if way == logins.Web {
		return "login"
	}
	return "login by " + string(way)
}

// verify examines an attempt to log in; what fails is noted. The user is as check returns him.
func (s *Server) verify(ctx context.Context, way logins.Way, username, secret string, from netip.Addr) (user accounts.User, ok bool, err error) {
	store := s.accounts.Load()
	if store == nil {
		return user, false, waiting()
	}
	if empty, err := store.Empty(); err != nil {
		return user, false, err
	} else if empty {
		return user, false, noAccounts()
	}
	keys := s.keys(username, from)
	if err := s.attempt(keys); err != nil {
		s.Log.Warn(logged(way), "result", "locked out", "from", from)
		s.note(way, logins.Password, logins.Limited, nameOf(store, username), from)
		return user, false, err
	}
	user, ok, err = s.check(ctx, store, username, secret)
	if err != nil {
		s.guesses.Withdraw(keys...)
		return accounts.User{}, false, err
	}
	if !ok {
		// A name that is not a user's may be a password in the wrong field: it is not logged.
		s.Log.Warn(logged(way), "result", "refused", "user", user.Username, "from", from)
		s.note(way, logins.Password, logins.Refused, user.Username, from)
		return user, false, nil
	}
	s.guesses.Succeeded(keys...)
	s.known.add(user.Username, from)
	s.Log.Info(logged(way), "result", "ok", "user", user.Username, "from", from)
	return user, true, nil
}

// nameOf is a name as the account has it; "" where there is no such account.
func nameOf(store *accounts.Store, username string) string {
	user, err := store.Find(username)
	if err != nil {
		return ""
	}
	return user.Username
}

// check says whether the password is the user's. It takes as long for a user who does not exist. The user returned with
// ok false is the zero User when there is none of that name.
func (s *Server) check(ctx context.Context, store *accounts.Store, username, secret string) (user accounts.User, ok bool, err error) {
	user, err = store.Find(username)
	if errors.Is(err, accounts.ErrUnknown) {
		return accounts.User{}, false, s.Hasher.VerifyNobody(ctx, truncated(secret))
	}
	if err != nil {
		return user, false, err
	}
	ok, stale, err := s.Hasher.Verify(ctx, user.Hash, truncated(secret))
	if err != nil || !ok || len(secret) > password.MaxBytes {
		return user, false, err
	}
	if stale {
		if hash, err := s.Hasher.Hash(ctx, secret); err == nil {
			if _, err := store.SetHash(user.Username, user.Hash, hash, time.Now()); err != nil {
				s.Log.Warn("password hash is not brought up to the present cost", "user", user.Username, "err", err)
			}
		}
	}
	return user, true, nil
}

// truncated bounds what is hashed; a longer password is nobody's.
func truncated(secret string) string { return secret[:min(len(secret), password.MaxBytes)] }

// openSession opens a session, ends the one that the browser had before, and answers with it.
func (s *Server) openSession(w http.ResponseWriter, r *http.Request, username string) {
	if old := s.session(r); old != nil {
		s.Sessions.End(old)
	}
	token, session := s.Sessions.Start(username)
	http.SetCookie(w, cookie(token))
	answer.JSON(w, http.StatusOK, s.describe(session))
}

// cookie has no lifetime of its own: browsers drop it when they are closed, and the session table knows the rest.
func cookie(token string) *http.Cookie {
	return &http.Cookie{Name: Cookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

func (s *Server) dropCookie(w http.ResponseWriter) {
	c := cookie("")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// describe tells a user of his session. Of one that cannot be read it tells no rights.
func (s *Server) describe(session *sessions.Session) api.Session {
	out := api.Session{
		Username:  session.Username,
		Hostname:  s.Hostname(),
		Version:   version.Version,
		ExpiresMs: s.Sessions.Expires(session).UnixMilli(),
		Rights:    []api.Right{},
	}
	if store := s.accounts.Load(); store != nil {
		if user, err := store.Find(session.Username); err == nil {
			out.PasswordResetMs, out.Profile = user.ResetMs, api.Profile(user.Profile)
			for _, r := range user.Profile.Rights() {
				out.Rights = append(out.Rights, api.Right(r))
			}
		}
	}
	return out
}

func (s *Server) getSession(w http.ResponseWriter, _ *http.Request, session *sessions.Session) error {
	answer.JSON(w, http.StatusOK, s.describe(session))
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	s.Sessions.End(session)
	s.Log.Info("logout", "user", session.Username, "from", client(r))
	s.dropCookie(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) putPassword(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	var req api.PasswordRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	store, from := s.accounts.Load(), client(r)
	if store == nil {
		return waiting()
	}
	keys := s.keys(session.Username, from)
	if err := s.attempt(keys); err != nil {
		s.Log.Warn("password change", "result", "locked out", "user", session.Username, "from", from)
		return err
	}
	user, ok, err := s.check(r.Context(), store, session.Username, req.Old)
	if err != nil {
		s.guesses.Withdraw(keys...)
		return err
	}
	if !ok {
		s.Log.Warn("password change", "result", "refused", "user", session.Username, "from", from)
		p := answer.Field("old", "bad_password", "The present password is wrong.")
		p.Status = http.StatusForbidden
		return p
	}
	s.guesses.Succeeded(keys...)
	if why := password.Check(session.Username, req.New); why != "" {
		return answer.Field("new", "weak_password", why)
	}
	if req.New == req.Old {
		return answer.Field("new", "same_password", "The new password is the present one. Choose another one.")
	}
	// The hash may just have been renewed at login cost; the stored one is what has to be replaced.
	if user, err = store.Find(session.Username); err != nil {
		return err
	}
	hash, err := s.Hasher.Hash(r.Context(), req.New)
	if err != nil {
		return err
	}
	changed, err := store.SetHash(user.Username, user.Hash, hash, time.Now())
	if err != nil {
		return err
	}
	if !changed {
		return answer.Refuse(http.StatusConflict, "changed_meanwhile", "The password was changed elsewhere at the same moment. Log in again.")
	}
	s.Sessions.EndOthers(session)
	s.Log.Info("password change", "result", "ok", "user", session.Username, "from", from)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
