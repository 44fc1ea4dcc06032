package system

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/httpapi"
)

func TestAFactoryResetNamesWhatItErases(t *testing.T) {
	b := board.New(time.Now(), api.Status{})
	b.SetDisks([]api.Disk{{ID: "d1", Serial: "S1"}, {ID: "d2", Serial: "S2"}})
	b.SetVolumes([]api.Volume{
		{ID: "v1", Name: "Gate", Use: api.VolumeUseData, Status: api.VolumeStatusMounted, Disk: "d1"},
		{ID: "v2", Name: "Yard", Use: api.VolumeUseData, Status: api.VolumeStatusFailed, Disk: "d2"},
		{ID: "s", Name: "Settings", Use: api.VolumeUseState, Status: api.VolumeStatusMounted, Disk: "d2"},
	})
	m := &resetting{board: b, log: slog.New(slog.DiscardHandler)}
	refused := func(r api.FactoryReset, field, reason string) {
		t.Helper()
		refusedField(t, m.FactoryReset(t.Context(), r, httpapi.Caller{}), field, reason)
	}
	refused(api.FactoryReset{Confirm: "yes"}, "confirm", `"factory reset"`)
	refused(api.FactoryReset{Confirm: "factory reset"}, "", "still being looked at")
	b.SettleStorage()
	for _, c := range []struct{ volume, serial, field, reason string }{
		{"v9", "S1", "volume", "no such data volume"},
		{"s", "S2", "volume", "no such data volume"},
		{"v2", "S2", "volume", "Yard cannot be written to"},
		{"v1", "S2", "confirmSerial", "not the serial of the disk of volume Gate"},
		{"v1", "", "confirmSerial", "not the serial"},
	} {
		refused(api.FactoryReset{Confirm: "Factory  Reset", Erase: []api.FactoryResetVolume{{Volume: c.volume, ConfirmSerial: c.serial}}}, "erase[0]."+c.field, c.reason)
	}
	twice := []api.FactoryResetVolume{{Volume: "v1", ConfirmSerial: "S1"}, {Volume: "v1", ConfirmSerial: "S1"}}
	refused(api.FactoryReset{Confirm: "factory reset", Erase: twice}, "erase[1].volume", "twice")
	if ids, err := erased(b.Status(), twice[:1]); err != nil || strings.Join(ids, " ") != "v1" {
		t.Errorf("%v, %v", ids, err)
	}
	m.observe = true
	refused(api.FactoryReset{Confirm: "factory reset"}, "", "only observes")
}
