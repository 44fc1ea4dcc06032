package menu

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
	"vigie/internal/sysconfig"
)

// network shows the interfaces, and has them set.
func (m *Menu) network(ctx context.Context) error {
	choices := []choice{
		{'1', "Set an address by hand", m.setAddress},
		{'2', "Take an address by DHCP", m.setDHCP},
		{'3', "Reset the network to factory settings", m.resetNetwork},
		{'4', "Reset the port of the web admin", m.resetPort},
		{'x', "Back", func(context.Context) error { return errBack }},
	}
	view := func() []string {
		if s := m.Machine.State(ctx); s.System != nil {
			return screen.Interfaces(s.System)
		}
		return []string{"The system service does not answer. Wait a moment and try again."}
	}
	for {
		chosen, err := m.choose(ctx, view, choices)
		if err != nil {
			return err
		}
		err = chosen.run(ctx)
		if chosen.key == 'x' || err != nil && !errors.Is(err, errBack) {
			return err
		}
	}
}

// setAddress asks for a fixed address of one interface, of either family.
func (m *Menu) setAddress(ctx context.Context) error {
	n, id, err := m.edit(ctx)
	if err != nil {
		return err
	}
	address, err := answer(ctx, m, "Address, for example 192.168.1.20/24:", "", readAddress)
	if err != nil {
		return err
	}
	if address.Addr().Is4() && address.Bits() == noMask {
		bits, err := answer(ctx, m, "Netmask, for example 255.255.255.0:", "", readMask)
		if err != nil {
			return err
		}
		address = netip.PrefixFrom(address.Addr(), bits)
	}
	gateway, err := answer(ctx, m, "Gateway (Enter for none):", "", readGateway(address.Addr()))
	if err != nil {
		return err
	}
	dns, err := answer(ctx, m, "DNS servers (Enter for none; several with spaces):", "", readServers)
	if err != nil {
		return err
	}
	if address.Addr().Is4() {
		err = setIPv4(&n.Settings, id, api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{address.String()}, Gateway: gateway})
	} else {
		err = setIPv6(&n.Settings, id, api.IPv6Settings{Method: api.IPv6SettingsMethodStatic, Addresses: []string{address.String()}, Gateway: gateway})
	}
	if err != nil {
		return m.done(ctx, err, "")
	}
	n.Settings.DNSServers = dns
	return m.apply(ctx, n)
}

// setDHCP has one interface take its IPv4 address by DHCP.
func (m *Menu) setDHCP(ctx context.Context) error {
	n, id, err := m.edit(ctx)
	if err != nil {
		return err
	}
	if err := setIPv4(&n.Settings, id, api.IPv4Settings{Method: api.IPv4SettingsMethodDhcp}); err != nil {
		return m.done(ctx, err, "")
	}
	return m.apply(ctx, n)
}

// resetNetwork forgets all settings of the network but the machine's name.
func (m *Menu) resetNetwork(ctx context.Context) error {
	n, err := m.Machine.Network(ctx)
	if err != nil {
		return m.done(ctx, err, "")
	}
	n.Settings = api.NetworkSettings{Hostname: n.Settings.Hostname}
	return m.apply(ctx, n)
}

// resetPort has the web admin at its usual port again.
func (m *Menu) resetPort(ctx context.Context) error {
	s := m.Machine.State(ctx)
	if s.System != nil && s.System.WebPort == sysconfig.WebPort {
		return m.done(ctx, nil, "Nothing would change: the web admin has its usual port, 443.")
	}
	if err := m.confirm(ctx, "The web admin gets its usual port, 443, again."); err != nil {
		return err
	}
	m.Said("port of the web admin")
	return m.done(ctx, m.Machine.MoveWeb(ctx, sysconfig.WebPort), "Done. The web admin is at port 443.")
}

// edit takes the settings up and asks which interface is meant.
func (m *Menu) edit(ctx context.Context) (n api.Network, id string, err error) {
	s := m.Machine.State(ctx)
	if n, err = m.Machine.Network(ctx); err != nil || s.System == nil {
		if err == nil {
			err = machine.Refusal("The system service does not answer. Wait a moment and try again.")
		}
		return n, "", errors.Join(errBack, m.done(ctx, err, ""))
	}
	var choices []choice
	for _, i := range s.System.Interfaces {
		if i.Bond != "" || i.ID == "" || len(choices) == 9 {
			continue // a member of a bond has no address; nine are what there are digits for
		}
		text := screen.Printable(strings.Join(slices.DeleteFunc([]string{i.Name, i.Label, i.Mac}, func(s string) bool { return s == "" }), " "))
		choices = append(choices, choice{key: byte('1' + len(choices)), text: text, run: func(context.Context) error { id = i.ID; return nil }})
	}
	switch len(choices) {
	case 0:
		return n, "", errors.Join(errBack, m.done(ctx, nil, "This machine has no network interface that Vigie knows how to use."))
	case 1:
		return n, s.System.Interfaces[slices.IndexFunc(s.System.Interfaces, func(i api.Interface) bool { return i.Bond == "" && i.ID != "" })].ID, nil
	}
	chosen, err := m.choose(ctx, func() []string { return []string{"Which interface?"} }, choices)
	if err != nil {
		return n, "", err
	}
	return n, id, chosen.run(ctx)
}

// setIPv4 sets one interface's IPv4 in the settings.
func setIPv4(s *api.NetworkSettings, id string, ip api.IPv4Settings) error {
	return setOne(s, id, func(four *api.IPv4Settings, _ *api.IPv6Settings) { *four = ip })
}

// setIPv6 sets its IPv6.
func setIPv6(s *api.NetworkSettings, id string, ip api.IPv6Settings) error {
	return setOne(s, id, func(_ *api.IPv4Settings, six *api.IPv6Settings) { *six = ip })
}

func setOne(s *api.NetworkSettings, id string, set func(*api.IPv4Settings, *api.IPv6Settings)) error {
	for i := range s.Interfaces {
		if n := &s.Interfaces[i]; n.ID == id {
			set(&n.Ipv4, &n.Ipv6)
			n.Disabled = false
			return nil
		}
	}
	for i := range s.Bonds {
		if n := &s.Bonds[i]; n.Name == id {
			set(&n.Ipv4, &n.Ipv6)
			return nil
		}
	}
	for i := range s.Vlans {
		if n := &s.Vlans[i]; n.Name == id {
			set(&n.Ipv4, &n.Ipv6)
			return nil
		}
	}
	return machine.Refusal("That interface is gone. Look at the list again.")
}

// apply shows what a change does, and makes it: whoever stands here need not be asked from a browser whether it works.
func (m *Menu) apply(ctx context.Context, n api.Network) error {
	plan, err := m.Machine.PlanNetwork(ctx, n)
	if err != nil {
		return m.done(ctx, err, "")
	}
	if len(plan.Steps) == 0 {
		return m.done(ctx, nil, "Nothing would change: the network is set like this already.")
	}
	if err := m.say("This will be done:"); err != nil {
		return err
	}
	for _, s := range plan.Steps {
		mark := " - "
		if s.Kind != api.PlanStepKindInfo {
			mark = " ! "
		}
		if err := m.say(mark + s.Text); err != nil {
			return err
		}
	}
	effect := "Viewers and other programs may lose their connection."
	if m.Rescue != nil {
		effect = "It counts from the restart on, and here once the network is switched on."
	}
	if err := m.confirm(ctx, effect); err != nil {
		return err
	}
	m.Said("network")
	if m.Remote {
		return m.try(ctx, n)
	}
	if err := m.Machine.SetNetwork(ctx, n); err != nil {
		return m.done(ctx, err, "")
	}
	text := "Done."
	if m.Rescue == nil && len(plan.Urls) > 0 {
		text = fmt.Sprintf("Done. The web admin is at %s now.", strings.Join(plan.Urls, " or "))
	}
	return m.done(ctx, nil, text)
}

// try makes a change for a minute. Who says then that he is still there keeps it.
func (m *Menu) try(ctx context.Context, n api.Network) error {
	if err := m.Machine.TryNetwork(ctx, n); err != nil {
		return m.done(ctx, err, "")
	}
	if err := m.say("The network is changed for a minute. Unless you say that it works it becomes what it was; so it does if you see nothing here any more."); err != nil {
		return err
	}
	word, err := m.ask(ctx, "Type yes and press Enter to keep it:", "")
	if err != nil {
		return err
	}
	if !strings.EqualFold(word, "yes") {
		return m.done(ctx, nil, "It goes back by itself when the minute is over.")
	}
	return m.done(ctx, m.Machine.ConfirmNetwork(ctx), "Done. The change is kept.")
}
