package system

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
)

const (
	// shellService is the service without which there is no shell; init starts it on demand.
	shellService = "shell"
	// shellMinutesMost is the longest time for which a shell is permitted at once.
	shellMinutesMost = 240
	// shellAgain is the pause before init is asked again to stop the service.
	shellAgain = 2 * time.Second
)

// shellInit starts and stops the service behind the shell: a supervisor.Link.
type shellInit interface {
	StartService(ctx context.Context, name string) error
	StopService(ctx context.Context, name string) error
}

// shells is the permission to open a full shell by SSH. It is in memory alone, and goes by the monotonic clock, so that no
// clock that is set prolongs it. What it is for is the shell service: it runs while there is a permission, and no longer; so
// Run begins by having it stopped, for the permission that this process' predecessor gave is not known any more.
type shells struct {
	init    shellInit
	publish func(api.SSHSwitch)
	console *console.Console
	log     *slog.Logger
	news    chan struct{} // holds one: the permission has changed

	acting sync.Mutex // over what is decided and what init is asked for it; taken before mu

	mu    sync.Mutex
	ssh   sysconfig.SSH
	until time.Time // zero: not permitted
	since time.Time
	by    string
}

func newShells(init shellInit, publish func(api.SSHSwitch), say *console.Console, log *slog.Logger) *shells {
	return &shells{init: init, publish: publish, console: say, log: log, news: make(chan struct{}, 1)}
}

// configure takes over how SSH is set. Without SSH there is no shell.
func (s *shells) configure(c sysconfig.SSH) {
	s.mu.Lock()
	s.ssh = c
	ended := !c.Enabled && !s.until.IsZero()
	if ended {
		s.until = time.Time{}
	}
	s.publish(sshSwitch(c, s.until))
	s.mu.Unlock()
	if ended {
		s.log.Warn("full shell ended", "reason", "SSH is switched off")
		s.wake()
	}
}

func (s *shells) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// describe is the permission as the API shows it; zero: there is none.
func (s *shells) describe() api.SSHShell {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := time.Until(s.until)
	if s.until.IsZero() || left <= 0 {
		return api.SSHShell{}
	}
	now := time.Now()
	return api.SSHShell{LeftMs: left.Milliseconds(), UntilMs: now.Add(left).UnixMilli(), SinceMs: now.Add(-time.Since(s.since)).UnixMilli(), By: s.by}
}

// AllowShell permits it for a while from now.
func (s *shells) AllowShell(ctx context.Context, r api.SSHShellRequest, by httpapi.Caller) error {
	if r.Minutes < 1 || r.Minutes > shellMinutesMost {
		return answer.Field("minutes", "bad_minutes", fmt.Sprintf("Choose from 1 to %d minutes.", shellMinutesMost))
	}
	s.mu.Lock()
	on := s.ssh.Enabled
	s.mu.Unlock()
	if !on {
		return answer.Refuse(http.StatusConflict, "ssh_off", "SSH is off. Switch it on first: a full shell is reached by it.")
	}
	s.acting.Lock()
	defer s.acting.Unlock()
	if err := s.init.StartService(ctx, shellService); err != nil {
		return err
	}
	s.mu.Lock()
	now := time.Now()
	if s.until.IsZero() {
		s.since = now
	}
	s.until, s.by = now.Add(time.Duration(r.Minutes)*time.Minute), by.User
	if !s.ssh.Enabled { // meanwhile
		s.until = time.Time{}
	}
	s.publish(sshSwitch(s.ssh, s.until))
	s.mu.Unlock()
	s.log.Warn("full shell permitted", "minutes", r.Minutes, "user", by.User)
	s.console.Say("ssh", "a full shell is permitted for %d minutes by %s", r.Minutes, by.User)
	s.wake()
	return nil
}

// EndShell takes the permission away, and ends the shells that run.
func (s *shells) EndShell(_ context.Context, by httpapi.Caller) error {
	if s.end() {
		s.log.Warn("full shell ended", "user", by.User)
		s.console.Say("ssh", "the full shell is ended by %s", by.User)
	}
	s.wake()
	return nil
}

// end says whether there was a permission.
func (s *shells) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := !s.until.IsZero()
	s.until = time.Time{}
	s.publish(sshSwitch(s.ssh, s.until))
	return was
}

// left is the time until the permission ends; zero: there is none.
func (s *shells) left() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.IsZero() {
		return 0
	}
	return max(time.Until(s.until), 0)
}

// run has the service stopped whenever there is no permission, until ctx ends.
func (s *shells) run(ctx context.Context) error {
	for ctx.Err() == nil {
		var later <-chan time.Time
		if next := s.turn(ctx); next > 0 {
			later = time.After(next)
		}
		select {
		case <-ctx.Done():
		case <-s.news:
		case <-later:
		}
	}
	return nil
}

// turn does what is due, and says when to look again; zero: once there is news.
func (s *shells) turn(ctx context.Context) time.Duration {
	s.acting.Lock()
	defer s.acting.Unlock()
	if left := s.left(); left > 0 {
		return left
	}
	if s.end() {
		s.log.Warn("full shell ended", "reason", "its time is over")
		s.console.Say("ssh", "the time of the full shell is over")
	}
	if err := s.init.StopService(ctx, shellService); err != nil {
		s.log.Debug("stop the shell service", "err", err)
		return shellAgain
	}
	return 0
}
