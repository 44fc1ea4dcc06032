package server

import (
	"context"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/lockout"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/setupcode"
)

// byCode limits guesses at a one-time code from one network. Even without it 40 bits would last: a thousand guesses a
// second find the code after 17 years.
func byCode() lockout.Rule {
	return lockout.Rule{Free: 5, First: 2 * time.Second, Max: 15 * time.Minute, Forget: time.Hour}
}

// guess refuses a wrong one-time code of the console, and too many of them; hint says what to do. what it is for names the
// count and the log's lines.
func (s *Server) guess(what string, r *http.Request, code setupcode.Code, typed, hint string) error {
	from := client(r)
	key := lockout.Key{Name: what + " from " + lockout.Network(from), Rule: byCode()}
	if err := s.attempt([]lockout.Key{key}); err != nil {
		s.Log.Warn(what, "result", "locked out", "from", from)
		s.note(logins.Web, logins.Code, logins.Limited, "", from)
		return err
	}
	if !code.Matches(typed) {
		s.Log.Warn(what, "result", "wrong code", "from", from)
		s.note(logins.Web, logins.Code, logins.Refused, "", from)
		p := answer.Field("code", "bad_code", "This is not the code on the appliance's console. "+hint)
		p.Status = http.StatusForbidden
		return p
	}
	s.guesses.Succeeded(key)
	return nil
}

// hashNew is the hash of a password that somebody chooses, or a refusal of it.
func (s *Server) hashNew(ctx context.Context, username, secret string) (string, error) {
	if why := password.Check(username, secret); why != "" {
		return "", answer.Field("password", "weak_password", why)
	}
	return s.Hasher.Hash(ctx, secret)
}
