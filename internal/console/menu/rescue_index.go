package menu

import (
	"context"
	"fmt"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
)

// indexWithin is how long the engine may take to read its database and what was being written when the machine went off.
const indexWithin = 3 * time.Minute

// rebuildIndex has the engine look into all recordings, and put the index right.
func (m *Menu) rebuildIndex(ctx context.Context) error {
	if err := m.mountAll(ctx); err != nil {
		return err
	}
	text := "Each recording on the mounted volumes is looked into, and the index, of which the timeline is made, is put right. Recordings are neither changed nor deleted. " +
		"It takes some minutes for a hundred thousand files. If it is interrupted, what is right by then stays so."
	if err := m.say(text); err != nil {
		return err
	}
	if err := m.confirm(ctx, "The index is rebuilt."); err != nil {
		return err
	}
	m.Said("rebuild the index")
	failed := m.lookInto(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := m.Rescue.StopEngine(ctx); err != nil && failed == nil { // so that volumes can be unmounted and checked
		failed = err
	}
	return m.done(ctx, failed, "")
}

// lookInto starts the engine, has it rebuild the index, and tells what comes of it.
func (m *Menu) lookInto(ctx context.Context) error {
	if err := m.Rescue.StartEngine(ctx); err != nil {
		return err
	}
	if err := m.say("The index is being read."); err != nil {
		return err
	}
	var r api.Repair
	var err error
	for began := time.Now(); ; {
		if r, err = m.Rescue.Repair(ctx); err == nil {
			break
		}
		if time.Since(began) > indexWithin {
			return machine.Refusal("The index cannot be read. What it is about is in the log of the service engine, which can be copied to a USB disk.")
		}
		if _, _, err := m.key(ctx, m.follow); err != nil {
			return err
		}
	}
	if r.Status != api.RepairStatusRunning {
		if err := m.Rescue.RebuildIndex(ctx); err != nil {
			return err
		}
	}
	for told, percent, silent := "", int64(0), 0; ; {
		switch r, err = m.Rescue.Repair(ctx); {
		case err != nil:
			if silent++; silent > 10 { // it may have been started anew
				return err
			}
		case r.Status != api.RepairStatusRunning:
			return m.report(r)
		case r.Step != told:
			told, percent, silent = r.Step, 0, 0
			if err := m.say(screen.Printable(r.Step)); err != nil {
				return err
			}
		case r.Total > 0 && r.Done*100/r.Total >= percent+10:
			percent, silent = r.Done*100/r.Total, 0
			if err := m.say(fmt.Sprintf("%d %%", percent)); err != nil {
				return err
			}
		}
		if _, _, err := m.key(ctx, m.follow); err != nil { // what is typed meanwhile means nothing
			return err
		}
	}
}

// report says what a repair has found.
func (m *Menu) report(r api.Repair) error {
	for _, f := range r.Findings {
		mark := "- "
		if f.Kind != api.RepairFindingKindGood {
			mark = "! "
		}
		if err := m.say(mark + screen.Printable(f.Text)); err != nil {
			return err
		}
	}
	switch r.Status {
	case api.RepairStatusDone:
		return m.say("Done: the index is rebuilt.")
	case api.RepairStatusNone:
		return machine.Refusal("The engine was started anew meanwhile, and has not finished. Try again; why is in its log.")
	}
	return machine.Refusal("It could not be finished. What is right by now stays so.")
}
