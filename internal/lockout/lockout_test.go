package lockout

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var rule = Rule{Free: 3, First: time.Second, Max: 10 * time.Second, Forget: time.Hour}

func TestWaitGrowsWithEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(10)
		key := Key{"admin", rule}
		for i := range 4 { // three are free, the fourth is the one that starts the waiting
			if wait := table.Begin(key); wait != 0 {
				t.Fatalf("attempt %d has to wait %v", i+1, wait)
			}
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			want *= time.Second
			if wait := table.Begin(key); wait != want {
				t.Fatalf("wait %v, want %v", wait, want)
			}
			time.Sleep(want / 2)
			if wait := table.Begin(key); wait != want/2 {
				t.Fatalf("half-way: wait %v, want %v: a refused attempt must not count", wait, want/2)
			}
			time.Sleep(want / 2)
			if wait := table.Begin(key); wait != 0 {
				t.Fatalf("after the wait: %v more", wait)
			}
		}
	})
}

func TestSuccessForgetsAndTimeForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(10)
		key := Key{"admin", rule}
		fail := func() {
			for table.Begin(key) == 0 {
			}
		}
		fail()
		table.Succeeded(key)
		if wait := table.Begin(key); wait != 0 {
			t.Errorf("after a success: wait %v", wait)
		}
		fail()
		time.Sleep(rule.Forget)
		for range 4 {
			if wait := table.Begin(key); wait != 0 {
				t.Errorf("after an hour: wait %v", wait)
			}
		}
	})
}

func TestOneRefusingKeyRefusesAndChargesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(10)
		name, here, there := Key{"name", rule}, Key{"here", rule}, Key{"there", rule}
		for table.Begin(name, here) == 0 {
		}
		if wait := table.Begin(name, there); wait == 0 {
			t.Error("the name is not locked from elsewhere")
		}
		for range 4 {
			if wait := table.Begin(there); wait != 0 {
				t.Errorf("a refused attempt was charged to the other key: wait %v", wait)
			}
		}
	})
}

func TestAttemptsAtOnceCannotSlipPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(10)
		results := make(chan time.Duration, 100)
		for range cap(results) {
			go func() { results <- table.Begin(Key{"admin", rule}) }()
		}
		passed := 0
		for range cap(results) {
			if <-results == 0 {
				passed++
			}
		}
		if passed != rule.Free+1 {
			t.Errorf("%d attempts passed, want %d", passed, rule.Free+1)
		}
	})
}

func TestWithdrawnAttemptsDoNotCount(t *testing.T) {
	table := New(10)
	key := Key{"admin", rule}
	for range 100 {
		if wait := table.Begin(key); wait != 0 {
			t.Fatalf("wait %v", wait)
		}
		table.Withdraw(key)
	}
	if len(table.entries) != 0 {
		t.Errorf("%d keys left", len(table.entries))
	}
}

func TestAFloodOfKeysDoesNotWashOutTheOneGuessedAt(t *testing.T) {
	table := New(10)
	admin := Key{"admin", rule}
	for table.Begin(admin) == 0 {
	}
	for i := range 1000 {
		table.Begin(Key{fmt.Sprint("flood ", i), rule})
	}
	if len(table.entries) > 10 {
		t.Errorf("%d keys kept, at most 10 allowed", len(table.entries))
	}
	if wait := table.Begin(admin); wait == 0 {
		t.Error("the lock was washed out")
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"::1":                  "::1",
	} {
		if got := Network(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "unknown" {
		t.Errorf("no address: %s", got)
	}
}
