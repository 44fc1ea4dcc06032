package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/reset"
	"vigie/services/system/internal/supervisor"
	"vigie/services/system/internal/update"
)

// resetWord is what has to be typed for a factory reset.
const resetWord = "factory reset"

const (
	restartAfter = 2 * time.Second  // so that who asked has his answer
	restartAgain = 20 * time.Second // where init refuses it, or does not come to it
)

// resetting takes the machine back to how it came, on a person's word.
type resetting struct {
	*reset.Resetter
	board   *board.Board
	update  *update.Updater
	power   *supervisor.Link
	restart chan struct{} // has room for one: a machine is reset once
	observe bool
	console *console.Console
	log     *slog.Logger
}

// FactoryReset checks what is wanted, and does it.
func (m *resetting) FactoryReset(ctx context.Context, r api.FactoryReset, by httpapi.Caller) error {
	if m.observe {
		return answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; it is not reset.")
	}
	if !strings.EqualFold(strings.Join(strings.Fields(r.Confirm), " "), resetWord) {
		return answer.Field("confirm", "not_confirmed", fmt.Sprintf("Type the words %q to reset the machine. Nothing was changed.", resetWord))
	}
	s := m.board.Status()
	if !s.StorageSettled {
		return answer.Refuse(http.StatusConflict, "waiting", "The disks are still being looked at. Try again in a moment. Nothing was changed.")
	}
	erase, err := erased(s, r.Erase)
	if err != nil {
		return err
	}
	if err := m.update.Steady(); err != nil {
		return err
	}
	switch err := m.Reset(erase); {
	case errors.Is(err, config.ErrSealed):
		return answer.Refuse(http.StatusConflict, "resetting", "The machine is being reset already. If it does not restart, switch it off and on.")
	case err != nil:
		m.log.Error("factory reset", "err", err)
		return answer.Refuse(http.StatusServiceUnavailable, "not_written", "The disks did not take the reset: see how they are on the Storage page. Nothing was reset.")
	}
	if m.update.Planned() {
		if err := m.update.Cancel(); err != nil {
			m.log.Error("factory reset: an update stays planned", "err", err)
		}
	}
	m.log.Warn("factory reset", "user", by.User, "recordings of volumes erased", len(erase))
	m.console.Say("reset", "factory reset: the machine restarts, and waits to be set up")
	m.restart <- struct{}{}
	return nil
}

// run restarts the machine once it was reset, until ctx ends. Who asked has his answer before: web is the first to go.
func (m *resetting) run(ctx context.Context) error {
	select {
	case <-m.restart:
	case <-ctx.Done():
		return nil
	}
	for pause := restartAfter; ; pause = restartAgain {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if err := m.power.Power(ctx, api.PowerRequestActionReboot); err != nil {
			m.log.Error("factory reset: restart", "err", err)
			m.console.Say("reset", "factory reset: the machine does not restart by itself; switch it off and on")
		}
	}
}

// erased returns the ids of the volumes that are named, or says what is wrong with one.
func erased(s api.Status, named []api.FactoryResetVolume) ([]string, error) {
	var ids []string
	for i, wanted := range named {
		field := fmt.Sprintf("erase[%d].", i)
		at := slices.IndexFunc(s.Volumes, func(v api.Volume) bool { return v.ID == wanted.Volume && v.Use == api.VolumeUseData })
		switch {
		case at < 0:
			return nil, answer.Field(field+"volume", "no_volume", "There is no such data volume; its disk may have been pulled. Nothing was changed.")
		case s.Volumes[at].Status != api.VolumeStatusMounted:
			return nil, answer.Field(field+"volume", "not_mounted", fmt.Sprintf("Volume %s cannot be written to, so that its recordings cannot be erased. Format its disk on the Storage page. Nothing was changed.", s.Volumes[at].Name))
		case slices.Contains(ids, wanted.Volume):
			return nil, answer.Field(field+"volume", "twice", "This volume is named twice. Nothing was changed.")
		}
		disk := slices.IndexFunc(s.Disks, func(d api.Disk) bool { return d.ID == s.Volumes[at].Disk })
		if disk < 0 || s.Disks[disk].Serial != wanted.ConfirmSerial {
			return nil, answer.Field(field+"confirmSerial", "wrong_serial", fmt.Sprintf("This is not the serial of the disk of volume %s. Nothing was changed.", s.Volumes[at].Name))
		}
		ids = append(ids, wanted.Volume)
	}
	return ids, nil
}
