package update

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"vigie/installer/loader"
)

// Run follows the trial that is on, and what is planned, until ctx is cancelled.
func (u *Updater) Run(ctx context.Context) error {
	if u.cfg.Slot == "" {
		<-ctx.Done()
		return nil
	}
	u.takeUp(u.cfg.File)
	w := &watch{u: u}
	done := make(chan struct{}, 1)
	running := 0
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for ; running > 0; running-- {
				select {
				case <-done:
				case <-time.After(stopPatience): // a disk that does not answer
					return nil
				}
			}
			return nil
		case work := <-u.jobs:
			running++
			go func() { work(ctx); done <- struct{}{} }()
		case <-done:
			running--
		case <-tick.C:
			if running > 0 {
				continue
			}
			running++
			go func() { w.turn(ctx); done <- struct{}{} }()
		}
	}
}

// stopPatience is for work when the service ends.
const stopPatience = 500 * time.Millisecond

// watch is what Run knows from one turn to the next; it belongs to the turn that runs.
type watch struct {
	u        *Updater
	settled  bool      // what a trial left behind was dealt with
	warned   bool      // of a disk that is not there
	leaving  bool      // the version on trial was given up
	well     time.Time // since when all is; zero: it is not
	restarts int       // of services
}

// turn does what is due.
func (w *watch) turn(ctx context.Context) {
	u := w.u
	end, err := u.begin()
	if err != nil && u.able() == nil {
		return // an update is being written
	}
	if err == nil {
		defer end()
	}
	if w.leaving {
		w.restart(ctx) // it was refused
		return
	}
	if !w.settled {
		if !u.isSettled() {
			return
		}
		if err := w.settle(ctx); err != nil {
			if !w.warned {
				u.cfg.Log.Warn("slots", "err", err)
			}
			w.warned = true
			return
		}
		w.settled = true
	}
	u.mu.Lock()
	judging := u.slots.Of(u.cfg.Slot) != loader.Confirmed
	p := u.record.Plan
	u.mu.Unlock()
	switch {
	case judging:
		w.judge(ctx)
	case p != nil && u.cfg.Now().UnixMilli() >= p.AtMs:
		w.carryOut(ctx, *p)
	}
}

// settle reads the slots, and deals with a trial that is over.
func (w *watch) settle(ctx context.Context) (err error) {
	u := w.u
	d, closer, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	u.mu.Lock()
	slots, t := u.slots, u.record.Trial
	u.mu.Unlock()
	on := slots.OnTrial()
	if on == u.cfg.Slot {
		if t != nil && t.Number != slots.Trial {
			return u.change(func(r *record) { r.Trial = nil }) // of another trial, which did not begin
		}
		return nil
	}
	starts := 0
	if on != "" { // this slot was started although the other one is on trial: that is over
		starts, _ = d.Starts(slots.Trial)
		if slots, err = slots.Failed(); err == nil {
			err = u.set(d, slots)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case t == nil:
		if on == "" {
			return nil
		}
		t = &trial{Slot: on, From: u.State().Slots[0].Version, To: u.State().Slots[1].Version}
	case slots.Of(t.Slot) == loader.Confirmed && t.Slot == u.cfg.Slot: // the power went before this was noted
		return w.over(outcome{Result: Confirmed}, *t)
	case slots.Of(t.Slot) != loader.Bad:
		u.cfg.Log.Warn("a trial did not begin", "slot", t.Slot, "version", t.To)
		return u.dropTrial()
	}
	reason := t.Problem
	if reason == "" {
		reason = fmt.Sprintf("It was started %d times, and did not come so far as to say what is wrong.", max(starts, 1))
	}
	return w.over(outcome{Result: Returned, Reason: reason}, *t)
}

// over notes what came of a trial.
func (w *watch) over(o outcome, t trial) error {
	u := w.u
	o.AtMs, o.From, o.To, o.By = u.cfg.Now().UnixMilli(), t.From, t.To, t.By
	if t.StartedMs > 0 && o.Result == Confirmed {
		o.TookMs = max(o.AtMs-t.StartedMs, 0)
	}
	u.everywhere("settings kept for a return", forget)
	u.mu.Lock()
	u.problem, u.ends = "", time.Time{}
	u.mu.Unlock()
	if o.Result == Returned {
		u.cfg.Log.Error("update: the machine has returned", "version", t.From, "tried", t.To, "reason", o.Reason)
		u.cfg.Say("update: returned to version %s, because version %s did not work: %s", t.From, t.To, o.Reason)
	} else {
		u.cfg.Log.Info("update: the version works, and is confirmed", "version", t.To, "from", t.From)
		u.cfg.Say("update: version %s works, and is confirmed", t.To)
	}
	return u.change(func(r *record) { r.done(o) })
}

// judge looks whether the running version, which is not known to work yet, does.
func (w *watch) judge(ctx context.Context) {
	u := w.u
	uptime, err := u.cfg.Uptime()
	if err != nil {
		u.cfg.Log.Error("time since the start", "err", err)
		return
	}
	u.mu.Lock()
	slots, t := u.slots, trial{}
	if u.record.Trial != nil {
		t = *u.record.Trial
	}
	u.mu.Unlock()
	onTrial := slots.OnTrial() == u.cfg.Slot
	now := u.cfg.Now()
	left := time.Duration(cmp.Or(t.WithinMs, within.Milliseconds()))*time.Millisecond - uptime
	seen := u.cfg.Look(ctx)
	problem := t.verdict(seen)
	restarts := 0
	for _, s := range seen.Services {
		restarts += int(s.Restarts)
	}
	if problem != "" || restarts != w.restarts || w.well.IsZero() {
		w.well, w.restarts = time.Time{}, restarts
		if problem == "" {
			w.well = now
		}
	}
	u.mu.Lock()
	if u.problem != problem && problem != "" {
		u.cfg.Log.Info("trial", "version", t.To, "problem", problem)
	}
	u.problem = problem
	if onTrial {
		u.ends = now.Add(left)
	}
	u.mu.Unlock()
	switch {
	case !w.well.IsZero() && now.Sub(w.well) >= steady:
		w.confirm(ctx, t)
	case onTrial && left <= 0:
		w.giveUp(ctx, t, cmp.Or(problem, "Its services do not stay up."))
	}
}

// confirm: the running version works.
func (w *watch) confirm(ctx context.Context, t trial) {
	u := w.u
	err := w.states(ctx, func(s loader.Slots) (loader.Slots, error) { return s.Worked(u.cfg.Slot), nil })
	if err == nil && t.Number != 0 {
		err = w.over(outcome{Result: Confirmed}, t)
	}
	u.mu.Lock()
	u.problem, u.ends = "", time.Time{}
	u.mu.Unlock()
	if err != nil {
		u.cfg.Log.Error("confirm", "err", err)
	}
}

// giveUp goes back to the version of before, which says why.
func (w *watch) giveUp(ctx context.Context, t trial, problem string) {
	u := w.u
	u.cfg.Log.Error("trial: the version does not work; going back", "version", t.To, "to", t.From, "problem", problem)
	u.cfg.Say("update: version %s does not work, going back: %s", t.To, problem)
	if t.Number != 0 {
		t.Problem = problem
		if err := u.change(func(r *record) { r.Trial = &t }); err != nil {
			u.cfg.Log.Error("record of updates", "err", err)
		}
	}
	if err := w.states(ctx, loader.Slots.Failed); err != nil {
		u.cfg.Log.Error("slots", "err", err) // it is started once or twice more, and then the other one is
	}
	w.leaving = true
	w.restart(ctx)
}

func (w *watch) restart(ctx context.Context) {
	if err := w.u.cfg.Restart(ctx); err != nil {
		w.u.cfg.Log.Error("restart", "err", err)
	}
}

func (w *watch) states(ctx context.Context, change func(loader.Slots) (loader.Slots, error)) (err error) {
	u := w.u
	d, closer, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	u.mu.Lock()
	slots := u.slots
	u.mu.Unlock()
	if slots, err = change(slots); err != nil {
		return err
	}
	return u.set(d, slots)
}

// carryOut does what was planned, now that its time has come.
func (w *watch) carryOut(ctx context.Context, p plan) {
	u := w.u
	err := u.named(p.To)
	if u.cfg.Now().Sub(time.UnixMilli(p.AtMs)) > late {
		o := outcome{AtMs: u.cfg.Now().UnixMilli(), From: u.State().Slots[0].Version, To: p.To, Result: Missed, By: p.By,
			Reason: "The machine was off when it was planned for."}
		if err := u.change(func(r *record) {
			r.Plan = nil
			r.note(o)
		}); err != nil {
			u.cfg.Log.Error("record of updates", "err", err)
		}
		return
	}
	if err == nil {
		err = u.try(ctx, p)
	}
	if err != nil {
		u.cfg.Log.Error("what was planned cannot be done", "version", p.To, "err", err)
		if err := u.change(func(r *record) { r.Plan = nil }); err != nil {
			u.cfg.Log.Error("record of updates", "err", err)
		}
	}
}
