package system

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
)

// fakeInit notes what it is asked for, and may be away.
type fakeInit struct {
	mu   sync.Mutex
	did  []string
	away bool
}

func (f *fakeInit) do(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errors.New("no answer")
	}
	f.did = append(f.did, what)
	return nil
}
func (f *fakeInit) StartService(_ context.Context, name string) error { return f.do("start " + name) }
func (f *fakeInit) StopService(_ context.Context, name string) error  { return f.do("stop " + name) }

// asked is what it was asked for since the last question.
func (f *fakeInit) asked() []string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	did := f.did
	f.did = nil
	return did
}

// permitting runs shells until the test ends; state is what other services are told last.
func permitting(t *testing.T) (s *shells, init *fakeInit, state func() api.SSHSwitch) {
	t.Helper()
	var mu sync.Mutex
	var told api.SSHSwitch
	init = &fakeInit{}
	s = newShells(init, func(v api.SSHSwitch) { mu.Lock(); told = v; mu.Unlock() }, console.New(io.Discard), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, init, func() api.SSHSwitch {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return told
	}
}

var (
	sshOn = sysconfig.SSH{Enabled: true, Passwords: true}
	jane  = httpapi.Caller{User: "jane"}
)

func TestAFullShellIsPermittedForItsTimeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, init, state := permitting(t)
		if did := init.asked(); !slices.Equal(did, []string{"stop shell"}) {
			t.Errorf("what a predecessor permitted: %q", did)
		}
		var refusal *answer.Problem
		if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 15}, jane); !errors.As(err, &refusal) || refusal.Detail.Code != "ssh_off" {
			t.Errorf("without SSH: %v", err)
		}
		s.configure(sshOn)
		refusedField(t, s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 241}, jane), "minutes", "1 to 240")
		refusedField(t, s.AllowShell(t.Context(), api.SSHShellRequest{}, jane), "minutes", "1 to 240")
		before := state()
		if before.Shell || s.describe() != (api.SSHShell{}) || init.asked() != nil {
			t.Errorf("permitted by nobody: %+v", before)
		}
		if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 15}, jane); err != nil {
			t.Fatal(err)
		}
		first := state()
		if did := init.asked(); !first.Shell || first.Version == before.Version || !slices.Equal(did, []string{"start shell"}) {
			t.Errorf("%+v, %q", first, did)
		}
		time.Sleep(10 * time.Minute)
		if d := s.describe(); d.By != "jane" || d.LeftMs != (5*time.Minute).Milliseconds() || d.UntilMs-time.Now().UnixMilli() != d.LeftMs || time.Now().UnixMilli()-d.SinceMs != (10*time.Minute).Milliseconds() {
			t.Errorf("%+v", d)
		}
		if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 60}, jane); err != nil { // from now
			t.Fatal(err)
		}
		if again := state(); !again.Shell || again.Version == first.Version {
			t.Errorf("the change is not told: %+v", again)
		}
		init.asked()
		time.Sleep(time.Hour - time.Second)
		if did := init.asked(); !state().Shell || did != nil {
			t.Errorf("a second before its end: %+v, %q", state(), did)
		}
		time.Sleep(time.Second)
		if did := init.asked(); state().Shell || s.describe() != (api.SSHShell{}) || !slices.Equal(did, []string{"stop shell"}) {
			t.Errorf("at its end: %+v, %q", state(), did)
		}
	})
}

func TestAFullShellEndsAtOnce(t *testing.T) {
	for how, end := range map[string]func(s *shells) error{
		"on request":  func(s *shells) error { return s.EndShell(t.Context(), jane) },
		"without SSH": func(s *shells) error { s.configure(sysconfig.SSH{}); return nil },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, init, state := permitting(t)
				s.configure(sshOn)
				if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 240}, jane); err != nil {
					t.Fatal(err)
				}
				init.asked()
				if err := end(s); err != nil {
					t.Fatal(err)
				}
				if did := init.asked(); state().Shell || !slices.Equal(did, []string{"stop shell"}) {
					t.Errorf("%+v, %q", state(), did)
				}
				time.Sleep(5 * time.Hour)
				if did := init.asked(); did != nil {
					t.Errorf("later: %q", did)
				}
			})
		})
	}
}

func TestTheShellsServiceIsStoppedOnceInitAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, init, state := permitting(t)
		s.configure(sshOn)
		init.asked()
		if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 15}, jane); err != nil {
			t.Fatal(err)
		}
		init.asked()
		init.mu.Lock()
		init.away = true
		init.mu.Unlock()
		if err := s.AllowShell(t.Context(), api.SSHShellRequest{Minutes: 60}, jane); err == nil || s.describe().LeftMs > (15*time.Minute).Milliseconds() {
			t.Errorf("%v, %+v", err, s.describe())
		}
		time.Sleep(20 * time.Minute)
		if state().Shell {
			t.Error("it is permitted on")
		}
		init.mu.Lock()
		init.away = false
		init.mu.Unlock()
		time.Sleep(shellAgain)
		if did := init.asked(); !slices.Equal(did, []string{"stop shell"}) {
			t.Errorf("%q", did)
		}
	})
}
