package server

import (
	"net/http"
	"net/netip"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/sessions"
)

func (s *Server) listLogins(w http.ResponseWriter, _ *http.Request, _ *sessions.Session) error {
	list, err := s.Logins.List()
	if err != nil {
		return err
	}
	out := make([]api.Login, len(list))
	for i, e := range list {
		out[i] = api.Login{
			AtMs: e.AtMs, LastMs: e.LastMs, Count: e.Count, Way: api.LoginWay(e.Way), Method: api.LoginMethod(e.Method), Result: api.LoginResult(e.Result),
			User: e.User, Address: e.From, Key: e.Key,
		}
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

// maxKey bounds a key's fingerprint in bytes.
const maxKey = 100

// NoteByKey notes what came of a log-in by SSH of which the accounts learn nothing otherwise: with a key, or one that the SSH
// service did not look at. A name that is no user's is left out.
func (s *Server) NoteByKey(result, username, key string, from netip.Addr) error {
	r := logins.Result(result)
	if r != logins.OK && r != logins.Refused && r != logins.Limited {
		return answer.Field("result", "bad_result", "The result is ok, refused or limited.")
	}
	e := logins.Event{Way: logins.SSH, Method: logins.Key, Result: r, From: from.String(), Key: key[:min(len(key), maxKey)]}
	if store := s.accounts.Load(); store != nil && username != "" {
		e.User = nameOf(store, username)
	}
	s.Logins.Note(e)
	return nil
}
