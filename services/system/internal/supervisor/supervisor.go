// Package supervisor is the service's link to init: it shows init's services on the board and passes on what an
// administrator asks of them, or of the machine's power. It keeps no state of its own; init is the truth.
package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/initctl"
)

// interval is the pause between two looks at init. A change shows within it.
const interval = 2 * time.Second

// Init is what is needed of initctl.Client.
type Init interface {
	Status(ctx context.Context) (initctl.Status, error)
	Restart(ctx context.Context, service string) error
	Kill(ctx context.Context, service string) error
	Stop(ctx context.Context, service string) error
	Start(ctx context.Context, service string) error
	Log(ctx context.Context, service string) ([]string, error)
	PowerOff(ctx context.Context) error
	Reboot(ctx context.Context) error
}

// Link speaks to one init, or to none.
type Link struct {
	init    Init
	publish func([]api.Service)
	log     *slog.Logger
}

// New returns a link; init is nil where there is none (a developer's host).
func New(init Init, publish func([]api.Service), log *slog.Logger) *Link {
	return &Link{init: init, publish: publish, log: log}
}

// Run follows init until ctx is cancelled. An init that does not answer leaves the last state standing.
func (l *Link) Run(ctx context.Context) error {
	if l.init == nil {
		<-ctx.Done()
		return nil
	}
	answers := true
	for {
		status, err := l.init.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			l.publish(Services(status))
		case answers:
			l.log.Error("init does not answer", "err", err)
		}
		answers = err == nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

// Services are init's services in the words of the API.
func Services(s initctl.Status) []api.Service {
	out := make([]api.Service, 0, len(s.Services))
	for _, v := range s.Services {
		out = append(out, api.Service{
			Name: v.Name, Status: api.ServiceStatus(v.Status), Reason: v.Reason, Pid: v.PID,
			SinceMs: v.SinceMs, Restarts: v.Restarts, MemoryBytes: v.MemoryBytes, Stoppable: v.Stoppable, OnDemand: v.OnDemand,
		})
	}
	return out
}

// Power switches the machine off or restarts it.
func (l *Link) Power(ctx context.Context, action api.PowerRequestAction) error {
	if l.init == nil {
		return noInit()
	}
	l.log.Info("power", "action", string(action))
	switch action {
	case api.PowerRequestActionPoweroff:
		return word(l.init.PowerOff(ctx))
	case api.PowerRequestActionReboot:
		return word(l.init.Reboot(ctx))
	}
	return answer.Field("action", "bad_action", "The action must be poweroff or reboot.")
}

// RestartService restarts a service by name, in order or at once.
func (l *Link) RestartService(ctx context.Context, name string, atOnce bool) error {
	if atOnce {
		return l.ask(ctx, name, "kill", Init.Kill)
	}
	return l.ask(ctx, name, "restart", Init.Restart)
}

// StopService stops a service until it is started, or the machine is.
func (l *Link) StopService(ctx context.Context, name string) error {
	return l.ask(ctx, name, "stop", Init.Stop)
}

// StartService lets a service run again that was stopped.
func (l *Link) StartService(ctx context.Context, name string) error {
	return l.ask(ctx, name, "start", Init.Start)
}

func (l *Link) ask(ctx context.Context, name, what string, do func(Init, context.Context, string) error) error {
	if l.init == nil {
		return noInit()
	}
	if err := l.known(ctx, name); err != nil {
		return err
	}
	l.log.Info(what, "service", name)
	return word(do(l.init, ctx, name))
}

// ServiceLog returns the newest lines of a service's log, or of init's own.
func (l *Link) ServiceLog(ctx context.Context, name string) ([]string, error) {
	if l.init == nil {
		return nil, noInit()
	}
	if name != "init" {
		if err := l.known(ctx, name); err != nil {
			return nil, err
		}
	}
	lines, err := l.init.Log(ctx, name)
	return lines, word(err)
}

func (l *Link) known(ctx context.Context, name string) error {
	status, err := l.init.Status(ctx)
	if err != nil {
		return word(err)
	}
	var names []string
	for _, s := range status.Services {
		if s.Name == name {
			return nil
		}
		names = append(names, s.Name)
	}
	return answer.Refuse(http.StatusNotFound, "no_service", "There is no such service; there are "+strings.Join(names, ", ")+".")
}

func noInit() error {
	return answer.Refuse(http.StatusConflict, "no_init", "Vigie was not booted from its own image here, so services and power are not its to control.")
}

// word turns an error of init into an answer for people.
func word(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, initctl.ErrRefused):
		return answer.Refuse(http.StatusConflict, "refused", "The machine's supervisor refused: "+strings.TrimPrefix(err.Error(), initctl.ErrRefused.Error()+": ")+".")
	}
	p := answer.Refuse(http.StatusServiceUnavailable, "init_unreachable", "The machine's supervisor does not answer ("+err.Error()+"). Try again in a moment.")
	p.Detail.RetryAfterMs = 2000
	return p
}
