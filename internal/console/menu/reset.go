package menu

import (
	"context"
	"fmt"
	"strings"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
)

// resetWord is what has to be typed for a factory reset.
const resetWord = "factory reset"

// factoryReset takes the machine back to how it came.
func (m *Menu) factoryReset(ctx context.Context) error {
	err := m.say("All settings go, on every disk: network, accounts, cameras, keys. The machine restarts, and shows a code with which it is set up anew. Recordings stay, unless you choose otherwise now.")
	if err != nil {
		return err
	}
	r := api.FactoryReset{Erase: []api.FactoryResetVolume{}}
	if s := m.Machine.State(ctx).System; s != nil {
		for _, v := range s.Volumes {
			if v.Use != api.VolumeUseData || v.Status != api.VolumeStatusMounted {
				continue
			}
			erase, err := m.eraseToo(ctx, v, serialOf(s, v.Disk))
			if err != nil {
				return err
			}
			if erase != "" {
				r.Erase = append(r.Erase, api.FactoryResetVolume{Volume: v.ID, ConfirmSerial: erase})
			}
		}
	}
	what := "All settings are erased; all recordings stay."
	if n := len(r.Erase); n > 0 {
		what = fmt.Sprintf("All settings are erased, and all recordings on %d volume(s).", n)
	}
	if err := m.say(what + " This cannot be undone."); err != nil {
		return err
	}
	word, err := m.ask(ctx, fmt.Sprintf("Type %s and press Enter to do it; anything else goes back:", resetWord), "")
	if err != nil {
		return err
	}
	if r.Confirm = strings.ToLower(word); r.Confirm != resetWord {
		if err := m.say("Nothing was done."); err != nil {
			return err
		}
		return errBack
	}
	m.Said(resetWord)
	if err := m.Machine.FactoryReset(ctx, r); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.say("The machine is reset, and restarts."); err != nil {
		return err
	}
	return ended(ctx)
}

// eraseToo asks whether a volume's recordings are to go: then it returns the serial of its disk, which was typed.
func (m *Menu) eraseToo(ctx context.Context, v api.Volume, serial string) (string, error) {
	if serial == "" {
		return "", nil // nothing tells the disk from another one
	}
	prompt := fmt.Sprintf("Volume %s: Enter keeps its recordings; to erase them, type its disk's serial, %s:", screen.Printable(v.Name), screen.Printable(serial))
	return answer(ctx, m, prompt, "", func(text string) (string, error) {
		if text != "" && text != serial {
			return "", machine.Refusal(quoted(text) + " is not that disk's serial.")
		}
		return text, nil
	})
}

func serialOf(s *api.Status, disk string) string {
	for _, d := range s.Disks {
		if d.ID == disk {
			return d.Serial
		}
	}
	return ""
}
