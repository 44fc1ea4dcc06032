package menu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
)

// notesLines is how much of an update's notes is shown.
const notesLines = 8

// updatable tells whether the machine has two versions, of which one can be exchanged.
func (m *Menu) updatable(ctx context.Context) bool {
	s := m.Machine.State(ctx).System
	return !m.Remote && s != nil && s.BootMode == api.StatusBootModeInstalled
}

// update shows the machine's versions, and has another one written from a USB disk, or the other slot's started.
func (m *Menu) update(ctx context.Context) error {
	u, err := m.Machine.Update(ctx)
	if err == nil && !u.Possible {
		err = machine.Refusal(u.Reason)
	}
	if err != nil {
		return m.done(ctx, err, "")
	}
	choices := []choice{{'1', "Take a version from a USB disk", m.updateFromMedium}}
	if other, ok := otherSlot(u); ok {
		text := "Start version " + screen.Printable(other.Version) + ", which is in the other slot"
		choices = append(choices, choice{'2', text, func(ctx context.Context) error { return m.startOther(ctx, other.Version) }})
	}
	choices = append(choices, choice{'x', "Back", func(context.Context) error { return errBack }})
	chosen, err := m.choose(ctx, func() []string { return versions(u) }, choices)
	if err != nil {
		return err
	}
	return chosen.run(ctx)
}

// otherSlot is the one that does not run, if something can be started from it.
func otherSlot(u api.Update) (api.UpdateSlot, bool) {
	i := slices.IndexFunc(u.Slots, func(s api.UpdateSlot) bool { return !s.Running && s.Version != "" })
	if i < 0 {
		return api.UpdateSlot{}, false
	}
	return u.Slots[i], true
}

// versions are lines about what the machine has, and what became of the last change.
func versions(u api.Update) []string {
	var text []string
	for _, s := range u.Slots {
		switch {
		case s.Running:
			text = append(text, "This machine runs version "+s.Version+".")
		case s.Version == "":
			text = append(text, "There is nothing in its other slot.")
		default:
			text = append(text, fmt.Sprintf("In its other slot is version %s (%s).", s.Version, s.Relation))
		}
	}
	if t := u.Trial; t.Version != "" {
		text = append(text, fmt.Sprintf("Version %s is on trial; unless it is well, the machine returns to %s. %s", t.Version, t.From, t.Problem))
	}
	if p := u.Planned; p.Version != "" {
		text = append(text, fmt.Sprintf("%s has planned that version %s is started.", p.By, p.Version))
	}
	if len(u.History) > 0 {
		last := u.History[0]
		switch last.Result {
		case api.UpdateOutcomeResultReturned:
			text = append(text, fmt.Sprintf("The machine has returned from version %s: %s", last.To, last.Reason))
		case api.UpdateOutcomeResultConfirmed:
			text = append(text, fmt.Sprintf("Version %s has taken the place of %s, and works.", last.To, last.From))
		}
	}
	var lines []string
	for _, t := range text {
		lines = append(lines, screen.Wrap(screen.Printable(strings.TrimSpace(t)), screen.Columns-1)...)
	}
	return lines
}

// updateFromMedium has an update from a USB disk judged and written, and offers to start it.
func (m *Menu) updateFromMedium(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	x, err := m.pickMedium(ctx, s, "On which USB disk is the update, a file whose name ends in .img?")
	if err != nil {
		return err
	}
	offers, err := m.Machine.FindUpdates(ctx, x.ID)
	if err != nil {
		return m.done(ctx, err, "")
	}
	o, err := pick(ctx, m, "Which version?", "There is no update on it.", offers, func(o api.UpdateOffer) string {
		return fmt.Sprintf("%s, in %s", o.Version, o.File)
	})
	if err != nil {
		return err
	}
	if err := m.confirmUpdate(ctx, o); err != nil {
		return err
	}
	m.Said("write version " + o.Version)
	if err := m.Machine.CopyUpdate(ctx, o.ID); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.followUpdate(ctx, o.Version); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.Machine.Eject(ctx, x.ID); err == nil {
		if err := m.say("The USB disk can be pulled."); err != nil {
			return err
		}
	}
	return m.startOther(ctx, o.Version)
}

// confirmUpdate says what an update is, and asks whether it is to be written.
func (m *Menu) confirmUpdate(ctx context.Context, o api.UpdateOffer) error {
	text := fmt.Sprintf("Version %s, signed, %s, is written to the slot that does not run. What was there is lost; this machine goes on recording meanwhile.", o.Version, screen.Bytes(o.Bytes))
	if o.Relation == api.UpdateOfferRelationSame {
		text += " It is the version that runs."
	}
	lines := screen.Wrap(strings.TrimSpace(text+" "+o.Warning), screen.Columns-1)
	if notes := strings.TrimSpace(o.Notes); notes != "" {
		lines = append(lines, "")
		for line := range strings.Lines(notes) {
			lines = append(lines, screen.Wrap(strings.TrimSpace(line), screen.Columns-1)...)
		}
		lines = lines[:min(len(lines), notesLines+4)]
	}
	for i := range lines {
		lines[i] = screen.Printable(lines[i])
	}
	if err := m.Terminal.Write(strings.Join(lines, "\n") + "\n\n"); err != nil {
		return err
	}
	return m.confirm(ctx, "It is not started yet.")
}

// followUpdate tells the progress until an update is written and was read back.
func (m *Menu) followUpdate(ctx context.Context, version string) error {
	const step = 10 // percent between two lines
	for said := -step; ; {
		u, err := m.Machine.Update(ctx)
		if w := u.Writing; err == nil && w.Version != version {
			return machine.Refusal("The update is not being written any more. Try again.")
		} else if err == nil {
			switch {
			case w.Status == api.UpdateWritingStatusFailed:
				return machine.Refusal(screen.Printable(w.Message))
			case w.Status == api.UpdateWritingStatusDone:
				return m.say("Version " + screen.Printable(version) + " is written, and was read back whole.")
			case w.Percent >= said+step:
				said = w.Percent
				if err := m.say(fmt.Sprintf("%d %% is written.", w.Percent)); err != nil {
					return err
				}
			}
		}
		if _, _, err := m.key(ctx, m.follow); err != nil { // what is typed meanwhile means nothing
			return err
		}
	}
}

// startOther has the other slot started on trial.
func (m *Menu) startOther(ctx context.Context, version string) error {
	err := m.confirm(ctx, fmt.Sprintf("The machine restarts into version %s, and nothing is recorded until it has. If it is not well there, it comes back to the version of now, with the settings of now.", screen.Printable(version)))
	if err != nil {
		return err
	}
	m.Said("start version " + version)
	if err := m.say("The machine is restarting."); err != nil { // before: init ends this service at once
		return err
	}
	if err := m.Machine.TryUpdate(ctx, version); err != nil {
		select {
		case <-ctx.Done(): // all services are being stopped, that which was to answer among them
			return ctx.Err()
		case <-time.After(3 * m.follow):
		}
		return m.done(ctx, err, "")
	}
	return ended(ctx)
}
