package menu

import (
	"context"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/screen"
)

// addressWithin is how long a card may take to have a link and an address.
const addressWithin = 20 * time.Second

// mendNetwork changes the settings of the network, which lie on the volumes.
func (m *Menu) mendNetwork(ctx context.Context) error {
	if err := m.mountAll(ctx); err != nil {
		return err
	}
	return m.network(ctx)
}

// startNetwork switches the cards on as they are configured, so that the shell can reach others.
func (m *Menu) startNetwork(ctx context.Context) error {
	s, err := m.mounted(ctx) // their settings say how
	if err != nil {
		return err
	}
	how := "The cards are being switched on as the settings say, until the restart."
	if !slices.ContainsFunc(s.Volumes, func(v api.Volume) bool { return v.Status == api.VolumeStatusMounted }) {
		how = "No settings are known: each card is switched on, and asks for an address by DHCP."
	}
	if err := m.say(how + " The firewall stays shut: the shell reaches others, with ssh, ping, wget and more, and nobody reaches this machine."); err != nil {
		return err
	}
	m.Said("network on")
	if err := m.Rescue.StartNetwork(ctx); err != nil {
		return m.done(ctx, err, "")
	}
	for began := time.Now(); time.Since(began) < addressWithin; {
		if s = m.Machine.State(ctx).System; s != nil && slices.ContainsFunc(s.Interfaces, func(i api.Interface) bool { return len(i.Addresses) > 0 }) {
			break
		}
		if _, pressed, err := m.key(ctx, m.follow); err != nil {
			return err
		} else if pressed {
			break
		}
	}
	if s == nil {
		_, err := m.system(ctx)
		return err
	}
	if err := m.Terminal.Write("\n" + strings.Join(screen.Interfaces(s), "\n") + "\n"); err != nil {
		return err
	}
	return m.pause(ctx)
}

// networked says that a card is switched on: of one that is off nobody knows whether it has a cable.
func networked(s *api.Status) bool {
	return slices.ContainsFunc(s.Interfaces, func(i api.Interface) bool { return i.Carrier || len(i.Addresses) > 0 })
}
