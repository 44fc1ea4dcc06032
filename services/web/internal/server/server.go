// Package server is the web service's HTTP side: it puts guards, sessions, accounts, the gateways and the app together
// into one handler, and answers the operations tagged "web" itself.
//
// Every request passes the same gates in this order: limits of size and time; security headers; for the API: known
// path and method, origin, session, right. Only what passes them all reaches a handler or a gateway. Until the accounts are
// open (see Open) nothing needs a session but everything that does is refused with "waiting".
//
// The handler may be used by many goroutines. It owns no goroutines and does no I/O of its own.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/lockout"
	"vigie/internal/mirror"
	"vigie/services/engine/engineapi"
	"vigie/services/system/systemapi"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/guard"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/routes"
	"vigie/services/web/internal/sessions"
	"vigie/services/web/internal/setupcode"
)

// Cookie is the name of the session cookie. Its prefix makes browsers insist on Secure, Path=/ and no Domain.
const Cookie = "__Host-vigie"

// maxBody bounds a request's body, in bytes: the API has small JSON bodies. maxUpload bounds those that are files, which go on to
// their service as they come.
const (
	maxBody   = 1 << 20
	maxUpload = 512 << 20
)

// Upstream passes a request on to another service in the name of a user.
type Upstream interface {
	Serve(w http.ResponseWriter, r *http.Request, who rights.Who)
}

// Config is what a Server is made of.
type Config struct {
	Routes   *routes.Table
	Sessions *sessions.Table
	Hasher   *password.Hasher
	App      http.Handler // the single-page app, for every path outside the API
	Engine   Upstream
	System   Upstream
	NTP      Upstream
	SSH      Upstream
	// EngineAPI and SystemAPI are the same services, asked in web's own name: for a configuration as a whole.
	EngineAPI *engineapi.Client
	SystemAPI *systemapi.Client
	Hostname  func() string
	Code      setupcode.Code
	Copies    func() []mirror.Copy // of the accounts
	Logins    *logins.Book
	SetUp     func()          // called when the administrator has been set, or the password reset
	Stopping  context.Context // ends when the service stops: what only reads ends with it, changes are finished
	Log       *slog.Logger
}

// Server is the handler's state.
type Server struct {
	Config
	accounts atomic.Pointer[accounts.Store]
	guesses  *lockout.Table
	known    *known
	resets   resets
	own      map[string]operation // by operationId
	transfer sync.Mutex           // held while a configuration is exported or imported: one at a time
	// unfinished holds one while there may be an import that is not at its end.
	unfinished chan struct{}
	served     atomic.Uint64
}

// operation is one that the web service answers itself. s is nil only where the operation is public.
type operation func(w http.ResponseWriter, r *http.Request, s *sessions.Session) error

// New makes a Server. It fails when the specification has a "web" operation that nobody here answers, or one that
// ought not to be there.
func New(c Config) (*Server, error) {
	s := &Server{Config: c, guesses: lockout.New(4096), known: newKnown(1024), unfinished: make(chan struct{}, 1)}
	s.own = map[string]operation{
		"getSetup":          s.getSetup,
		"postSetup":         s.postSetup,
		"postReset":         s.postReset,
		"login":             s.login,
		"logout":            s.logout,
		"getSession":        s.getSession,
		"listLogins":        s.listLogins,
		"putPassword":       s.putPassword,
		"listUsers":         s.listUsers,
		"listAccountCopies": s.listCopies,
		"addUser":           s.addUser,
		"putUser":           s.putUser,
		"deleteUser":        s.deleteUser,
		"listLayouts":       s.listLayouts,
		"addLayout":         s.addLayout,
		"putLayout":         s.putLayout,
		"deleteLayout":      s.deleteLayout,

		"exportConfiguration": s.exportConfiguration,
		"importConfiguration": s.importConfiguration,
	}
	answered := 0
	for _, r := range c.Routes.All() {
		if r.Service != "web" {
			continue
		}
		if s.own[r.ID] == nil {
			return nil, fmt.Errorf("nobody answers %s %s (%s)", r.Method, r.Path, r.ID)
		}
		answered++
	}
	if answered != len(s.own) {
		return nil, fmt.Errorf("the specification has %d operations for the web service, not %d", answered, len(s.own))
	}
	return s, nil
}

// Open makes the accounts known: from here on people can set up and log in.
func (s *Server) Open(a *accounts.Store) {
	s.Logins.Open(a.Database())
	s.accounts.Store(a)
	s.wakeImport()
}

// Served counts requests that have been answered.
func (s *Server) Served() uint64 { return s.served.Load() }

// Handler is the whole web service.
func (s *Server) Handler() http.Handler {
	return guard.Slow(maxBody, s.upload, guard.Headers(http.HandlerFunc(s.serve)))
}

// upload is how large the body of a request may be whose body is a file; 0: it is not.
func (s *Server) upload(r *http.Request) int64 {
	if route, ok, _ := s.Routes.Find(r.Method, r.URL.EscapedPath()); ok && route.Upload && route.Service != "web" {
		return maxUpload
	}
	return 0
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer s.served.Add(1)
	path := r.URL.EscapedPath()
	if path != "/api" && !strings.HasPrefix(path, "/api/") {
		s.App.ServeHTTP(w, r)
		return
	}
	if err := s.serveAPI(w, r, path); err != nil {
		s.refuse(w, err)
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, path string) error {
	spec := path == routes.Prefix+"/openapi.yaml"
	route, ok, allowed := s.Routes.Find(r.Method, path)
	switch {
	case spec && (r.Method == http.MethodGet || r.Method == http.MethodHead):
	case spec:
		w.Header().Set("Allow", http.MethodGet)
		return answer.Refuse(http.StatusMethodNotAllowed, "bad_method", "The specification can only be read.")
	case !ok && allowed != nil:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return answer.Refuse(http.StatusMethodNotAllowed, "bad_method", "This path does not take "+r.Method+" requests.")
	case !ok:
		return answer.Refuse(http.StatusNotFound, "no_path", "The API has no such path.")
	}
	if !guard.SameOrigin(r) {
		return answer.Refuse(http.StatusForbidden, "cross_origin", "The request did not come from this appliance's own page. Open the appliance's address in the browser and try again.")
	}
	if route.Public {
		return s.own[route.ID](w, r, nil)
	}
	session := s.session(r)
	if session == nil {
		if s.accounts.Load() == nil {
			return waiting()
		}
		return unauthorized()
	}
	var user accounts.User
	if !spec {
		var err error
		if user, err = s.permit(session, route.Right); err != nil {
			return err
		}
	}
	switch {
	case spec:
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(api.Spec) // the client may be gone; nobody is left to tell
		return nil
	case route.Service == "web":
		return s.own[route.ID](w, r, session)
	}
	// What runs in the session's name ends with it.
	ctx, cancel := linked(r.Context(), session.Context())
	defer cancel()
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		ctx, cancel = linked(ctx, s.Stopping)
		defer cancel()
	}
	upstream := map[string]Upstream{"system": s.System, "engine": s.Engine, "ntp": s.NTP, "ssh": s.SSH}[route.Service]
	upstream.Serve(w, r.WithContext(ctx), rights.Who{Name: session.Username, Profile: user.Profile, Cameras: user.Cameras})
	return nil
}

// session is the one whose token the request carries. A request with several such cookies has none: which of them the
// browser meant cannot be known.
func (s *Server) session(r *http.Request) *sessions.Session {
	cookies := r.CookiesNamed(Cookie)
	if len(cookies) != 1 {
		return nil
	}
	return s.Sessions.Use(cookies[0].Value)
}

// refuse answers with an error; those that are no Problem are logged, and their text stays here.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	p, ok := problem(err)
	if !ok {
		s.Log.Error("request failed", "err", err)
	}
	if ms := p.Detail.RetryAfterMs; ms > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt((ms+999)/1000, 10))
	}
	answer.Fail(w, p)
}

// client is the address that a request comes from.
func client(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
