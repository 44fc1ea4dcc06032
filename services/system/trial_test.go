package system

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/httpapi"
)

// guarded is the office's machine, whose card is in the zone office, with a firewall that is only noted.
func guarded(t *testing.T) (*networking, *guarding, func() []string) {
	t.Helper()
	n, applied := office(t, t.TempDir())
	g := newGuarding(options{runDir: t.TempDir()}, n.board, slog.New(slog.DiscardHandler))
	g.keeper, g.trials = n.keeper, n.trials
	s := zoned("office")
	if _, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: s}, httpapi.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := n.ConfirmNetwork(t.Context(), httpapi.Caller{}); err != nil {
		t.Fatal(err)
	}
	return n, g, func() []string { return (*applied)[len(*applied)-1].Firewall.OpenIn("web") }
}

// zoned puts the office's card into a zone.
func zoned(zone string) api.NetworkSettings {
	return api.NetworkSettings{Interfaces: []api.NICSettings{{ID: card, Zones: []string{zone}}}}
}

// open asks for the web admin to be open in these zones alone.
func open(zones ...string) api.FirewallRequest {
	r := api.FirewallRequest{}
	r.Services = append(r.Services, struct {
		ID    string   `json:"id"`
		Zones []string `json:"zones"`
	}{"web", zones})
	return r
}

func refusedWith(t *testing.T, err error, code string) {
	t.Helper()
	var p *answer.Problem
	if !errors.As(err, &p) || p.Detail.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

func TestAFirewallThatNobodyConfirmsIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, g, web := guarded(t)
		me := httpapi.Caller{User: "owner", Reached: netip.MustParseAddr("192.168.1.100"), Connected: time.Hour}
		dry := open("cameras")
		dry.DryRun = true
		plan, err := g.PutFirewall(t.Context(), dry, me)
		if err != nil || !plan.LosesAddress || len(plan.Steps) != 3 || !strings.HasPrefix(plan.Steps[0].Text, "You will be locked out") ||
			plan.Steps[1].Text != "The web admin is opened in the zone cameras." || !strings.HasPrefix(plan.Steps[2].Text, "The web admin is shut in the zone office;") {
			t.Fatalf("%+v, %v", plan, err)
		}
		if !slices.Equal(web(), []string{"office"}) || n.board.Status().Trial.EndsMs != 0 {
			t.Fatal("a dry run was applied")
		}
		plan, err = g.PutFirewall(t.Context(), open("cameras"), me)
		if err != nil || plan.Trial.LeftMs != 60_000 || plan.Trial.Subject != api.TrialSubjectFirewall || !slices.Equal(web(), []string{"cameras"}) {
			t.Fatalf("%+v, %v, open in %q", plan, err, web())
		}
		time.Sleep(20 * time.Second)
		// What stands is not cut: to be heard over an old connection proves nothing.
		refusedWith(t, g.ConfirmFirewall(t.Context(), me), "old_connection")
		refusedWith(t, n.ConfirmNetwork(t.Context(), httpapi.Caller{}), "no_trial")
		refusedWith(t, n.RollBackNetwork(t.Context()), "no_trial")
		_, err = n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved()}, me)
		refusedWith(t, err, "on_trial")
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if !slices.Equal(web(), []string{"office"}) || n.board.Status().Trial.EndsMs != 0 {
			t.Errorf("after a minute the web admin is open in %q, trial %+v", web(), n.board.Status().Trial)
		}
		refusedWith(t, g.ConfirmFirewall(t.Context(), httpapi.Caller{}), "no_trial")
	})
}

func TestAFirewallThatIsConfirmedOverANewConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, g, web := guarded(t)
		if _, err := g.PutFirewall(t.Context(), open("office", "cameras"), httpapi.Caller{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := g.ConfirmFirewall(t.Context(), httpapi.Caller{Connected: 9 * time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(web(), []string{"office", "cameras"}) || !slices.Equal(g.keeper.Config().Firewall.OpenIn("web"), web()) {
			t.Errorf("open in %q", web())
		}
		if _, err := g.PutFirewall(t.Context(), open("office"), httpapi.Caller{}); err != nil {
			t.Fatal(err)
		}
		if err := g.RollBackFirewall(t.Context()); err != nil || !slices.Equal(web(), []string{"office", "cameras"}) {
			t.Errorf("rolled back: %v, open in %q", err, web())
		}
	})
}

func TestAZoneThatLocksOutIsToldOrRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, _ := guarded(t)
		me := httpapi.Caller{Reached: netip.MustParseAddr("192.168.1.100")}
		_, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: zoned("cameras"), DryRun: true}, me)
		refusedWith(t, err, "unreachable")
		s := zoned("cameras")
		s.Interfaces = append(s.Interfaces, api.NICSettings{ID: "52:54:00:00:00:02", Ipv4: api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{"10.0.0.1/24"}}})
		plan, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: s, DryRun: true}, me)
		if err != nil || !plan.LosesAddress || !strings.Contains(plan.Steps[0].Text, "locked out") || !slices.Equal(plan.Urls, []string{"https://10.0.0.1/"}) {
			t.Errorf("%+v, %v", plan, err)
		}
	})
}
