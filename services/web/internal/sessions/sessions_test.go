package sessions

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var rules = Rules{Idle: time.Hour, Age: 10 * time.Hour, PerUser: 3}

func table(t *testing.T) *Table {
	return New(rules, filepath.Join(t.TempDir(), "sessions.json"), slog.New(slog.DiscardHandler))
}

func anybody(string) bool { return true }

func TestSessionEndsWhenIdleAndAtItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		token, s := tab.Start("admin")
		for range 9 { // used often enough, it lives on
			time.Sleep(59 * time.Minute)
			if tab.Use(token) != s {
				t.Fatal("ended before its time")
			}
		}
		time.Sleep(59 * time.Minute)
		if tab.Use(token) != s {
			t.Fatal("ended before its age")
		}
		if got, want := tab.Expires(s).Sub(s.opened), rules.Age; got != want {
			t.Errorf("expires %v after log-in, want %v", got, want)
		}
		time.Sleep(11 * time.Minute)
		if tab.Use(token) != nil || s.Context().Err() == nil {
			t.Error("lives beyond its age")
		}
		token, s = tab.Start("admin")
		time.Sleep(rules.Idle)
		if tab.Use(token) != nil || s.Context().Err() == nil {
			t.Error("lives though idle")
		}
	})
}

func TestRunEndsWhatNobodyAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		_, s := tab.Start("admin")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- tab.Run(ctx) }()
		time.Sleep(rules.Idle - time.Second)
		if s.Context().Err() != nil {
			t.Error("ended before its time")
		}
		time.Sleep(time.Second + sweepEvery)
		synctest.Wait()
		if s.Context().Err() == nil {
			t.Error("an open stream would outlive its session")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestEndAndEndOthers(t *testing.T) {
	tab := table(t)
	t1, s1 := tab.Start("admin")
	t2, s2 := tab.Start("admin")
	t3, s3 := tab.Start("guard")
	tab.EndOthers(s1)
	if tab.Use(t1) != s1 || tab.Use(t2) != nil || tab.Use(t3) != s3 || s2.Context().Err() == nil {
		t.Error("EndOthers ended others than the user's others")
	}
	tab.End(s1)
	if tab.Use(t1) != nil || s1.Context().Err() == nil {
		t.Error("End did not end")
	}
}

func TestTooManySessionsEndTheLongestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		t1, _ := tab.Start("admin")
		time.Sleep(time.Second)
		t2, _ := tab.Start("admin")
		time.Sleep(time.Second)
		tab.Start("guard")
		tab.Start("admin")
		tab.Use(t1)
		tab.Start("admin")
		if tab.Use(t1) == nil || tab.Use(t2) != nil {
			t.Error("not the longest idle session ended")
		}
	})
}

func TestSessionsSurviveARestartOfTheServiceAsHashesOnly(t *testing.T) {
	tab := table(t)
	token, _ := tab.Start("admin")
	gone, _ := tab.Start("removed")
	b, err := os.ReadFile(tab.path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || strings.Contains(string(b), token) || strings.Contains(string(b), string(raw)) {
		t.Errorf("the file holds a token (%v)", err)
	}
	info, err := os.Stat(tab.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	next := New(rules, tab.path, tab.log)
	if err := next.Load(func(u string) bool { return u != "removed" }); err != nil {
		t.Fatal(err)
	}
	if s := next.Use(token); s == nil || s.Username != "admin" {
		t.Errorf("session after a restart: %v", s)
	}
	if next.Use(gone) != nil {
		t.Error("session of a user who no longer exists")
	}
}

func TestLoadLeavesOutWhatHasExpiredOrLiesInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := table(t)
		token, _ := tab.Start("admin")
		later := New(rules, tab.path, tab.log)
		earlier := time.Now()
		time.Sleep(rules.Idle)
		if err := later.Load(anybody); err != nil || later.Use(token) != nil {
			t.Errorf("an expired session was taken up (%v)", err)
		}
		future := strings.ReplaceAll(`[{"key":"`+strings.Repeat("ab", 32)+`","username":"admin","openedMs":T,"usedMs":T}]`,
			"T", "99999999999999")
		if err := os.WriteFile(tab.path, []byte(future), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := later.Load(anybody); err != nil || len(later.entries) != 0 {
			t.Errorf("a session from the future was taken up at %v (%v)", earlier, err)
		}
	})
}

var files = []struct {
	name, content string
	bad           bool
}{
	{"empty list", `[]`, false},
	{"not JSON", `[{`, true},
	{"short key", `[{"key":"ab","username":"a","openedMs":1,"usedMs":1}]`, false},
	{"long key", `[{"key":"` + strings.Repeat("ab", 33) + `","username":"a","openedMs":1,"usedMs":1}]`, false},
	{"no hex", `[{"key":"` + strings.Repeat("zz", 32) + `","username":"a","openedMs":1,"usedMs":1}]`, false},
	{"used before opened", `[{"key":"` + strings.Repeat("ab", 32) + `","username":"a","openedMs":9,"usedMs":1}]`, false},
	{"too large", strings.Repeat(" ", maxFile) + `[]`, true},
}

func TestLoadPassesOverWhatIsDamaged(t *testing.T) {
	for _, c := range files {
		tab := table(t)
		if err := os.WriteFile(tab.path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := tab.Load(anybody); (err != nil) != c.bad || len(tab.entries) != 0 {
			t.Errorf("%s: %d sessions, %v", c.name, len(tab.entries), err)
		}
	}
	if err := table(t).Load(anybody); err != nil {
		t.Errorf("no file: %v", err)
	}
}

var tokens = []string{
	"", "x", strings.Repeat("A", 42), strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("_", 43),
	strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "=", strings.Repeat("A", 21) + "\n" + strings.Repeat("A", 21),
}

func FuzzToken(f *testing.F) {
	for _, s := range tokens {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		tab := New(rules, filepath.Join(t.TempDir(), "s"), slog.New(slog.DiscardHandler))
		if tab.Use(token) != nil {
			t.Errorf("token %q opens an empty table", token)
		}
		if _, ok := parseToken(token); ok {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil || base64.RawURLEncoding.EncodeToString(raw) != token {
				t.Errorf("%q is accepted and is not the one way to write its bytes", token)
			}
		}
	})
}

func TestParseTokenTakesOnlyWhatStartMakes(t *testing.T) {
	for i, s := range tokens {
		if _, ok := parseToken(s); ok != (i == 3) {
			t.Errorf("%q: %v", s, ok)
		}
	}
}
