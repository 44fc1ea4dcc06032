package hostwatch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/sysconfig"
	"vigie/services/system/internal/ping"
)

// network is hosts that answer as they are told; a host that is not in it does not answer.
type network struct {
	mu    sync.Mutex
	hosts map[netip.Addr]time.Duration
	names map[string]netip.Addr
	asked map[netip.Addr]int
}

func (n *network) ping(ctx context.Context, to netip.Addr) (time.Duration, error) {
	n.mu.Lock()
	n.asked[to]++
	took, ok := n.hosts[to]
	n.mu.Unlock()
	if !ok {
		<-ctx.Done()
		return 0, ping.ErrNoAnswer
	}
	time.Sleep(took)
	return took, nil
}

func (n *network) resolve(_ context.Context, name string) (netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.names[name]; ok {
		return a, nil
	}
	return netip.Addr{}, errors.New("no such host")
}

func (n *network) set(host string, took time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if took == 0 {
		delete(n.hosts, netip.MustParseAddr(host))
	} else {
		n.hosts[netip.MustParseAddr(host)] = took
	}
}

func newNetwork() *network {
	return &network{hosts: map[netip.Addr]time.Duration{}, names: map[string]netip.Addr{}, asked: map[netip.Addr]int{}}
}

// start runs a Watch until the returned function is called.
func start(t *testing.T, n *network, file string) (*Watch, func()) {
	t.Helper()
	w := New(Config{Ping: n.ping, Resolve: n.resolve, File: file, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func states(w *Watch) map[string]State {
	_, hosts, _ := w.Hosts()
	out := map[string]State{}
	for _, h := range hosts {
		out[h.Address] = h.State
	}
	return out
}

func TestAHostGoesDownAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.set("192.0.2.1", 2*time.Millisecond)
		n.names["nas"] = netip.MustParseAddr("192.0.2.2")
		n.set("192.0.2.2", 3*time.Millisecond)
		file := filepath.Join(t.TempDir(), "hosts.json")
		w, stop := start(t, n, file)
		w.Configure(sysconfig.HostWatch{Hosts: []sysconfig.WatchedHost{{Name: "Store", Address: "nas"}, {Address: "nobody"}}})
		w.SetGateways([]Gateway{{"lan", netip.MustParseAddr("192.0.2.1")}})
		time.Sleep(time.Minute)
		got := states(w)
		if got["nas"] != Up || got["192.0.2.1"] != Up || got["nobody"] != Down {
			t.Errorf("after a minute: %v", got)
		}
		n.set("192.0.2.2", 0)
		time.Sleep(35 * time.Second)
		if got := states(w)["nas"]; got != Down {
			t.Errorf("35 s after it fell silent it is %s", got)
		}
		n.set("192.0.2.2", 3*time.Millisecond)
		time.Sleep(11 * time.Second)
		if got := states(w)["nas"]; got == Down {
			t.Error("it answers and is down")
		}
		_, hosts, events := w.Hosts()
		if len(events) != 3 || events[1].To != Down || events[1].Name != "Store" || events[1].Reason != "No answer." || events[0].From != Down {
			t.Errorf("events: %+v", events)
		}
		if hosts[0].IP != "192.0.2.2" || hosts[0].MedianMs != 3 || !hosts[0].Chosen || hosts[2].Name != "Gateway of lan" || !hosts[2].Gateway || hosts[2].Chosen {
			t.Errorf("hosts: %+v", hosts)
		}
		stop()

		// A restart of the service knows it all, and does not tell it again.
		n.set("192.0.2.1", 0)
		n.set("192.0.2.2", 0)
		w, stop = start(t, n, file)
		w.Configure(sysconfig.HostWatch{WithoutGateways: true, Hosts: []sysconfig.WatchedHost{{Name: "Store", Address: "NAS"}, {Address: "nobody"}}})
		time.Sleep(time.Second)
		_, hosts, again := w.Hosts()
		if len(again) != 3 || len(hosts) != 2 {
			t.Errorf("after a restart: %+v, %+v", hosts, again)
		}
		if points, err := w.History("nas"); err != nil || len(points) < 1 || points[0].Sent < 3 {
			t.Errorf("history: %+v, %v", points, err)
		}
		if _, err := w.History("192.0.2.1"); !errors.Is(err, ErrNotWatched) {
			t.Errorf("a gateway that is no longer watched: %v", err)
		}
		stop()
	})
}

func TestRequestsKeepTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		a := netip.MustParseAddr("192.0.2.1")
		n.set("192.0.2.1", time.Millisecond)
		w, stop := start(t, n, filepath.Join(t.TempDir(), "hosts.json"))
		set := func(seconds int, name string) {
			w.Configure(sysconfig.HostWatch{Hosts: []sysconfig.WatchedHost{{Name: name, Address: a.String(), IntervalSeconds: seconds}}})
		}
		count := func(d time.Duration) int {
			n.mu.Lock()
			n.asked[a] = 0
			n.mu.Unlock()
			time.Sleep(d)
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.asked[a]
		}
		set(60, "")
		time.Sleep(2 * time.Minute)
		if got := count(time.Hour); got != 60 {
			t.Errorf("%d requests an hour, one a minute is chosen", got)
		}
		set(60, "another name")
		if got := count(time.Hour); got != 60 {
			t.Errorf("%d requests an hour after its name was changed", got)
		}
		set(1, "")
		time.Sleep(3 * time.Second)
		if got := count(time.Minute); got != 60 {
			t.Errorf("%d requests a minute, one a second is chosen", got)
		}
		if points, err := w.History(a.String()); err != nil || len(points) < 120 {
			t.Errorf("its history did not outlive the changes: %d points, %v", len(points), err)
		}
		stop()
	})
}

func TestAFileThatCannotBeReadIsPassedOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts.json")
	if err := os.WriteFile(file, []byte(`{"hosts":`), 0o640); err != nil {
		t.Fatal(err)
	}
	w, stop := start(t, newNetwork(), file)
	_, hosts, events := w.Hosts()
	stop()
	if len(hosts) != 0 || len(events) != 0 {
		t.Errorf("%v, %v", hosts, events)
	}
}
