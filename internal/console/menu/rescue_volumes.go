package menu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
)

const (
	mountsWithin = time.Minute      // and what has not come by then hangs
	opensWithin  = 30 * time.Second // the accounts, once the volumes are there
	watchEvery   = time.Second
	quietWithin  = 3 * time.Second // without another volume, until all are there
)

// volumes has one mounted, checked or repaired, or an array started on which there may be some.
func (m *Menu) volumes(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	type place struct {
		line string
		open func(context.Context) error
	}
	var places []place
	for _, v := range s.Volumes {
		places = append(places, place{volumeLine(s, v), func(ctx context.Context) error { return m.mendVolume(ctx, s, v) }})
	}
	question := "Which volume?"
	for _, a := range s.Arrays {
		if !runs(a) {
			question = "Which volume, or array to start?"
			places = append(places, place{arrayLine(a), func(ctx context.Context) error { return m.startOne(ctx, a) }})
		}
	}
	p, err := pick(ctx, m, question, "No volume is found.", places, func(p place) string { return p.line })
	if err != nil {
		return err
	}
	return p.open(ctx)
}

// mendVolume has a volume mounted, checked or repaired.
func (m *Menu) mendVolume(ctx context.Context, s *api.Status, v api.Volume) error {
	choices := []choice{
		{'1', "Check: nothing is changed", func(ctx context.Context) error {
			return m.work(ctx, v.ID, api.VolumeChange{Action: api.VolumeChangeActionCheck})
		}},
		{'2', "Repair what a check has found", func(ctx context.Context) error { return m.repair(ctx, s, v) }},
		{'3', "Mount", func(ctx context.Context) error {
			return m.work(ctx, v.ID, api.VolumeChange{Action: api.VolumeChangeActionMount})
		}},
		{'4', "Unmount", func(ctx context.Context) error {
			return m.work(ctx, v.ID, api.VolumeChange{Action: api.VolumeChangeActionUnmount})
		}},
		{'x', "Back", func(context.Context) error { return errBack }},
	}
	chosen, err := m.choose(ctx, func() []string { return []string{clipped(volumeLine(s, v))} }, choices)
	if err != nil {
		return err
	}
	return chosen.run(ctx)
}

// repair repairs a volume; without the file system's log where nothing else helps.
func (m *Menu) repair(ctx context.Context, s *api.Status, v api.Volume) error {
	switch v.Check.Result {
	case api.VolumeCheckResultDamaged, api.VolumeCheckResultFailed:
	case api.VolumeCheckResultClean:
		return m.done(ctx, machine.Refusal("The last check found nothing to repair."), "")
	default:
		return m.done(ctx, machine.Refusal("Have the volume checked first: what is found is shown before anything is changed."), "")
	}
	r := api.VolumeChange{Action: api.VolumeChangeActionRepair, ConfirmSerial: serialOf(s, v.Disk), DropLog: v.Check.LogPending}
	text := "The file system is repaired. What cannot be put back in its place is in the folder lost+found afterwards."
	if r.DropLog {
		text = "The file system is repaired without its log, whose changes cannot be carried out: what was written last is lost."
	}
	if err := m.confirm(ctx, text); err != nil {
		return err
	}
	return m.work(ctx, v.ID, r)
}

// work has something done with a volume, and shows how it goes. A key leaves it to itself.
func (m *Menu) work(ctx context.Context, id string, r api.VolumeChange) error {
	m.Said(string(r.Action) + " volume " + id)
	if err := m.Rescue.ChangeVolume(ctx, id, r); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.say("A key leaves it to itself."); err != nil {
		return err
	}
	told := ""
	for began := time.Now(); ; {
		v, known := m.volume(ctx, id)
		line, over := progress(v, r.Action)
		if r.Action == api.VolumeChangeActionMount && !over && time.Since(began) > mountsWithin {
			line, over = "It is not mounted yet: the disk does not answer, or its file system is damaged. Leave it out.", true
		}
		if !known {
			line, over = "The volume is gone: its disk was pulled, or has died.", true
		}
		if over {
			return m.done(ctx, nil, line)
		}
		if line != told {
			told = line
			if err := m.say(line); err != nil {
				return err
			}
		}
		if _, pressed, err := m.key(ctx, watchEvery); err != nil || pressed {
			return err
		}
	}
}

// progress is what there is to say of a volume with which something is done.
func progress(v api.Volume, action api.VolumeChangeAction) (line string, over bool) {
	switch op := v.Operation; {
	case op.Status == api.OperationStatusRunning && op.Percent > 0:
		return fmt.Sprintf("%d %%. %s", op.Percent, op.Message), false
	case op.Status == api.OperationStatusRunning:
		return op.Message, false
	case action != api.VolumeChangeActionMount && op.Status != "":
		return orSay(op.Message, "Done."), true
	case v.Status == api.VolumeStatusMounted:
		return "It is mounted.", true
	case v.Status == api.VolumeStatusReadonly, v.Status == api.VolumeStatusFailed:
		return v.Reason, true
	}
	return "It is being mounted.", false
}

func orSay(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (m *Menu) volume(ctx context.Context, id string) (api.Volume, bool) {
	s := m.Machine.State(ctx).System
	if s == nil {
		return api.Volume{ID: id, Operation: api.Operation{Status: api.OperationStatusRunning, Message: "The system service does not answer."}}, true
	}
	i := slices.IndexFunc(s.Volumes, func(v api.Volume) bool { return v.ID == id })
	if i < 0 {
		return api.Volume{}, false
	}
	return s.Volumes[i], true
}

// mountAll starts the arrays, and mounts what is not mounted: settings lie on every volume, and the newest of them count. Who leaves
// one out that cannot be mounted, or started, says so.
func (m *Menu) mountAll(ctx context.Context) error {
	s, err := m.mounted(ctx)
	if err != nil {
		return err
	}
	out, mounted := leftOut(s), false
	for _, v := range s.Volumes {
		if v.Status == api.VolumeStatusMounted {
			mounted = true
		} else {
			out = append(out, volumeLine(s, v))
		}
	}
	for _, line := range out {
		if err := m.say(line); err != nil {
			return err
		}
	}
	if !mounted {
		return m.back(ctx, "No volume is mounted, and so there are no settings. Have the volumes checked.")
	}
	if len(out) == 0 {
		return nil
	}
	return m.confirm(ctx, "The newest settings may lie on what is not mounted; what is changed without it takes their place.")
}

// mounted starts and mounts what can be, or goes on without it at a key, and returns how the machine is then.
func (m *Menu) mounted(ctx context.Context) (*api.Status, error) {
	s, err := m.looked(ctx)
	if err != nil {
		return nil, err
	}
	started, err := m.startAll(ctx, s)
	if err != nil {
		return nil, err
	}
	if s, err = m.system(ctx); err != nil {
		return nil, err
	}
	wanted, asked, waiting := false, map[string]bool{}, map[string]bool{}
	for began, newest := time.Now(), time.Now(); time.Since(began) < mountsWithin; {
		for _, v := range s.Volumes { // a disk that was just mended, or plugged in, shows its volumes one after the other
			if v.Status == api.VolumeStatusUnmounted && v.Operation.Status != api.OperationStatusRunning && !asked[v.ID] {
				if !wanted {
					if err := m.say("Settings and index lie on the volumes, which are mounted for this. That takes a moment."); err != nil {
						return nil, err
					}
				}
				wanted, newest, waiting[v.ID] = true, time.Now(), true
				asked[v.ID] = m.Rescue.ChangeVolume(ctx, v.ID, api.VolumeChange{Action: api.VolumeChangeActionMount}) == nil // else again: it is busy
			} else if v.Status != api.VolumeStatusUnmounted {
				delete(waiting, v.ID)
			}
		}
		there := len(s.Volumes) > 0 && !started || time.Since(began) >= quietWithin
		if !wanted && there || wanted && len(waiting) == 0 && time.Since(newest) >= quietWithin {
			break
		}
		if _, pressed, err := m.key(ctx, watchEvery/2); err != nil {
			return nil, err
		} else if pressed {
			break
		}
		if now := m.Machine.State(ctx).System; now != nil {
			s = now
		}
	}
	return m.system(ctx)
}

// looked is the machine's state once the disks that are there were looked at: who is quick is here before them. A key goes on
// without.
func (m *Menu) looked(ctx context.Context) (*api.Status, error) {
	for began := time.Now(); ; {
		s, err := m.system(ctx)
		if err != nil || s.StorageSettled || time.Since(began) > mountsWithin {
			return s, err
		}
		if _, pressed, err := m.key(ctx, watchEvery/2); err != nil || pressed {
			return s, err
		}
	}
}

// back says why a dialog cannot go on.
func (m *Menu) back(ctx context.Context, text string) error {
	if err := m.done(ctx, nil, text); err != nil {
		return err
	}
	return errBack
}

// setPassword sets the administrator's password.
func (m *Menu) setPassword(ctx context.Context) error {
	if err := m.mountAll(ctx); err != nil {
		return err
	}
	m.Said("password")
	if err := m.Rescue.StartWeb(ctx); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.say("The accounts are being read."); err != nil {
		return err
	}
	for began := time.Now(); ; {
		if s := m.Machine.State(ctx); s.Web != nil && s.Web.Opened && s.Web.SetupCode != "" {
			return m.back(ctx, "There is no administrator on the volumes that are mounted. Mount the others, or set one up in the browser after a restart.")
		} else if s.Web != nil && s.Web.Opened {
			break
		}
		if time.Since(began) > opensWithin {
			return m.done(ctx, machine.Refusal("The accounts cannot be read. What it is about is in the log of the service web."), "")
		}
		if _, _, err := m.key(ctx, watchEvery/2); err != nil {
			return err
		}
	}
	for {
		first, err := m.secret(ctx, "New password of the administrator (it is not shown; Esc goes back):")
		if err != nil {
			return err
		}
		second, err := m.secret(ctx, "The same once more:")
		if err != nil {
			return err
		}
		why := ""
		if first != second {
			why = "The two differ. Type it again, or press Esc to go back."
		} else if name, err := m.Rescue.SetPassword(ctx, first); err != nil {
			why = err.Error()
		} else {
			return m.done(ctx, nil, fmt.Sprintf("Done. %s logs in with it after the restart.", screen.Printable(name)))
		}
		if err := m.say(why); err != nil {
			return err
		}
	}
}
