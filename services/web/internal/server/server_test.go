package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/logins"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/routes"
	"vigie/services/web/internal/sessions"
	"vigie/services/web/internal/setupcode"
)

const secret = "correct horse battery"

// nowhere is an upstream that nothing must reach.
type nowhere struct{ t *testing.T }

func (n nowhere) Serve(_ http.ResponseWriter, r *http.Request, _ rights.Who) {
	n.t.Errorf("%s went on", r.URL)
}

// bench is a Server with real accounts in RAM; requests go straight to its handler, so that time is the bubble's.
type bench struct {
	t      *testing.T
	s      *Server
	h      http.Handler
	store  *accounts.Store
	code   setupcode.Code
	hasher *password.Hasher
}

func newBench(t *testing.T) *bench {
	t.Helper()
	table, err := routes.Parse(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "accounts.db"), Name: "accounts"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	b := &bench{t: t, code: setupcode.New(), store: accounts.New(accounts.Mirrored(db)),
		hasher: password.NewHasher(password.Params{MemoryKiB: 64, Passes: 1, Threads: 1}, 2, 100)}
	s, err := New(Config{
		Routes: table, Sessions: sessions.New(sessions.Default(), filepath.Join(t.TempDir(), "s.json"), log),
		Hasher: b.hasher, App: http.NotFoundHandler(), Engine: nowhere{t}, System: nowhere{t},
		Hostname: func() string { return "vigie" }, Code: b.code, Logins: logins.New(log), SetUp: func() {}, Copies: func() []mirror.Copy { return []mirror.Copy{{ID: "v", Status: mirror.StatusOK, CheckedMs: 5}} }, Stopping: context.Background(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Open(b.store)
	b.s, b.h = s, s.Handler()
	return b
}

func (b *bench) addUser(name string) {
	b.t.Helper()
	hash, err := b.hasher.Hash(b.t.Context(), secret)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.AddFirst(name, hash, time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

// post posts from an address and returns the status and the error.
func (b *bench) post(from, path, body string) (int, api.Error) {
	b.t.Helper()
	r := httptest.NewRequest("POST", "https://vigie/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Origin", "https://vigie")
	r.RemoteAddr = from + ":1234"
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	var e api.Error
	if w.Code >= 400 {
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
			b.t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if e.RetryAfterMs > 0 && w.Header().Get("Retry-After") == "" {
		b.t.Error("no Retry-After")
	}
	return w.Code, e
}

func (b *bench) login(from, username, pass string) (int, api.Error) {
	b.t.Helper()
	return b.post(from, "/login", fmt.Sprintf(`{"username":%q,"password":%q}`, username, pass))
}

// lockOut guesses until refused, and returns how many guesses were examined and how long the wait is.
func (b *bench) lockOut(from, username string) (guesses int, wait time.Duration) {
	b.t.Helper()
	for ; guesses < 100; guesses++ {
		status, e := b.login(from, username, fmt.Sprint("guess ", guesses))
		if status == http.StatusTooManyRequests {
			if e.Code != "locked_out" || e.RetryAfterMs <= 0 {
				b.t.Errorf("%+v", e)
			}
			return guesses, time.Duration(e.RetryAfterMs) * time.Millisecond
		}
		if status != http.StatusUnauthorized || e.Code != "bad_login" {
			b.t.Fatalf("guess %d: %d %+v", guesses, status, e)
		}
	}
	b.t.Fatal("never locked out")
	return
}

func TestGuessingFromOnePlaceIsSlowedEvenForTheRightPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.addUser("admin")
		n, wait := b.lockOut("192.0.2.66", "admin")
		if n != byAddress().Free+1 || wait != byAddress().First {
			t.Errorf("%d guesses, then %v", n, wait)
		}
		if status, _ := b.login("192.0.2.66", "admin", secret); status != http.StatusTooManyRequests {
			t.Errorf("the right password during the wait: %d", status)
		}
		if status, _ := b.login("192.0.2.66", "somebody", secret); status != http.StatusTooManyRequests {
			t.Errorf("another name from the same place: %d", status)
		}
		if status, _ := b.login("192.0.2.7", "admin", secret); status != http.StatusOK {
			t.Errorf("from another place: %d", status)
		}
		guesses := 0
		for begin := time.Now(); time.Since(begin) < 24*time.Hour; {
			if status, e := b.login("192.0.2.66", "admin", "guess"); status == http.StatusTooManyRequests {
				time.Sleep(time.Duration(e.RetryAfterMs) * time.Millisecond)
			} else {
				guesses++
			}
		}
		if guesses > 120 {
			t.Errorf("%d guesses a day from one place", guesses)
		}
		time.Sleep(byAddress().Max)
		if status, _ := b.login("192.0.2.66", "admin", secret); status != http.StatusOK {
			t.Errorf("the right password after the wait: %d", status)
		}
		if n, _ := b.lockOut("192.0.2.66", "admin"); n != byAddress().Free+1 {
			t.Errorf("after a success %d guesses are free", n)
		}
	})
}

func TestGuessingFromManyPlacesIsSlowedButTheUserGetsInFromWhereHeIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.addUser("admin")
		if status, _ := b.login("192.0.2.7", "admin", secret); status != http.StatusOK {
			t.Fatal(status)
		}
		guesses := 0
		for i := range 200 {
			status, _ := b.login(fmt.Sprintf("198.51.100.%d", i), "ADMIN", "guess")
			if status == http.StatusUnauthorized {
				guesses++
			}
		}
		if guesses != byName().Free+1 {
			t.Errorf("%d guesses at one name from many places", guesses)
		}
		if status, _ := b.login("203.0.113.9", "admin", secret); status != http.StatusTooManyRequests {
			t.Errorf("from a place that is not known: %d", status)
		}
		if status, _ := b.login("192.0.2.7", "admin", secret); status != http.StatusOK {
			t.Errorf("from a place that is known: %d", status)
		}
	})
}

func TestNothingTellsWhetherAUserExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.addUser("admin")
		_, known := b.login("192.0.2.1", "admin", "guess")
		_, unknown := b.login("192.0.2.2", "nobody", "guess")
		if known != unknown {
			t.Errorf("%+v and %+v", known, unknown)
		}
		n1, w1 := b.lockOut("192.0.2.3", "admin")
		n2, w2 := b.lockOut("192.0.2.4", "nobody")
		if n1 != n2 || w1 != w2 {
			t.Errorf("%d, %v and %d, %v", n1, w1, n2, w2)
		}
	})
}

func TestGuessingAtTheSetUpCodeIsSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		setup := func(from, code string) (int, api.Error) {
			return b.post(from, "/setup", fmt.Sprintf(`{"code":%q,"username":"admin","password":%q}`, code, secret))
		}
		for i := range byCode().Free + 1 {
			if status, e := setup("192.0.2.66", "0000-0000"); status != http.StatusForbidden || e.Code != "bad_code" || e.Field != "code" {
				t.Fatalf("guess %d: %d %+v", i, status, e)
			}
		}
		if status, e := setup("192.0.2.66", b.code.String()); status != http.StatusTooManyRequests || e.RetryAfterMs != byCode().First.Milliseconds() {
			t.Errorf("the right code during the wait: %d %+v", status, e)
		}
		time.Sleep(byCode().First)
		if status, e := setup("192.0.2.66", b.code.String()); status != http.StatusOK {
			t.Errorf("after the wait: %d %+v", status, e)
		}
		if status, _ := setup("192.0.2.7", b.code.String()); status != http.StatusConflict {
			t.Errorf("a second administrator: %d", status)
		}
	})
}

func TestOfManySetUpsAtOnceOneWins(t *testing.T) {
	b := newBench(t)
	results := make(chan int, 10)
	for i := range cap(results) {
		go func() {
			status, _ := b.post(fmt.Sprintf("192.0.2.%d", i), "/setup", fmt.Sprintf(`{"code":%q,"username":"admin%d","password":%q}`, b.code, i, secret))
			results <- status
		}()
	}
	won := 0
	for range cap(results) {
		switch status := <-results; status {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d administrators", won)
	}
}

func TestAnOldHashIsRenewedAtLogIn(t *testing.T) {
	b := newBench(t)
	old, err := password.NewHasher(password.Params{MemoryKiB: 32, Passes: 1, Threads: 1}, 1, 1).Hash(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.AddFirst("admin", old, time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, _ := b.login("192.0.2.7", "admin", secret); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	u, err := b.store.Find("admin")
	if err != nil || !strings.Contains(u.Hash, "m=64,t=1") {
		t.Errorf("%s %v", u.Hash, err)
	}
}

func TestAPasswordThatIsOnlyTheBeginningIsWrong(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("correct horse battery ", 11)[:password.MaxBytes-20]
	hash, err := b.hasher.Hash(t.Context(), long+strings.Repeat("x", 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.AddFirst("admin", hash, time.Now()); err != nil {
		t.Fatal(err)
	}
	for tail, want := range map[string]int{strings.Repeat("x", 20): http.StatusOK, strings.Repeat("x", 21): http.StatusUnauthorized, strings.Repeat("x", 19): http.StatusUnauthorized} {
		if status, _ := b.login("192.0.2.7", "admin", long+tail); status != want {
			t.Errorf("%d bytes: %d", len(long+tail), status)
		}
	}
}

// TestAnUnknownOperationKeepsTheServiceFromStarting: a path added to the specification for the web service has to be
// answered here, or nothing runs.
func TestAnUnknownOperationKeepsTheServiceFromStarting(t *testing.T) {
	for _, spec := range []string{
		strings.Replace(string(api.Spec), "operationId: logout", "operationId: logOutEverywhere", 1),
		strings.Replace(string(api.Spec), "tags: [engine]\n      operationId: listCameras", "tags: [web]\n      operationId: listCameras", 1),
	} {
		table, err := routes.Parse([]byte(spec))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Routes: table}); err == nil {
			t.Error("accepted")
		}
	}
}
