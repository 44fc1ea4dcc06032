package update

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/internal/answer"
	"vigie/internal/api"
)

const (
	within      = 10 * time.Minute // a trial, where nobody said otherwise
	leastWithin = time.Minute
	mostWithin  = time.Hour
	// steady is how long all must be well before a version counts as one that works.
	steady = 30 * time.Second
	// every is the pause between two looks.
	every = 2 * time.Second
	// late is how long after its time a plan is still carried out: the machine was off.
	late = time.Hour
)

// Try has the other slot started on trial: now, or at the time that is asked for.
func (u *Updater) Try(ctx context.Context, r api.UpdateTry, by string) error {
	limit := within
	if r.WithinSeconds != 0 {
		limit = time.Duration(r.WithinSeconds) * time.Second
	}
	if limit < leastWithin || limit > mostWithin {
		return answer.Field("withinSeconds", "bad_within", "Give the new version between a minute and an hour.")
	}
	end, err := u.begin()
	if err != nil {
		return err
	}
	defer end()
	if err := u.unjudged(); err != nil {
		return err
	}
	if err := u.named(r.Version); err != nil {
		return err
	}
	if r.AtMs == 0 {
		return u.try(ctx, plan{To: r.Version, WithinMs: limit.Milliseconds(), By: by})
	}
	at := time.UnixMilli(r.AtMs)
	if ahead := at.Sub(u.cfg.Now()); ahead <= 0 || ahead > 8*24*time.Hour {
		return answer.Field("atMs", "bad_time", "Choose a time within the next week.")
	}
	u.cfg.Log.Info("update is planned", "version", r.Version, "at", at.UTC(), "user", by)
	return u.change(func(c *record) { c.Plan = &plan{r.Version, r.AtMs, limit.Milliseconds(), by} })
}

// named says whether the other slot has the version that is meant.
func (u *Updater) named(version string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	m, ok := u.images[loader.Other(u.cfg.Slot)]
	switch {
	case !ok:
		return refuse("empty", "There is no version in the other slot: none was written to it, or only a part of one.")
	case m.Version != version:
		return answer.Field("version", "wrong_version", fmt.Sprintf("The other slot has version %s. Look at the page again, and choose anew.", m.Version))
	}
	return nil
}

// Planned says whether a version is to be tried at some time.
func (u *Updater) Planned() bool { return u.known().Plan != nil }

// Cancel takes back what is planned.
func (u *Updater) Cancel() error {
	if u.known().Plan == nil {
		return answer.Refuse(http.StatusNotFound, "no_plan", "Nothing is planned.")
	}
	return u.change(func(r *record) { r.Plan = nil })
}

// try verifies the other slot, notes how the machine is, and restarts into it. The caller holds busy.
func (u *Updater) try(ctx context.Context, p plan) (err error) {
	other := loader.Other(u.cfg.Slot)
	d, closer, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	trusted, err := u.cfg.Trusted()
	if err != nil {
		return err
	}
	image, err := d.Image(layout.Role(other), trusted)
	if err == nil {
		err = image.Verify(image.Reader(), nil)
	}
	if err != nil {
		u.cfg.Log.Error("the other slot is damaged", "slot", other, "err", err)
		return refuse("damaged", "What is in the other slot cannot be read as it was written: the disk may be failing. Write the update again. The version that runs is not touched.")
	}
	u.mu.Lock()
	before, from := u.slots, u.running().Version
	u.mu.Unlock()
	slots, err := before.Try(u.cfg.Slot)
	if err != nil {
		return err
	}
	t := u.note(ctx, trial{Number: slots.Trial, Slot: other, From: from, To: image.Version, By: p.By, WithinMs: p.WithinMs})
	if err := u.change(func(r *record) { r.Plan, r.Trial = nil, &t }); err != nil {
		return errors.Join(err, u.change(func(r *record) { r.Trial = nil }))
	}
	mark := marker{u.cfg.System, other, t.Number}
	if n := u.everywhere("settings are not kept for a return", func(path string) error { return keep(path, mark) }); n == 0 && len(u.paths()) > 0 {
		return errors.Join(errors.New("no volume keeps its settings for a return"), u.dropTrial())
	}
	if err := u.set(d, slots); err != nil {
		return errors.Join(err, u.dropTrial())
	}
	u.cfg.Log.Info("trial begins", "slot", other, "version", t.To, "from", t.From, "cameras", len(t.Cameras), "volumes", len(t.Volumes), "user", t.By)
	u.cfg.Say("update: restarting into version %s, on trial", t.To)
	if err := u.cfg.Restart(ctx); err != nil {
		return errors.Join(err, u.set(d, before.After(slots)), u.dropTrial())
	}
	return nil
}

// note notes how the machine is, as what it is to be compared with.
func (u *Updater) note(ctx context.Context, t trial) trial {
	seen := u.cfg.Look(ctx)
	t.StartedMs, t.Cameras, t.Volumes = seen.At.UnixMilli(), []string{}, []string{}
	for _, c := range seen.Cameras {
		if c.Enabled && records(c) {
			t.Cameras = append(t.Cameras, c.ID)
		}
	}
	for _, v := range seen.Volumes {
		if v.Status == api.VolumeStatusMounted {
			t.Volumes = append(t.Volumes, v.ID)
		}
	}
	return t
}

// dropTrial forgets a trial that did not begin.
func (u *Updater) dropTrial() error {
	u.everywhere("settings kept for a return", forget)
	return u.change(func(r *record) { r.Trial = nil })
}
