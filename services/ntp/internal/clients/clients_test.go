package clients

import (
	"net/netip"
	"testing"
	"time"
)

var limits = Limits{Every: time.Second, Burst: 4, Refuse: 8 * time.Second, Most: 3}

func TestAClientMayAskInABurstAndThenNowAndThen(t *testing.T) {
	table, now, a := New(limits), time.Unix(1_800_000_000, 0), netip.MustParseAddr("192.0.2.7")
	ask := func(want ...Verdict) {
		t.Helper()
		for i, w := range want {
			if got := table.Ask(a, 4, now); got != w {
				t.Errorf("request %d of %d: %v, want %v", i, len(want), got, w)
			}
		}
	}
	ask(Answer, Answer, Answer, Answer, Refuse, Drop, Drop)
	now = now.Add(time.Second)
	ask(Answer, Drop)
	now = now.Add(7 * time.Second)
	ask(Answer, Answer, Answer, Answer, Refuse, Drop)
	for range 100 {
		now = now.Add(time.Second)
		ask(Answer)
	}
	now = now.Add(-time.Hour) // set back
	ask(Drop)
	now = now.Add(time.Second)
	ask(Answer)
	list, known := table.Last(10)
	if known != 1 || len(list) != 1 || list[0].Requests != 117 || list[0].Limited != 7 || list[0].Address != a || list[0].Version != 4 {
		t.Errorf("got %d, %+v", known, list)
	}
}

func TestAFullTableForgetsWhoWasSilentLongest(t *testing.T) {
	table, now := New(limits), time.Unix(1_800_000_000, 0)
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.4"} {
		now = now.Add(time.Second)
		table.Ask(netip.MustParseAddr(a), 3, now)
	}
	list, known := table.Last(2)
	if known != 3 || len(table.known) != 3 || len(list) != 2 || list[0].Address.String() != "192.0.2.4" || list[1].Address.String() != "192.0.2.1" || list[1].Requests != 2 {
		t.Errorf("%d known, %+v", known, list)
	}
	if _, there := table.known[netip.MustParseAddr("192.0.2.2")]; there {
		t.Error("192.0.2.2 is known still")
	}
}

func TestWhoCountsAsOneClient(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::", "2001:db8::2:0:0:1": "2001:db8:0:0::",
		"2001:db8:0:1::1": "2001:db8:0:1::", "fe80::1%eth0": "fe80::1%eth0", "::1": "::1",
	} {
		if got := client(netip.MustParseAddr(from)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}

func TestAskingCostsNoMemory(t *testing.T) {
	table, now, a := New(limits), time.Unix(1_800_000_000, 0), netip.MustParseAddr("192.0.2.1")
	table.Ask(a, 4, now)
	if n := testing.AllocsPerRun(100, func() { table.Ask(a, 4, now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
