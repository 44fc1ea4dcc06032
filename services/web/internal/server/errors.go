package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/services/web/internal/password"
)

// problem is what to answer for an error; ok is false when the error is none that the user could do something about.
func problem(err error) (p *answer.Problem, ok bool) {
	if errors.As(err, &p) {
		return p, true
	}
	if errors.Is(err, password.ErrBusy) {
		return later(http.StatusServiceUnavailable, "busy", "Too many people are logging in at once. Try again in a moment.", 2*time.Second), true
	}
	if errors.Is(err, context.Canceled) {
		return answer.Refuse(499, "canceled", "The request was given up."), true
	}
	return answer.Refuse(http.StatusInternalServerError, "internal", "Something went wrong inside the appliance. The log of the web service says what."), false
}

func later(status int, code, message string, after time.Duration) *answer.Problem {
	p := answer.Refuse(status, code, message)
	p.Detail.RetryAfterMs = max(1, after.Milliseconds())
	return p
}

func unauthorized() *answer.Problem {
	return answer.Refuse(http.StatusUnauthorized, "unauthorized", "You are not logged in, or your session has ended. Log in again.")
}

func waiting() *answer.Problem {
	return later(http.StatusServiceUnavailable, "waiting", "The appliance is still looking at its disks for earlier settings. Try again in a few seconds.", time.Second)
}

// noAccounts is for who logs in where nobody can: a new appliance, or one whose data disk is missing or comes late.
func noAccounts() *answer.Problem {
	return later(http.StatusServiceUnavailable, "no_accounts",
		"None of the disks that the appliance has found holds accounts. If it was set up before, its data disk may still be coming: try again in a few seconds. If it was not, set it up first.", 5*time.Second)
}

// linked ends with either of two contexts and has the values of the first.
func linked(a, b context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(a)
	stop := context.AfterFunc(b, cancel)
	return ctx, func() { stop(); cancel() }
}
