package config

import (
	"errors"
	"time"

	"vigie/internal/sysconfig"
)

// ErrNoTrial: there is nothing to confirm or to roll back.
var ErrNoTrial = errors.New("no change is on trial")

// trial is a change that is in force but not saved: nothing of it is on any disk, so that whatever ends this process, or
// the machine, also ends the trial.
type trial struct {
	edit  func(*sysconfig.Config)
	timer *time.Timer
	ended func(kept bool)
}

// Try applies an edit without saving it, or refuses as Change does. Unless Confirm comes within limit, the configuration
// from before is applied again. ended is told once how it went, and must not call back. Another Try takes the place of
// one that runs; the way back stays the same.
func (k *Keeper) Try(edit func(*sysconfig.Config), limit time.Duration, ended func(kept bool)) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.sealed {
		return ErrSealed
	}
	next := k.current().Config.Clone()
	if k.Once != nil {
		k.Once.Edit(&next)
	}
	edit(&next)
	if err := next.Validate(); err != nil {
		return err
	}
	if k.trial != nil {
		k.trial.timer.Stop()
		k.trial.ended(false)
	}
	t := &trial{edit: edit, ended: ended}
	t.timer = time.AfterFunc(limit, func() { _ = k.finish(t) })
	k.trial = t
	k.apply(next)
	return nil
}

// Confirm saves what is on trial.
func (k *Keeper) Confirm() error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.trial == nil {
		return ErrNoTrial
	}
	if err := k.change(k.trial.edit); err != nil {
		return err
	}
	t := k.trial
	k.trial = nil
	t.timer.Stop()
	t.ended(true)
	return nil
}

// RollBack ends the trial now.
func (k *Keeper) RollBack() error { return k.finish(nil) }

// finish rolls a trial back; nil means the one that runs.
func (k *Keeper) finish(t *trial) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.trial == nil || t != nil && k.trial != t {
		return ErrNoTrial
	}
	t = k.trial
	k.trial = nil
	t.timer.Stop()
	k.apply(k.effective(k.current().Config))
	t.ended(false)
	return nil
}

// InForce is the configuration with what is on trial.
func (k *Keeper) InForce() sysconfig.Config {
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.effective(k.current().Config)
}

// effective is the configuration with what is to be made once, and with what is on trial. The caller holds changing.
func (k *Keeper) effective(c sysconfig.Config) sysconfig.Config {
	c = c.Clone()
	if k.Once != nil {
		k.Once.Edit(&c)
	}
	if k.trial != nil {
		k.trial.edit(&c)
	}
	return c
}
