//go:build whole

package machine

import (
	"context"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
)

// switchPorts are taps at whose other ends the machine has two cards more, and the lab a switch that knows LACP.
var switchPorts = []string{"port0", "port1"}

// agreed makes a bond of the cards at the switch, which agree with it on aggregation, and gives it up again. What is shown of
// the partner is true: it changes with what the switch says.
func (b *bench) agreed(t *testing.T, settings api.NetworkSettings, cables []vm.NIC) {
	t.Helper()
	const key = 77
	partner, err := b.Lab.Partner([6]byte{0x02, 0, 0, 0x77, 0x77, 0}, key, switchPorts...)
	if err != nil {
		t.Fatal(err)
	}
	defer partner.Close()
	with := settings
	with.Bonds = append([]api.BondSettings{{
		Name: "trunk", Mode: api.BondModeN8023Ad, LacpRate: api.BondSettingsLacpRateFast, Members: []string{cables[0].MAC, cables[1].MAC},
		Ipv4: api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{"10.80.0.1/24"}},
	}}, settings.Bonds...)
	b.try(t, with)
	b.confirm(t)
	start := time.Now()
	shows := func(what string, want func(bond api.BondState, members [2]api.BondMember) bool) {
		t.Helper()
		b.until(t, time.Minute, what, func(ctx context.Context) (bool, error) {
			s, err := b.Status(ctx)
			members := [2]api.BondMember{nic(s, cables[0].MAC).Member, nic(s, cables[1].MAC).Member}
			return met(want(nic(s, "trunk").BondState, members), err, s.Interfaces)
		})
	}
	shows("the bond and the switch agree", func(bond api.BondState, m [2]api.BondMember) bool {
		return bond.PartnerMac == "02:00:00:77:77:00" && bond.PartnerKey == key && bond.Ports == 2 &&
			m[0].Aggregator == bond.Aggregator && m[1].Aggregator == bond.Aggregator
	})
	t.Logf("LACP agreed after %.1f s", time.Since(start).Seconds())
	partner.SetKey(1, key+1) // the switch no longer lets them work together
	shows("one card works alone", func(bond api.BondState, m [2]api.BondMember) bool {
		return bond.Ports == 1 && m[0].Aggregator != m[1].Aggregator
	})
	b.try(t, settings)
	b.confirm(t)
}
