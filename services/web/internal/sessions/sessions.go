// Package sessions knows who is logged in.
//
// A session is opened with a random 256-bit token that only the browser keeps: here it is known by its SHA-256, so that
// a copy of the table opens no door. It ends by log-out, when idle for too long, at a fixed age, when the user's
// password changes, or when the user opens too many others. Its context ends with it, and with that everything that
// runs in its name, such as live streams.
//
// The table lives in RAM and in one file in the service's folder on tmpfs, so that a restart of the service logs nobody
// out, while a restart of the machine does. A Table is safe for many goroutines.
package sessions

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"
)

// Rules bound a session's life.
type Rules struct {
	Idle    time.Duration // without a request
	Age     time.Duration // since log-in
	PerUser int           // sessions of one user; the one longest idle goes
}

// Default suits an admin's browser as well as a wall screen that shows live pictures for weeks.
func Default() Rules { return Rules{Idle: 24 * time.Hour, Age: 30 * 24 * time.Hour, PerUser: 32} }

const (
	tokenBytes = 32
	// sweepEvery is how late an expired session may be noticed when nobody asks for it.
	sweepEvery = 30 * time.Second
)

// key is the SHA-256 of a token.
type key [sha256.Size]byte

// Session is one log-in. Its fields do not change; where its expiry stands, Table.Expires tells.
type Session struct {
	Username string
	ctx      context.Context
	end      context.CancelFunc
	key      key
	opened   time.Time
	used     time.Time // guarded by the table's mutex
}

// Context ends when the session does.
func (s *Session) Context() context.Context { return s.ctx }

// Table is all sessions.
type Table struct {
	rules Rules
	path  string
	log   *slog.Logger

	mu      sync.Mutex
	entries map[key]*Session
	dirty   bool
	failing bool // the last save failed
}

// New makes an empty table that is kept in the file at path.
func New(rules Rules, path string, log *slog.Logger) *Table {
	return &Table{rules: rules, path: path, log: log, entries: map[key]*Session{}}
}

// Start opens a session and returns the token for the cookie.
func (t *Table) Start(username string) (token string, s *Session) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) // never fails: crypto/rand ends the process rather than return an error
	token = base64.RawURLEncoding.EncodeToString(raw)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	s = t.add(key(sha256.Sum256(raw)), username, now, now)
	t.limit(username)
	t.save()
	return token, s
}

// Use finds the session of a token and notes that it is in use; nil when there is none (any more).
func (t *Table) Use(token string) *Session {
	k, ok := parseToken(token)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.entries[k]
	if s == nil {
		return nil
	}
	now := time.Now()
	if !now.Before(t.expires(s)) {
		t.drop(s)
		t.save()
		return nil
	}
	s.used, t.dirty = now, true
	return s
}

// Expires is when the session ends unless it is used before, or at the latest.
func (t *Table) Expires(s *Session) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires(s)
}

// End logs out.
func (t *Table) End(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(s)
	t.save()
}

// EndOthers ends all sessions of the user of s but s itself.
func (t *Table) EndOthers(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, other := range t.entries {
		if other != s && other.Username == s.Username {
			t.drop(other)
		}
	}
	t.save()
}

// EndOf ends all sessions of a user.
func (t *Table) EndOf(username string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.entries {
		if s.Username == username {
			t.drop(s)
		}
	}
	t.save()
}

// Count is how many sessions each user has.
func (t *Table) Count() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := map[string]int{}
	now := time.Now()
	for _, s := range t.entries {
		if now.Before(t.expires(s)) {
			n[s.Username]++
		}
	}
	return n
}

// EndAll ends every session.
func (t *Table) EndAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.entries {
		t.drop(s)
	}
	t.save()
}

// Run ends sessions as they expire and keeps the file current until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.dirty {
				t.save()
			}
			return nil
		case <-tick.C:
			t.sweep()
		}
	}
}

func (t *Table) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, s := range t.entries {
		if !now.Before(t.expires(s)) {
			t.drop(s)
		}
	}
	if t.dirty {
		t.save()
	}
}

func (t *Table) expires(s *Session) time.Time {
	idle, age := s.used.Add(t.rules.Idle), s.opened.Add(t.rules.Age)
	if idle.Before(age) {
		return idle
	}
	return age
}

func (t *Table) add(k key, username string, opened, used time.Time) *Session {
	s := &Session{Username: username, key: k, opened: opened, used: used}
	s.ctx, s.end = context.WithCancel(context.Background())
	t.entries[k] = s
	return s
}

func (t *Table) drop(s *Session) {
	s.end()
	delete(t.entries, s.key)
	t.dirty = true
}

// limit drops the user's longest idle sessions beyond the allowed number.
func (t *Table) limit(username string) {
	for {
		n := 0
		var oldest *Session
		for _, s := range t.entries {
			if s.Username == username {
				n++
				if oldest == nil || s.used.Before(oldest.used) {
					oldest = s
				}
			}
		}
		if n <= t.rules.PerUser {
			return
		}
		t.drop(oldest)
	}
}

func parseToken(token string) (key, bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return key{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return key{}, false
	}
	return sha256.Sum256(raw), true
}
