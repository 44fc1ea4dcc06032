package system

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"vigie/installer/layout"
	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/clock"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/facts"
	"vigie/services/system/internal/hostwatch"
	"vigie/services/system/internal/storage"
	"vigie/services/system/internal/supervisor"
)

// machine gives the API one face over the parts.
type machine struct {
	*supervisor.Link
	*trials
	*networking
	*guarding
	*diskcare
	*remote
	*diagnosing
	*updating
	*resetting
	*transferring
	observe bool
	mode    api.StatusBootMode
	slot    string // that was started; "": none
	keeper  *config.Keeper
	clock   *clock.Keeper
	disks   *storage.Manager
	hosts   *hostwatch.Watch
}

// notByHand refuses to have the shell's service started or stopped as any other: that goes with the permission for it.
func notByHand(name string) error {
	if name != shellService {
		return nil
	}
	return answer.Refuse(http.StatusConflict, "on_demand", "This service runs while a full shell is permitted. That is set with SSH, on the page Access.")
}

func (m *machine) StartService(ctx context.Context, name string) error {
	if err := notByHand(name); err != nil {
		return err
	}
	return m.Link.StartService(ctx, name)
}

func (m *machine) StopService(ctx context.Context, name string) error {
	if err := notByHand(name); err != nil {
		return err
	}
	return m.Link.StopService(ctx, name)
}

func (m *machine) RestartService(ctx context.Context, name string, atOnce bool) error {
	if err := notByHand(name); err != nil {
		return err
	}
	return m.Link.RestartService(ctx, name, atOnce)
}

func (m *machine) Memory() (api.Memory, error) { return facts.Memory("/") }

func (m *machine) SetClock(_ context.Context, r api.ClockRequest) error {
	now := m.keeper.Config()
	if m.observe && (!slices.Equal(r.NtpServers, now.NTPServers) || r.SetAt != nil && !slices.Equal(*r.SetAt, now.Time.SetAt)) {
		return answer.Refuse(http.StatusConflict, "observe", "Vigie only observes this machine; its clock is not set.")
	}
	return m.change(func(c *sysconfig.Config) {
		c.NTPServers = r.NtpServers
		if r.TimeZone != nil {
			c.TimeZone = *r.TimeZone
		}
		if r.SetAt != nil {
			c.Time.SetAt = *r.SetAt
		}
	})
}

func (m *machine) ClockHistory() api.ClockHistory { return m.clock.History() }

func (m *machine) SetTimeServer(_ context.Context, r api.TimeServerSettings) error {
	return m.change(func(c *sysconfig.Config) {
		c.Time.Server = sysconfig.TimeServer{Enabled: &r.Enabled, OrphanStratum: r.OrphanStratum}
	})
}

// change edits the configuration; a refusal names the field.
func (m *machine) change(edit func(*sysconfig.Config)) error {
	err := m.keeper.Change(edit)
	var field *sysconfig.FieldError
	if errors.As(err, &field) {
		return answer.Field(field.Field, "bad_"+field.Name(), field.Reason)
	}
	return err
}

func (m *machine) FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error {
	return m.disks.Format(ctx, disk, r)
}

func (m *machine) Install(ctx context.Context, disk string, r api.InstallRequest) error {
	return m.disks.Install(ctx, disk, r)
}

func (m *machine) Installation(ctx context.Context) (api.Installation, error) {
	disks, err := m.disks.Installable(ctx)
	return api.Installation{
		BootMode: api.InstallationBootMode(m.mode), Slot: api.InstallationSlot(m.slot), MinBytes: layout.MinBytes, Disks: disks,
	}, err
}

func (m *machine) MountMedium(ctx context.Context, id string) error {
	return m.disks.MountMedium(ctx, id)
}

func (m *machine) EjectMedium(ctx context.Context, id string) error {
	return m.disks.EjectMedium(ctx, id)
}

func (m *machine) SetRecordingLag(waited time.Duration) { m.disks.SetRecordingLag(waited) }

func (m *machine) PlanArray(ctx context.Context, r api.ArrayPlanRequest) (api.ArrayPlan, error) {
	return m.disks.PlanArray(ctx, r)
}

func (m *machine) CreateArray(ctx context.Context, r api.ArrayRequest) error {
	return m.disks.CreateArray(ctx, r)
}

func (m *machine) ChangeArray(ctx context.Context, array string, r api.ArrayChange) error {
	return m.disks.ChangeArray(ctx, array, r)
}

func (m *machine) ChangeVolume(ctx context.Context, volume string, r api.VolumeChange) error {
	return m.disks.ChangeVolume(ctx, volume, r)
}

func (m *machine) VolumeReport(volume string) (api.VolumeReport, error) {
	return m.disks.VolumeReport(volume)
}

func (m *machine) ConfigurationCopies() []api.ConfigurationCopy {
	out := []api.ConfigurationCopy{}
	for _, c := range m.keeper.Copies() {
		out = append(out, api.ConfigurationCopy{Volume: c.Volume, Generation: c.Generation, SizeBytes: c.SizeBytes, SavedMs: c.SavedMs, CheckedMs: c.CheckedMs,
			DamagedMs: c.DamagedMs, Damage: c.Damage, Problem: c.Problem})
	}
	return out
}
