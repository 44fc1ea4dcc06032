package sysconfig

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guarded is a configuration with what this file is about.
func guarded() Config {
	return Config{
		NTPServers: []string{},
		Firewall:   Firewall{Services: map[string][]string{"web": {ZoneOffice, ZoneCameras}, "relay": {}}},
		Bandwidth:  []BandwidthLimit{{"52:54:00:00:00:01", 20_000, 2_000}, {"bond0", 0, MinKbps}, {"bond0.7", MaxKbps, 0}},
	}
}

func TestServicesAreInTheirUsualZonesUntilOthersAreChosen(t *testing.T) {
	f := guarded().Firewall
	for service, want := range map[string][]string{"web": {ZoneOffice, ZoneCameras}, "relay": {}, "webrtc": {ZoneOffice}, "other": nil} {
		if got := f.OpenIn(service); !cmp.Equal(got, want) {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
	c := f.Clone()
	c.Services["web"][0] = "changed"
	if f.Services["web"][0] != ZoneOffice {
		t.Error("a clone shares its zones")
	}
	for _, id := range Services() {
		if (Firewall{}).OpenIn(id) == nil {
			t.Errorf("%s is usually nowhere", id)
		}
	}
}

func TestZonesOfEveryInterface(t *testing.T) {
	n := Network{Interfaces: []NIC{{ID: "a", Zones: []string{ZoneCameras}}}, Bonds: []Bond{{Name: "b", Zones: []string{ZoneOffice}}}, VLANs: []VLAN{{Name: "v"}}}
	want := map[string][]string{"a": {ZoneCameras}, "b": {ZoneOffice}, "v": nil}
	if diff := cmp.Diff(want, n.ZonesOf()); diff != "" {
		t.Error(diff)
	}
}

func TestABadFirewallOrLimitIsRefusedWithFieldAndReason(t *testing.T) {
	if err := guarded().Validate(); err != nil {
		t.Fatal(err)
	}
	open := func(service string, zones ...string) func(*Config) {
		return func(c *Config) { c.Firewall.Services[service] = zones }
	}
	limit := func(i int, l BandwidthLimit) func(*Config) { return func(c *Config) { c.Bandwidth[i] = l } }
	const mac = "52:54:00:00:00:01"
	for _, c := range []struct {
		field, reason string
		spoil         func(*Config)
	}{
		{"firewall.services", "no service", open("telnet", ZoneOffice)},
		{"firewall.services.relay", "no zone", open("relay", "dmz")},
		{"firewall.services.relay", "twice", open("relay", ZoneOffice, ZoneOffice)},
		{"firewall.services.web", "one zone at least", open("web")},
		{"bandwidth", "at most 128", func(c *Config) { c.Bandwidth = make([]BandwidthLimit, 129) }},
		{"bandwidth[1].interface", "no interface", limit(1, BandwidthLimit{"", 1000, 0})},
		{"bandwidth[1].interface", "no interface", limit(1, BandwidthLimit{"eth0\n", 1000, 0})},
		{"bandwidth[1].interface", "two limits", limit(1, BandwidthLimit{mac, 1000, 0})},
		{"bandwidth[0].kbps", "between 128", limit(0, BandwidthLimit{mac, 127, 0})},
		{"bandwidth[0].kbps", "25 Gbit/s", limit(0, BandwidthLimit{mac, MaxKbps + 1, 0})},
		{"bandwidth[0].kbps", "between", limit(0, BandwidthLimit{mac, -1000, 0})},
		{"bandwidth[0].routerKbps", "between", limit(0, BandwidthLimit{mac, 1000, 1})},
		{"bandwidth[0].routerKbps", "more than", limit(0, BandwidthLimit{mac, 1000, 1001})},
	} {
		spoilt := guarded()
		c.spoil(&spoilt)
		var field *FieldError
		if err := spoilt.Validate(); !errors.As(err, &field) || field.Field != c.field || !strings.Contains(field.Reason, c.reason) {
			t.Errorf("%s, %s: %+v", c.field, c.reason, err)
		}
	}
}
