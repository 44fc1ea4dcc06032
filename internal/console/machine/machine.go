// Package machine asks the services what the text console shows, and has them do what is chosen there.
//
// It speaks to the sockets of system and web, and in rescue mode of the engine, each question with a limit of its own: a service that hangs costs
// its part of the screen and nothing else. A Machine keeps no state and may be used from many goroutines.
package machine

import (
	"context"
	"errors"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/engine/engineapi"
	"vigie/services/system/systemapi"
	"vigie/services/web/webapi"
)

// within is how long a service may take to tell its state, actWithin how long to do something.
const (
	within    = 2 * time.Second
	actWithin = 10 * time.Second
)

// State is what the services say at one moment. A part whose service does not answer is nil.
type State struct {
	System *api.Status
	Web    *webapi.Console
}

// Machine asks. Make it with New.
type Machine struct {
	system *systemapi.Client
	web    *webapi.Client
	engine *engineapi.Client // nil but in rescue mode
}

// New returns a Machine that asks the services on the two sockets.
func New(system, web string) *Machine {
	return &Machine{system: systemapi.New(system), web: webapi.New(web)}
}

// InRescue returns a Machine that asks the engine too, on its socket, for what rescue mode has it do.
func InRescue(system, web, engine string) *Machine {
	m := New(system, web)
	m.engine = engineapi.New(engine)
	return m
}

// As returns a Machine that asks the system service in the name of a user. It ends with the one that it comes from.
func (m *Machine) As(user string) *Machine {
	return &Machine{system: m.system.As(user), web: m.web, engine: m.engine}
}

// Close drops idle connections.
func (m *Machine) Close() {
	m.system.Close()
	m.web.Close()
	if m.engine != nil {
		m.engine.Close()
	}
}

// State asks both services at once.
func (m *Machine) State(ctx context.Context) State {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var s State
	var both sync.WaitGroup
	both.Go(func() {
		if status, err := m.system.Status(ctx); err == nil {
			s.System = &status
		}
	})
	both.Go(func() {
		if console, err := m.web.Console(ctx); err == nil {
			s.Web = &console
		}
	})
	both.Wait()
	return s
}

// Refusal is why something was not done, as a sentence for people.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Power switches the machine off, or restarts it. An error is a Refusal.
func (m *Machine) Power(ctx context.Context, action api.PowerRequestAction) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.Power(ctx, action) })
}

// ResetPassword begins a reset of the administrator's password. An error is a Refusal.
func (m *Machine) ResetPassword(ctx context.Context) (reset webapi.Reset, err error) {
	err = do(ctx, "web", func(ctx context.Context) (err error) {
		reset, err = m.web.ResetPassword(ctx)
		return err
	})
	return reset, err
}

// FactoryReset takes the machine back to how it came, and restarts it. An error is a Refusal.
func (m *Machine) FactoryReset(ctx context.Context, r api.FactoryReset) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.FactoryReset(ctx, r) })
}

// ChangeVolume has a volume mounted, checked or repaired, which goes on when it returns. For rescue mode. An error is a Refusal.
func (m *Machine) ChangeVolume(ctx context.Context, volume string, r api.VolumeChange) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.ChangeVolume(ctx, volume, r) })
}

// StartNetwork switches the cards on, until the restart. For rescue mode. An error is a Refusal.
func (m *Machine) StartNetwork(ctx context.Context) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.StartNetwork(ctx) })
}

// StartArray has an array started, which goes on when it returns; degraded: without those of its disks that are missing. For rescue
// mode. An error is a Refusal.
func (m *Machine) StartArray(ctx context.Context, array string, degraded bool) error {
	return do(ctx, "system", func(ctx context.Context) error {
		return m.system.ChangeArray(ctx, array, api.ArrayChange{Action: api.ArrayChangeActionStart, Degraded: degraded})
	})
}

// StartWeb starts the web service, which has the accounts. For rescue mode. An error is a Refusal.
func (m *Machine) StartWeb(ctx context.Context) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.StartService(ctx, "web") })
}

// StartEngine starts the engine, which has the index. For rescue mode. An error is a Refusal.
func (m *Machine) StartEngine(ctx context.Context) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.StartService(ctx, "engine") })
}

// StopEngine stops it again. For rescue mode. An error is a Refusal.
func (m *Machine) StopEngine(ctx context.Context) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.StopService(ctx, "engine") })
}

// Repair tells how the repair of the database stands. For rescue mode. An error is a Refusal.
func (m *Machine) Repair(ctx context.Context) (r api.Repair, err error) {
	err = do(ctx, "engine", func(ctx context.Context) (err error) {
		r, err = m.engine.Repair(ctx)
		return err
	})
	return r, err
}

// RebuildIndex begins to build the index anew from the recordings, of which Repair tells. For rescue mode. An error is a Refusal.
func (m *Machine) RebuildIndex(ctx context.Context) error {
	return do(ctx, "engine", func(ctx context.Context) error {
		_, err := m.engine.RepairDatabase(ctx, api.RepairRequest{Action: api.RepairRequestActionFiles})
		return err
	})
}

// SetPassword sets the administrator's password, and returns his name. For rescue mode. An error is a Refusal.
func (m *Machine) SetPassword(ctx context.Context, password string) (username string, err error) {
	err = do(ctx, "web", func(ctx context.Context) (err error) {
		username, err = m.web.SetPassword(ctx, password)
		return err
	})
	return username, err
}

// SetUp makes the first account, or says whether it could be made. An error is a Refusal.
func (m *Machine) SetUp(ctx context.Context, a webapi.FirstAccount) error {
	return do(ctx, "web", func(ctx context.Context) error { return m.web.SetUp(ctx, a) })
}

// SetTimeZone chooses the machine's time zone. An error is a Refusal.
func (m *Machine) SetTimeZone(ctx context.Context, zone string) error {
	return do(ctx, "system", func(ctx context.Context) error {
		s, err := m.system.Status(ctx)
		if err != nil {
			return err
		}
		return m.system.PutClock(ctx, api.ClockRequest{NtpServers: s.Clock.ConfiguredServers, TimeZone: &zone})
	})
}

// Installation says on which disks the machine can be installed. An error is a Refusal.
func (m *Machine) Installation(ctx context.Context) (i api.Installation, err error) {
	err = do(ctx, "system", func(ctx context.Context) (err error) {
		i, err = m.system.Installation(ctx)
		return err
	})
	return i, err
}

// Install begins to install the machine on a disk, whose operation tells how far it is. An error is a Refusal.
func (m *Machine) Install(ctx context.Context, disk string, r api.InstallRequest) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.Install(ctx, disk, r) })
}

// Update says which versions the machine has, and what is being done about another one. An error is a Refusal.
func (m *Machine) Update(ctx context.Context) (u api.Update, err error) {
	err = do(ctx, "system", func(ctx context.Context) (err error) {
		u, err = m.system.Update(ctx)
		return err
	})
	return u, err
}

// FindUpdates returns the updates on a USB disk that this machine can take, newest first. An error is a Refusal.
func (m *Machine) FindUpdates(ctx context.Context, medium string) (list []api.UpdateOffer, err error) {
	err = do(ctx, "system", func(ctx context.Context) (err error) {
		list, err = m.system.FindUpdates(ctx, medium)
		return err
	})
	return list, err
}

// CopyUpdate begins to write an update from a USB disk, of which Update tells. An error is a Refusal.
func (m *Machine) CopyUpdate(ctx context.Context, offer string) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.CopyUpdate(ctx, offer) })
}

// TryUpdate restarts the machine into the version of its other slot, on trial. An error is a Refusal.
func (m *Machine) TryUpdate(ctx context.Context, version string) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.TryUpdate(ctx, api.UpdateTry{Version: version}) })
}

// Eject lets go of a USB disk, which may be pulled then. An error is a Refusal.
func (m *Machine) Eject(ctx context.Context, medium string) error {
	return do(ctx, "system", func(ctx context.Context) error { return m.system.EjectMedium(ctx, medium) })
}

// Network returns how the interfaces are set. An error is a Refusal.
func (m *Machine) Network(ctx context.Context) (n api.Network, err error) {
	err = do(ctx, "system", func(ctx context.Context) (err error) {
		n, err = m.system.Network(ctx)
		return err
	})
	return n, err
}

// PlanNetwork says what other settings would do. An error is a Refusal.
func (m *Machine) PlanNetwork(ctx context.Context, n api.Network) (plan api.Plan, err error) {
	err = do(ctx, "system", func(ctx context.Context) (err error) {
		plan, err = m.system.PutNetwork(ctx, api.NetworkRequest{Settings: n.Settings, Version: n.Version, DryRun: true})
		return err
	})
	return plan, err
}

// SetNetwork changes the settings for good. The trial of a change is for who could lock himself out. An error is a Refusal.
func (m *Machine) SetNetwork(ctx context.Context, n api.Network) error {
	if err := m.TryNetwork(ctx, n); err != nil {
		return err
	}
	return m.ConfirmNetwork(ctx)
}

// TryNetwork changes the settings until they are confirmed, or for a minute. An error is a Refusal.
func (m *Machine) TryNetwork(ctx context.Context, n api.Network) error {
	return do(ctx, "system", func(ctx context.Context) error {
		_, err := m.system.PutNetwork(ctx, api.NetworkRequest{Settings: n.Settings, Version: n.Version})
		return err
	})
}

// ConfirmNetwork keeps the settings that are on trial. An error is a Refusal.
func (m *Machine) ConfirmNetwork(ctx context.Context) error {
	return do(ctx, "system", m.system.ConfirmNetwork)
}

// MoveWeb has the web admin listen at another port for good: whoever asks has not come by it. An error is a Refusal.
func (m *Machine) MoveWeb(ctx context.Context, port int) error {
	return do(ctx, "system", func(ctx context.Context) error {
		if _, err := m.system.PutWebPort(ctx, api.WebPortRequest{Port: port}); err != nil {
			return err
		}
		return m.system.ConfirmWebPort(ctx)
	})
}

func do(ctx context.Context, service string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	err := f(ctx)
	var refusal *ask.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return Refusal(refusal.Detail.Message)
	}
	return Refusal("The " + service + " service does not answer. Wait a moment and try again.")
}
