// Package appliance uses an appliance as its owner does: it reads what the console says, and speaks to the web admin's
// public API over HTTPS, trusting the certificate by the fingerprint that the console shows.
package appliance

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Greeting is what web prints on the console when it is ready.
type Greeting struct {
	URL         string // of the web admin
	Fingerprint string // SHA-256 of the certificate, hexadecimal pairs with colons
	SetupCode   string // one-time code of the first set-up; empty when there is an administrator
}

// Screen collects a Greeting from lines of the console, of the whole machine or of web alone. Safe for use from
// several goroutines.
type Screen struct {
	mu      sync.Mutex
	partial string
	print   []string
	seen    Greeting
	done    bool
	opening bool // addresses are being told
	changed chan struct{}
}

// NewScreen returns an empty screen.
func NewScreen() *Screen { return &Screen{changed: make(chan struct{})} }

func linePatterns() (open, code, admin, print *regexp.Regexp) {
	return regexp.MustCompile(`Open (https://\S+) in a browser`),
		regexp.MustCompile(`first set-up: enter code (\S+) on that page`),
		regexp.MustCompile(`administrator is set`),
		regexp.MustCompile(`(?:^|\s)((?:[0-9A-F]{2}:){15}[0-9A-F]{2})\s*$`)
}

// Write takes console output.
func (s *Screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(s.partial+string(b), "\n")
	s.partial = lines[len(lines)-1]
	for _, l := range lines[:len(lines)-1] {
		s.line(strings.TrimRight(l, "\r"))
	}
	return len(b), nil
}

func (s *Screen) line(l string) {
	open, code, admin, print := linePatterns()
	switch {
	case open.MatchString(l):
		if !s.opening { // of several addresses the first is the usual one
			s.seen.URL = open.FindStringSubmatch(l)[1]
		}
		s.print, s.done, s.opening = nil, false, true
	case print.MatchString(l) && len(s.print) < 2: // others belong to other names
		s.opening = false
		s.print = append(s.print, print.FindStringSubmatch(l)[1])
		s.seen.Fingerprint = strings.Join(s.print, ":")
	case code.MatchString(l):
		s.seen.SetupCode = code.FindStringSubmatch(l)[1]
		s.finish()
	case admin.MatchString(l):
		s.seen.SetupCode = ""
		s.finish()
	}
}

func (s *Screen) finish() {
	s.done = s.seen.URL != "" && len(s.print) == 2
	close(s.changed)
	s.changed = make(chan struct{})
}

// Greeting waits until the greeting is complete.
func (s *Screen) Greeting(ctx context.Context) (Greeting, error) { return s.GreetingAt(ctx, "") }

// GreetingAt waits until it is for the web admin at a URL, or at any when that is empty: a machine with several cards has
// a new greeting whenever one gets its address, and a certificate for it.
func (s *Screen) GreetingAt(ctx context.Context, url string) (Greeting, error) {
	for {
		s.mu.Lock()
		seen, done, changed := s.seen, s.done, s.changed
		s.mu.Unlock()
		if done && (url == "" || url == seen.URL) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Greeting{}, fmt.Errorf("the console has not said how to log in (so far: %+v): %w", seen, ctx.Err())
		}
	}
}
