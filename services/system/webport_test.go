package system

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/httpapi"
)

func TestAPortThatNobodyConfirmsIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, g, _ := guarded(t)
		me := httpapi.Caller{User: "owner", Reached: netip.MustParseAddr("192.168.1.100"), Port: 443, Connected: time.Hour}
		plan, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: 8443, DryRun: true}, me)
		if err != nil || !plan.LosesAddress || len(plan.Steps) != 3 || plan.Steps[0].Kind != api.PlanStepKindDanger || !slices.Equal(plan.Urls, []string{"https://192.168.1.100:8443/"}) {
			t.Fatalf("%+v, %v", plan, err)
		}
		if g.keeper.InForce().Web.At() != 443 || n.board.Status().Trial.EndsMs != 0 {
			t.Fatal("a dry run was applied")
		}
		plan, err = g.PutWebPort(t.Context(), api.WebPortRequest{Port: 8443}, me)
		if err != nil || plan.Trial.Subject != api.TrialSubjectWebPort || g.keeper.InForce().Web.At() != 8443 || g.keeper.Config().Web.At() != 443 {
			t.Fatalf("%+v, %v", plan, err)
		}
		// The new port belongs to the web admin, and the old one still does.
		r := &remote{keeper: g.keeper, guard: g}
		for _, port := range []int{443, 8443} {
			refusedField(t, r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: port, Passwords: true}), "port", "taken by the web admin")
		}
		refusedField(t, g.SetRelayPorts(t.Context(), api.RelayPorts{TCP: []int{8443}}), "tcp", "taken by the web admin")
		time.Sleep(20 * time.Second)
		me.Connected = time.Second
		refusedWith(t, g.ConfirmWebPort(t.Context(), me), "old_port")
		me.Port, me.Connected = 8443, time.Hour
		refusedWith(t, g.ConfirmWebPort(t.Context(), me), "old_connection")
		refusedWith(t, g.ConfirmFirewall(t.Context(), me), "no_trial")
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if g.keeper.InForce().Web.At() != 443 || n.board.Status().Trial.EndsMs != 0 {
			t.Errorf("after a minute it is %d, trial %+v", g.keeper.InForce().Web.At(), n.board.Status().Trial)
		}
	})
}

func TestAPortThatIsConfirmedThereStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, g, _ := guarded(t)
		if _, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: 8443}, httpapi.Caller{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := g.ConfirmWebPort(t.Context(), httpapi.Caller{Port: 8443, Connected: time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if g.keeper.Config().Web.Port != 8443 {
			t.Errorf("%+v", g.keeper.Config().Web)
		}
		// Where the web admin is told to be has its port.
		plan, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved(), DryRun: true}, httpapi.Caller{})
		if err != nil || !slices.Contains(plan.Urls, "https://192.168.1.5:8443/") {
			t.Errorf("%+v, %v", plan, err)
		}
		// And the usual one is no port at all in the document.
		if _, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: 443}, httpapi.Caller{}); err != nil {
			t.Fatal(err)
		}
		if err := g.ConfirmWebPort(t.Context(), httpapi.Caller{}); err != nil || g.keeper.Config().Web.Port != 0 {
			t.Errorf("%+v, %v", g.keeper.Config().Web, err)
		}
	})
}

func TestTheWebAdminGetsNoPortAtWhichItIsNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, g, _ := guarded(t)
		g.relay = api.RelayPorts{TCP: []int{8554}} // as the engine has told; it is told in a namespace elsewhere, for it sets rules
		before := g.keeper.InForce()
		for port, reason := range map[int]string{
			0: "from 1 to 65535", 65536: "from 1 to 65535", 6000: "Browsers open no pages", 22: "Browsers open no pages",
			32768: "own connections", 60999: "own connections", 8554: "taken by the relay",
		} {
			for _, dry := range []bool{true, false} {
				_, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: port, DryRun: dry}, httpapi.Caller{})
				refusedField(t, err, "port", reason)
			}
		}
		r := &remote{keeper: g.keeper, guard: g}
		if err := r.SetSSH(t.Context(), api.SSHSettings{Port: 2222}); err != nil {
			t.Fatal(err)
		}
		_, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: 2222}, httpapi.Caller{})
		refusedField(t, err, "port", "taken by SSH") // though that is off
		if now := g.keeper.InForce(); now.Web != before.Web {
			t.Errorf("%+v", now.Web)
		}
		plan, err := g.PutWebPort(t.Context(), api.WebPortRequest{Port: 443, DryRun: true}, httpapi.Caller{})
		if err != nil || len(plan.Steps) != 0 || strings.Join(plan.Urls, "") != "https://192.168.1.100/" {
			t.Errorf("no change: %+v, %v", plan, err)
		}
	})
}
