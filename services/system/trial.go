package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
)

// trialLimit is how long a change waits to be confirmed.
const trialLimit = time.Minute

// subjects are what people call what is on trial.
var subjects = map[api.TrialSubject]string{
	api.TrialSubjectNetwork: "network", api.TrialSubjectFirewall: "firewall", api.TrialSubjectWebPort: "web admin's port",
}

// trials puts changes of the configuration by which administrators could lock themselves out in force for a minute. What
// nobody confirms, over a connection that was made since, is rolled back; nothing of it was saved. There is one trial at a
// time.
type trials struct {
	keeper  *config.Keeper
	board   *board.Board
	delay   func(time.Duration) // of the next change of the network; network.Manager's
	console *console.Console
	log     *slog.Logger

	mu   sync.Mutex // over plan and trial, so that what is tried is what was planned
	ends time.Time  // of the trial, if there is one; the board's own lock orders what is shown
	made time.Time  // from when on it is in force, so that to be reached proves something
}

// TrialLeft does not go by the clock, which may be set as soon as the new network has a time server.
func (t *trials) TrialLeft() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(time.Until(t.ends), 0)
}

// running is what is on trial, with the time that is left.
func (t *trials) running() api.Trial {
	r := t.board.Status().Trial
	if r.EndsMs != 0 {
		left := t.TrialLeft()
		r.LeftMs, r.EndsMs = left.Milliseconds(), time.Now().Add(left).UnixMilli()
	}
	return r
}

// free refuses while a change of something else is on trial: to take its place would roll it back.
func (t *trials) free(subject api.TrialSubject) error {
	if r := t.board.Status().Trial; r.EndsMs != 0 && r.Subject != subject {
		return answer.Refuse(http.StatusConflict, "on_trial", fmt.Sprintf("A change of the %s is on trial. Keep it or go back first; by itself it goes back within a minute.", subjects[r.Subject]))
	}
	return nil
}

// network puts an edit on trial that may take the address away by which it was asked for. However long it takes until the
// answer is ready, the address is there for it. The caller holds mu and has asked free, as for begin.
func (t *trials) network(by httpapi.Caller, urls []string, edit func(*sysconfig.Config)) (api.Trial, error) {
	t.delay(trialLimit)
	defer t.delay(answerFirst)
	return t.begin(api.TrialSubjectNetwork, by, urls, made, edit)
}

// begin puts an edit on trial, which is in force after lead. The caller holds mu and has asked free.
func (t *trials) begin(subject api.TrialSubject, by httpapi.Caller, urls []string, lead time.Duration, edit func(*sysconfig.Config)) (api.Trial, error) {
	if err := t.keeper.Try(edit, trialLimit, func(kept bool) { t.ended(subject, kept) }); err != nil {
		return api.Trial{}, err
	}
	now := time.Now()
	t.ends, t.made = now.Add(trialLimit), now.Add(lead)
	r := api.Trial{Subject: subject, EndsMs: t.ends.UnixMilli(), LeftMs: trialLimit.Milliseconds(), User: by.User, Urls: urls}
	t.board.SetTrial(r)
	t.log.Info("change on trial", "of", subject, "user", by.User)
	t.console.Say("trial", "%s: changed by %s on trial; it is rolled back in %.0f s unless confirmed in the web admin", subjects[subject], by.User, trialLimit.Seconds())
	return r, nil
}

// ended tells how a trial went.
func (t *trials) ended(subject api.TrialSubject, kept bool) {
	t.board.SetTrial(api.Trial{})
	word := "rolled back"
	if kept {
		word = "confirmed"
	}
	t.log.Info("change on trial", "of", subject, "result", word)
	t.console.Say("trial", "%s: the change was %s", subjects[subject], word)
}

// confirm keeps what is on trial. reached refuses who came by what goes away; it is asked once the change is in force.
func (t *trials) confirm(ctx context.Context, subject api.TrialSubject, by httpapi.Caller, reached func() error) error {
	t.mu.Lock()
	wait := time.Until(t.made)
	t.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := reached(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.board.Status().Trial.Subject != subject {
		return noTrial(subject)
	}
	// The firewall lets go on what stands already, so that an old connection proves nothing.
	if by.Connected > time.Since(t.made) {
		return answer.Refuse(http.StatusConflict, "old_connection", "This was asked over a connection from before the change. Confirm over a new one, which shows that the machine can still be reached.")
	}
	err := t.keeper.Confirm()
	if errors.Is(err, config.ErrNoTrial) {
		return noTrial(subject)
	}
	if err == nil {
		t.log.Info("change confirmed", "of", subject, "user", by.User)
	}
	return err
}

// rollBack ends the trial now.
func (t *trials) rollBack(subject api.TrialSubject) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.board.Status().Trial.Subject != subject || t.keeper.RollBack() != nil {
		return noTrial(subject)
	}
	return nil
}

func noTrial(subject api.TrialSubject) error {
	return answer.Refuse(http.StatusConflict, "no_trial", fmt.Sprintf("No change of the %s is on trial: it was rolled back, or confirmed already.", subjects[subject]))
}
