package relay

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/services/engine/internal/login"
	"vigie/services/engine/internal/relay/account"
)

// Status codes beyond those of the library (RFC 2326 §7.1.1).
const (
	statusUnsupportedOption = 551
	featureReplay           = "onvif-replay"
)

var (
	errTeardown = errors.New("the reader has ended the session")
	errGuessing = errors.New("too many wrong passwords")
)

// handle answers a request. An error ends the connection; the answer, if any, has been written.
func (c *conn) handle(req *base.Request) error {
	if v := req.Header["User-Agent"]; len(v) == 1 && c.agent == "" {
		c.agent = printable(v[0])
	}
	if len(req.Header["CSeq"]) != 1 {
		c.reply(req, refuse(base.StatusBadRequest, "A request has one CSeq"))
		return nil
	}
	if r := req.Header["Require"]; len(r) > 0 && !(len(r) == 1 && strings.EqualFold(strings.TrimSpace(r[0]), featureReplay)) {
		res := refuse(statusUnsupportedOption, "Option not supported")
		res.Header = base.Header{"Unsupported": r}
		c.reply(req, res)
		return nil
	}
	var res *base.Response
	var err error
	switch req.Method {
	case base.Options:
		res = &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Public": {"OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"}}}
		c.touch(req)
	case base.Describe, base.Setup, base.Play:
		var row *account.Row
		if row, res, err = c.authenticate(req); res != nil {
			break
		}
		switch req.Method {
		case base.Describe:
			res = c.describe(req, row)
		case base.Setup:
			res = c.setup(req, row)
		default:
			return c.play(req, row)
		}
	case base.Pause:
		res = c.pause(req)
	case base.Teardown:
		if res = c.known(req); res == nil {
			c.reply(req, &base.Response{StatusCode: base.StatusOK})
			return errTeardown
		}
	case base.GetParameter, base.SetParameter:
		if res = c.known(req); res == nil {
			res = &base.Response{StatusCode: base.StatusOK}
			if len(strings.TrimSpace(string(req.Body))) > 0 { // a keep-alive has none
				res = refuse(451, "Parameter not understood")
			}
			c.withSession(res)
		}
	default:
		res = refuse(base.StatusNotImplemented, "This method is not offered")
	}
	c.reply(req, res)
	return err
}

// authenticate finds out whose request it is; a non-nil answer refuses it.
func (c *conn) authenticate(req *base.Request) (*account.Row, *base.Response, error) {
	s := c.server
	ask := func() *base.Response {
		return &base.Response{StatusCode: base.StatusUnauthorized,
			Header: base.Header{"WWW-Authenticate": login.Challenges(account.Realm, c.nonce, c.secure)}}
	}
	v := req.Header["Authorization"]
	if len(v) == 0 {
		return nil, ask(), nil
	}
	now := time.Now()
	if !s.attempts.Allowed(c.remote.Addr(), now) {
		return nil, refuse(base.StatusForbidden, "Too many wrong passwords; wait a minute"), errGuessing
	}
	a, err := login.ReadAnswer(v[0])
	if err != nil || len(v) > 1 {
		return nil, refuse(base.StatusBadRequest, "This Authorization header cannot be understood"), nil
	}
	row := s.cfg.Book.Account(a.User)
	secret := s.nobody // so that an unknown user takes as long as a wrong password
	if row != nil {
		secret = row.Secret
	}
	proved := a.Proves(secret, account.Realm, c.nonce, string(req.Method))
	switch {
	case a.Basic && !c.secure: // it has given its password away; it must not find out that this works
		return nil, ask(), nil
	case !a.Basic && a.Nonce() != c.nonce:
		return nil, ask(), nil // of another connection: no attempt at anything
	case !proved || row == nil || !row.Valid(now) || !a.Basic && !covers(a.URI(), req.URL):
		s.attempts.Wrong(c.remote.Addr(), now)
		c.log().Warn("login refused", "account", printable(a.User))
		return nil, ask(), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.account != nil && c.account.ID != row.ID {
		return nil, refuse(base.StatusForbidden, "The session belongs to another account"), nil
	}
	c.account = row
	return row, nil, nil
}

// covers tells whether the URI that a client has signed is that of its request: some sign that of the stream for all, and
// some leave out scheme and host.
func covers(signed string, u *base.URL) bool {
	s, err := url.Parse(signed)
	if err != nil || u == nil {
		return false
	}
	a, b := strings.Trim(s.Path, "/")+"/", strings.Trim(u.Path, "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// known tells whether a request names the connection's session; a non-nil answer refuses it.
func (c *conn) known(req *base.Request) *base.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := req.Header["Session"]
	if c.session == nil || len(v) != 1 || !sessionIs(v[0], c.session.id) {
		return refuse(base.StatusSessionNotFound, "Session not found")
	}
	c.session.heard()
	return nil
}

// touch keeps a session alive by a request that need not name it.
func (c *conn) touch(req *base.Request) {
	if len(req.Header["Session"]) > 0 {
		c.known(req)
	}
}

func sessionIs(header, id string) bool {
	given, _, _ := strings.Cut(header, ";")
	return strings.TrimSpace(given) == id
}

// withSession names the session in an answer.
func (c *conn) withSession(res *base.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return
	}
	if res.Header == nil {
		res.Header = base.Header{}
	}
	res.Header["Session"] = base.HeaderValue{c.session.id + ";timeout=60"}
}

// printable bounds what a client says of itself.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 80)]
}
