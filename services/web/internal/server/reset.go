package server

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/sessions"
	"vigie/services/web/internal/setupcode"
)

// resetWithin is how long the code of a reset is good for: the walk from the machine to a browser.
const resetWithin = 30 * time.Minute

// Reset is a password reset that somebody in front of the machine asked for and that has not been made use of.
type Reset struct {
	Username string
	Code     setupcode.Code
	Expires  time.Time
}

// resets keeps the one reset that may be pending. A newer one takes its place; a restart of the service forgets it.
type resets struct {
	mu      sync.Mutex
	pending *Reset
}

func (r *resets) set(p *Reset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = p
}

// get returns the pending reset, or nil.
func (r *resets) get() *Reset {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != nil && !time.Now().Before(r.pending.Expires) {
		r.pending = nil
	}
	return r.pending
}

// take ends a reset, and says whether it was still the pending one: of two that know the code, one is first.
func (r *resets) take(p *Reset) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine := r.pending == p
	if mine {
		r.pending = nil
	}
	return mine
}

// PendingReset returns the reset that waits for its code to be used; nil: none.
func (s *Server) PendingReset() *Reset { return s.resets.get() }

// BeginReset ends every session and lets whoever knows the new code set the administrator's password. It is for the
// machine's own console: standing there is the authorisation. The present password stays until another one is set.
func (s *Server) BeginReset() (*Reset, error) {
	store := s.accounts.Load()
	if store == nil {
		return nil, waiting()
	}
	user, err := store.First()
	if err != nil {
		return nil, err
	}
	if user.Username == "" {
		return nil, answer.Refuse(http.StatusConflict, "not_set_up", "There is no administrator yet: set one in the browser with the set-up code.")
	}
	p := &Reset{Username: user.Username, Code: setupcode.New(), Expires: time.Now().Add(resetWithin)}
	s.resets.set(p)
	s.Sessions.EndAll()
	s.Log.Warn("password reset", "result", "asked for on the console", "user", user.Username)
	s.note(logins.Console, logins.Person, logins.Reset, user.Username, netip.Addr{})
	return p, nil
}

// SetPassword sets the administrator's password, for whoever stands at a machine in rescue mode, where no browser reaches it. It is
// on a disk when this returns, if there is one. It returns his name.
func (s *Server) SetPassword(ctx context.Context, secret string) (string, error) {
	store := s.accounts.Load()
	if store == nil {
		return "", waiting()
	}
	user, err := store.First()
	if err != nil {
		return "", err
	}
	if user.Username == "" {
		return "", answer.Refuse(http.StatusConflict, "no_administrator", "There is no administrator on the volumes that are mounted. Mount the others, or set one up in the browser after a restart.")
	}
	hash, err := s.hashNew(ctx, user.Username, secret)
	if err != nil {
		return "", err
	}
	if err := store.ResetHash(user.Username, hash, time.Now()); err != nil {
		return "", err
	}
	s.Sessions.EndAll()
	s.Log.Warn("password reset", "result", "ok, in rescue mode", "user", user.Username)
	s.note(logins.Console, logins.Person, logins.Reset, user.Username, netip.Addr{})
	return user.Username, nil
}

func (s *Server) postReset(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error {
	var req api.ResetRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	store := s.accounts.Load()
	if store == nil {
		return waiting()
	}
	pending := s.resets.get()
	if pending == nil {
		return noReset()
	}
	if err := s.guess("password reset", r, pending.Code, req.Code, "Read it there again, or ask for a new one there."); err != nil {
		return err
	}
	hash, err := s.hashNew(r.Context(), pending.Username, req.Password)
	if err != nil {
		return err
	}
	if !s.resets.take(pending) {
		return noReset()
	}
	if err := store.ResetHash(pending.Username, hash, time.Now()); err != nil {
		return err
	}
	s.Sessions.EndAll()
	from := client(r)
	s.known.add(pending.Username, from)
	s.Log.Warn("password reset", "result", "ok", "user", pending.Username, "from", from)
	s.note(logins.Web, logins.Code, logins.OK, pending.Username, from)
	s.SetUp()
	s.openSession(w, r, pending.Username)
	return nil
}

func noReset() *answer.Problem {
	return answer.Refuse(http.StatusConflict, "no_reset", "No password reset is waiting: ask for one on the appliance's console. Its code is good for 30 minutes and for one use.")
}
