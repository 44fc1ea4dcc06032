package machine

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vigie/internal/api"
)

// script tells its states one after the other, and ends.
type script []api.Status

func (s script) Watch(ctx context.Context, fn func(api.Status)) error {
	for _, status := range s {
		fn(status)
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestFollowerKeepsWhatBrowsersAndAccountsNeed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := New(script{
		{Hostname: "vigie-1", WebPort: 8443, StorageSettled: true,
			Interfaces: []api.Interface{
				{Name: "lo", Addresses: []string{"127.0.0.1/8", "::1/128"}},
				{Name: "eth1", Addresses: []string{"192.0.2.20/24", "fe80::1/64", "2001:db8::20/64", "nonsense"}},
				{Name: "eth0", Addresses: []string{"192.0.2.10/24", "169.254.3.4/16", "192.0.2.20/24"}},
			},
			Volumes: []api.Volume{
				{ID: "another machine's", Path: "/volumes/z", Status: api.VolumeStatusReadonly, Machine: "vigie-1"},
				{ID: "b", Path: "/volumes/b", Status: api.VolumeStatusMounted},
				{ID: "a", Name: "Door", Path: "/volumes/a", Status: api.VolumeStatusMounted},
				{ID: "c", Path: "/volumes/c", Status: api.VolumeStatusReadonly},
				{ID: "d", Path: "", Status: api.VolumeStatusFailed},
			}},
		{},
	})
	if f.State().Hostname == "" || f.State().Settled {
		t.Errorf("before the first word: %+v", f.State())
	}
	var got []*State
	err := f.Run(ctx, func(s *State) {
		if s != f.State() {
			t.Error("told of a state that is not the newest")
		}
		if got = append(got, s); len(got) == 2 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &State{Hostname: "vigie-1", WebPort: 8443, Settled: true,
		Addresses: []netip.Addr{
			netip.MustParseAddr("169.254.3.4"), netip.MustParseAddr("192.0.2.10"),
			netip.MustParseAddr("192.0.2.20"), netip.MustParseAddr("2001:db8::20"),
		},
		Volumes: []Volume{{ID: "a", Path: "/volumes/a", Name: "Door"}, {ID: "b", Path: "/volumes/b"}, {ID: "c", Path: "/volumes/c", ReadOnly: true}},
	}
	if diff := cmp.Diff(want, got[0], cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got[1].Hostname == "" || got[1].Settled || len(got[1].Volumes) != 0 {
		t.Errorf("an empty state is read as %+v", got[1])
	}
}
