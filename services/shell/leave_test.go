package shell

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
)

// permits is a system service that permits shells for a while, or does not answer.
type permits struct {
	left time.Duration
	away bool
	told int
}

func (p *permits) SSH(context.Context) (api.SSH, error) {
	p.told++
	if p.away {
		return api.SSH{}, errors.New("away")
	}
	return api.SSH{Shell: api.SSHShell{LeftMs: p.left.Milliseconds()}}, nil
}

func TestTheLeaveEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, l, p := slog.New(slog.DiscardHandler), newLeave(), &permits{left: 15 * time.Minute}
		follow := func(s api.SSHSwitch) { l.follow(t.Context(), p, s, log) }
		given := func() bool { synctest.Wait(); return l.given().Err() == nil }
		if given() {
			t.Error("given by nobody")
		}
		follow(api.SSHSwitch{Shell: true, Version: "1"})
		first := l.given()
		if !given() {
			t.Fatal("not given")
		}
		time.Sleep(10 * time.Minute)
		follow(api.SSHSwitch{Shell: true, Version: "1"}) // something else of the machine has changed
		time.Sleep(4 * time.Minute)
		p.left = time.Hour
		follow(api.SSHSwitch{Shell: true, Version: "2"}) // prolonged: shells that run go on
		if !given() || first.Err() != nil || p.told != 2 {
			t.Errorf("given %v, the first %v, asked %d times", given(), first.Err(), p.told)
		}
		time.Sleep(time.Hour - time.Second)
		if !given() {
			t.Error("it ended early")
		}
		time.Sleep(time.Second) // nobody says that it is over
		if given() || first.Err() == nil {
			t.Error("it goes on")
		}
		follow(api.SSHSwitch{Shell: true, Version: "3"})
		if !given() {
			t.Error("not given anew")
		}
		follow(api.SSHSwitch{Version: "4"})
		if given() {
			t.Error("taken away, and given still")
		}
		p.left = 0
		follow(api.SSHSwitch{Shell: true, Version: "5"}) // and over by the time of the question
		if given() {
			t.Error("given for no time")
		}
	})
}

func TestWithoutTheSystemServiceThereIsNoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := newLeave(), &permits{left: time.Hour, away: true}
		began := time.Now()
		l.follow(t.Context(), p, api.SSHSwitch{Shell: true, Version: "1"}, slog.New(slog.DiscardHandler))
		if l.given().Err() == nil || p.told != tries || time.Since(began) > time.Minute {
			t.Errorf("asked %d times in %v", p.told, time.Since(began))
		}
		p.away = false
		l.follow(t.Context(), p, api.SSHSwitch{Shell: true, Version: "1"}, slog.New(slog.DiscardHandler))
		if l.given().Err() != nil {
			t.Error("not given though it is back")
		}
	})
}
