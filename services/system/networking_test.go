package system

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/httpapi"
)

// TestTheDocumentAndTheAPISayTheSame: each field of one is in the other.
func TestTheDocumentAndTheAPISayTheSame(t *testing.T) {
	v4 := sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{"10.0.0.1/24"}, Gateway: "10.0.0.2", Metric: 3}
	v6 := sysconfig.IPv6{Method: sysconfig.MethodStatic, Addresses: []string{"2001:db8::1/64"}, Gateway: "fe80::1", Metric: 4}
	n := sysconfig.Network{
		Interfaces: []sysconfig.NIC{{ID: "52:54:00:00:00:01", Name: "lan1", Label: "l", Disabled: true, MTU: 1400, IPv4: v4, IPv6: v6, Zones: []string{"office"}}},
		Bonds: []sysconfig.Bond{{Name: "b", Label: "l", Mode: sysconfig.BondLACP, Members: []string{"x"}, Primary: "x", MIIMonitorMs: 1, ARPIntervalMs: 2, ARPTargets: []string{"y"},
			LACPRate: "fast", HashPolicy: "layer2", MTU: 5, IPv4: v4, IPv6: v6, Zones: []string{"cameras"}}},
		VLANs:      []sysconfig.VLAN{{Name: "v", Label: "l", Parent: "b", Tag: 6, MTU: 7, IPv4: v4, IPv6: v6, Zones: []string{"office"}}},
		DNSServers: []string{"10.0.0.3"}, Search: []string{"example.com"},
	}
	settings, err := settingsOf("gate", n)
	if err != nil {
		t.Fatal(err)
	}
	back, err := networkOf(settings)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, back); diff != "" || settings.Hostname != "gate" {
		t.Error(diff)
	}
	// Nothing is left at its zero value above, so that a field which is added to one side only is noticed.
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"hostname", "hashPolicy", "arpTargets", "miiMonitorMs", "lacpRate", "primary", "disabled", "zones", "metric", "gateway", "search", "tag", "parent"} {
		if !strings.Contains(string(b), `"`+field+`":`) {
			t.Errorf("no %s in %s", field, b)
		}
	}
}

const card = "52:54:00:00:00:01"

// office is a networking of a machine with one card that has a lease.
func office(t *testing.T, dir string) (*networking, *[]sysconfig.Config) {
	t.Helper()
	b := board.New(time.Now(), api.Status{})
	b.SetInterfaces([]api.Interface{{ID: card, Kind: api.InterfaceKindEthernet, Name: "lan1", Addresses: []string{"192.168.1.100/24"}}})
	applied := &[]sysconfig.Config{}
	keeper := config.New(dir, func(c sysconfig.Config) { *applied = append(*applied, c) }, time.Now, slog.New(slog.DiscardHandler))
	if err := keeper.Open(); err != nil {
		t.Fatal(err)
	}
	return &networking{keeper: keeper, board: b, trials: &trials{keeper: keeper, board: b, delay: func(time.Duration) {}, console: console.New(io.Discard), log: slog.New(slog.DiscardHandler)}}, applied
}

func moved() api.NetworkSettings {
	return api.NetworkSettings{Hostname: "gate", Interfaces: []api.NICSettings{{ID: card, Ipv4: api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{"192.168.1.5/24"}}}}}
}

// TestTheAnswerGetsOutBeforeTheNetworkChanges: its time begins when it is ready, and until then nothing changes, however long that takes.
func TestTheAnswerGetsOutBeforeTheNetworkChanges(t *testing.T) {
	n, applied := office(t, t.TempDir())
	type wait struct {
		time.Duration
		configurations int // that had been given until then
	}
	var waits []wait
	n.trials.delay = func(d time.Duration) { waits = append(waits, wait{d, len(*applied)}) }
	if _, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved()}, httpapi.Caller{}); err != nil {
		t.Fatal(err)
	}
	if want := []wait{{trialLimit, 1}, {answerFirst, 2}}; !slices.Equal(waits, want) {
		t.Errorf("the network waits %v, want %v", waits, want)
	}
}

func TestAChangeIsPlannedTriedAndRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, applied := office(t, t.TempDir())
		me := httpapi.Caller{User: "owner", Reached: netip.MustParseAddr("192.168.1.100")}
		before, err := n.Network(t.Context())
		if err != nil || len(before.Settings.Interfaces) != 1 || before.Settings.Interfaces[0].Name != "lan1" {
			t.Fatalf("%+v, %v", before, err)
		}
		plan, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved(), Version: before.Version, DryRun: true}, me)
		if err != nil || !plan.LosesAddress || plan.Trial.EndsMs != 0 || !cmp.Equal(plan.Urls, []string{"https://192.168.1.5/"}) || !strings.Contains(plan.Steps[len(plan.Steps)-1].Text, "called gate") {
			t.Fatalf("%+v, %v", plan, err)
		}
		if len(*applied) != 1 {
			t.Fatal("a dry run was applied")
		}
		plan, err = n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved(), Version: before.Version}, me)
		if err != nil || plan.Trial.LeftMs != 60_000 || plan.Trial.User != "owner" || (*applied)[1].Hostname != "gate" || (*applied)[1].Network.Interfaces[0].Name != "lan1" {
			t.Fatalf("%+v, %v, applied %+v", plan, err, *applied)
		}
		time.Sleep(20 * time.Second)
		now, err := n.Network(t.Context())
		if err != nil || now.Trial.LeftMs != 40_000 || now.Settings.Hostname != "" {
			t.Errorf("%+v, %v", now, err)
		}
		// The new address is not there in this test: a confirmation by the old one counts only while it is the machine's.
		var p *answer.Problem
		elsewhere := httpapi.Caller{User: "owner", Reached: netip.MustParseAddr("192.168.1.77")}
		if err := n.ConfirmNetwork(t.Context(), elsewhere); !errors.As(err, &p) || p.Detail.Code != "old_address" || p.Status != http.StatusPreconditionFailed {
			t.Errorf("got %v", err)
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if last := (*applied)[len(*applied)-1]; last.Hostname != "" || len(last.Network.Interfaces) != 0 {
			t.Errorf("after a minute: %+v", last)
		}
		if n.board.Status().Trial.EndsMs != 0 {
			t.Error("the trial is still shown")
		}
		if err := n.ConfirmNetwork(t.Context(), me); !errors.As(err, &p) || p.Detail.Code != "no_trial" {
			t.Errorf("got %v", err)
		}
	})
}

func TestAConfirmedChangeStaysAndAStaleOneIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		n, _ := office(t, dir)
		before, err := n.Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved()}, httpapi.Caller{}); err != nil {
			t.Fatal(err)
		}
		n.board.SetInterfaces([]api.Interface{{ID: card, Kind: api.InterfaceKindEthernet, Name: "lan1", Addresses: []string{"192.168.1.5/24"}}})
		if err := n.ConfirmNetwork(t.Context(), httpapi.Caller{Reached: netip.MustParseAddr("192.168.1.5")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		again, applied := office(t, dir)
		if got := (*applied)[0]; got.Hostname != "gate" || len(got.Network.Interfaces) != 1 {
			t.Errorf("after a restart: %+v", got)
		}
		var p *answer.Problem
		if _, err := again.PutNetwork(t.Context(), api.NetworkRequest{Settings: moved(), Version: before.Version}, httpapi.Caller{}); !errors.As(err, &p) || p.Detail.Code != "changed" {
			t.Errorf("stale settings: %v", err)
		}
		if err := again.RollBackNetwork(t.Context()); !errors.As(err, &p) || p.Detail.Code != "no_trial" {
			t.Errorf("got %v", err)
		}
		bad := moved()
		bad.Interfaces[0].Ipv4.Gateway = "10.0.0.1"
		if _, err := again.PutNetwork(t.Context(), api.NetworkRequest{Settings: bad}, httpapi.Caller{}); !errors.As(err, &p) || p.Detail.Field != "settings.interfaces[0].ipv4.gateway" || !strings.Contains(p.Detail.Message, "lan1") {
			t.Errorf("got %+v", p)
		}
		bad = moved()
		bad.Hostname = "front gate"
		if _, err := again.PutNetwork(t.Context(), api.NetworkRequest{Settings: bad}, httpapi.Caller{}); !errors.As(err, &p) || p.Detail.Field != "settings.hostname" {
			t.Errorf("got %+v", p)
		}
		if got := again.keeper.Config(); !cmp.Equal(got, (*applied)[0], cmpopts.EquateEmpty()) {
			t.Errorf("a refused change changed %+v", got)
		}
	})
}
