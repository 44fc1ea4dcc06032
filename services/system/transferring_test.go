package system

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/sysconfig"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/systemapi"
)

// TestAConfigurationOfAnotherMachineIsPutInForce: what of it fits counts at once, its network on trial, and a network of other cards not at all.
func TestAConfigurationOfAnotherMachineIsPutInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := office(t, t.TempDir())
		g := newGuarding(options{runDir: t.TempDir()}, n.board, slog.New(slog.DiscardHandler))
		g.keeper, g.trials = n.keeper, n.trials
		m := &transferring{networking: n, guard: g}
		me := httpapi.Caller{User: "owner", Reached: netip.MustParseAddr("192.168.1.100")}
		put := func(r systemapi.Transfer) systemapi.Transferred {
			t.Helper()
			out, err := m.PutSettings(t.Context(), r, me)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if same := put(systemapi.Transfer{Config: m.Settings(t.Context())}); len(same.Changes)+len(same.LeftOut)+len(same.Plan.Steps) > 0 || same.Plan.Trial.EndsMs != 0 {
			t.Errorf("its own settings: %+v", same)
		}
		there := sysconfig.Config{Hostname: "gate", TimeZone: "Europe/Paris", NTPServers: []string{"ntp.example.com"}, Web: sysconfig.Web{Port: 8443},
			Network: sysconfig.Network{Interfaces: []sysconfig.NIC{{ID: card, IPv4: sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{"192.168.1.5/24"}}}}}}

		look := put(systemapi.Transfer{Config: there, DryRun: true})
		text := strings.Join(look.Changes, "\n")
		for _, want := range []string{"Europe/Paris, and was UTC", "ntp.example.com", "called gate", "port 8443"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %v", want, look.Changes)
			}
		}
		if c := n.keeper.Config(); c.TimeZone != "" || !look.Plan.LosesAddress || len(look.Plan.Steps) < 2 || !strings.Contains(look.Plan.Steps[len(look.Plan.Steps)-1].Text, "on trial") {
			t.Errorf("a look: %+v, %+v", c, look.Plan)
		}

		done := put(systemapi.Transfer{Config: there})
		if c := n.keeper.Config(); c.TimeZone != "Europe/Paris" || c.Hostname != "" || c.Web.Port != 0 || done.Plan.Trial.EndsMs == 0 {
			t.Errorf("before it is confirmed: %+v, trial %+v", c, done.Plan.Trial)
		}
		if c := n.keeper.InForce(); c.Hostname != "gate" || c.Web.Port != 8443 {
			t.Errorf("on trial: %+v", c)
		}
		time.Sleep(trialLimit + time.Second)
		synctest.Wait()
		if c := n.keeper.InForce(); c.Hostname != "" || c.Web.Port != 0 || c.TimeZone != "Europe/Paris" {
			t.Errorf("nobody confirmed, and there is %+v", c)
		}
		put(systemapi.Transfer{Config: there})
		time.Sleep(made)
		if err := n.keeper.Confirm(); err != nil {
			t.Fatal(err)
		}
		if c := n.keeper.Config(); c.Hostname != "gate" || c.Web.Port != 8443 {
			t.Errorf("confirmed: %+v", c)
		}

		other := there.Clone()
		other.Hostname, other.TimeZone = "yard", "America/New_York"
		other.Network.Interfaces[0].ID, other.Network.Interfaces[0].Label = "52:54:00:00:00:99", "uplink"
		left := put(systemapi.Transfer{Config: other})
		if len(left.LeftOut) != 1 || !strings.Contains(left.LeftOut[0], "uplink 52:54:00:00:00:99") {
			t.Errorf("%+v", left)
		}
		if c := n.keeper.InForce(); c.Hostname != "yard" || c.TimeZone != "America/New_York" || c.Network.Interfaces[0].ID != card {
			t.Errorf("another machine's: %+v", c)
		}
		if err := n.keeper.RollBack(); err != nil {
			t.Fatal(err)
		}

		// After a power cut nobody is there to confirm.
		other.TimeZone = "Europe/Oslo"
		put(systemapi.Transfer{Config: other, Steady: true})
		if c := n.keeper.InForce(); c.Hostname != "gate" || c.TimeZone != "Europe/Oslo" {
			t.Errorf("without a trial: %+v", c)
		}
		before, _ := json.Marshal(n.keeper.InForce())
		for _, bad := range []sysconfig.Config{{TimeZone: "Atlantis"}, {Web: sysconfig.Web{Port: -1}}, {Network: sysconfig.Network{DNSServers: []string{"x"}}}} {
			if _, err := m.PutSettings(t.Context(), systemapi.Transfer{Config: bad}, me); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if after, _ := json.Marshal(n.keeper.InForce()); string(after) != string(before) {
			t.Errorf("what was refused changed %s to %s", before, after)
		}
	})
}
