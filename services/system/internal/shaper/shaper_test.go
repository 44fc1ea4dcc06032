package shaper

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"vigie/services/system/internal/links"
	"vigie/services/system/internal/netnstest"
)

// line is a machine, a host on its network, and a router there behind which are more addresses: all of one other namespace.
type line struct {
	t             *testing.T
	machine, host *netnstest.Namespace
	keeper        *Keeper
}

const (
	near4, near6 = "10.1.0.2", "fd01::2"
	far4, far6   = "10.9.0.1", "fd09::1"
)

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{t: t, machine: netnstest.New(t, "machine"), host: netnstest.New(t, "host"), keeper: New(slog.New(slog.DiscardHandler))}
	netnstest.Wire(t, l.machine, "lan1", l.host, "eth0")
	l.machine.Up(t, "lan1", "10.1.0.1/24", "fd01::1/64")
	l.host.Up(t, "eth0", near4+"/24", near6+"/64")
	l.host.Up(t, "lo", far4+"/24", far6+"/64")
	l.machine.Route(t, "0.0.0.0/0", near4)
	l.machine.Route(t, "::/0", near6)
	return l
}

func (l *line) limit(limit Limit) {
	l.t.Helper()
	l.machine.Do(l.t, func() error {
		list, err := links.List()
		if err != nil {
			return err
		}
		limits := map[string]Limit{}
		for _, n := range list {
			limits[n.ID] = limit
		}
		l.keeper.SetLinks(list)
		l.keeper.Configure(limits)
		l.keeper.turn()
		for _, f := range l.keeper.Figures() {
			if f.Problem != "" {
				return fmt.Errorf("%s", f.Problem)
			}
		}
		return nil
	})
}

// figures are those of the machine's one interface, since the last call.
func (l *line) figures() (f Figures) {
	l.t.Helper()
	l.machine.Do(l.t, func() error {
		l.keeper.turn()
		f = l.keeper.Figures()[0]
		return nil
	})
	return f
}

// stream sends from one namespace to an address of the other, as fast as it goes or at so many bits a second, until the test
// ends; it counts what arrives.
func (l *line) stream(from, to *netnstest.Namespace, address string, bitsPerSecond int) *atomic.Int64 {
	l.t.Helper()
	var ln net.Listener
	to.Do(l.t, func() (err error) {
		ln, err = net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 0).String())
		return err
	})
	var conn net.Conn
	from.Do(l.t, func() (err error) {
		conn, err = net.Dial("tcp", ln.Addr().String())
		return err
	})
	taken, err := ln.Accept()
	if err != nil {
		l.t.Fatal(err)
	}
	var arrived atomic.Int64
	var both sync.WaitGroup
	both.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, err := taken.Read(b)
			arrived.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	stop := make(chan struct{})
	both.Go(func() {
		b := make([]byte, 32<<10)
		start, sent := time.Now(), 0
		for {
			if bitsPerSecond > 0 {
				due := time.Duration(float64(sent) * 8 / float64(bitsPerSecond) * float64(time.Second))
				select {
				case <-stop:
					return
				case <-time.After(time.Until(start.Add(due))):
				}
			}
			n, err := conn.Write(b)
			sent += n
			if err != nil {
				return
			}
		}
	})
	l.t.Cleanup(func() {
		close(stop)
		conn.Close()
		taken.Close()
		ln.Close()
		both.Wait()
	})
	return &arrived
}

const (
	warmUp   = 500 * time.Millisecond
	measured = 1500 * time.Millisecond
	// frameShare is the part of a full frame that is data: 1448 bytes of TCP in 1514.
	frameShare = 1448.0 / 1514
)

// during lets all streams run and returns what arrives of each, in bits a second on the wire.
func during(streams ...*atomic.Int64) []float64 {
	time.Sleep(warmUp)
	start, before := time.Now(), make([]int64, len(streams))
	for i, s := range streams {
		before[i] = s.Load()
	}
	time.Sleep(measured)
	took := time.Since(start).Seconds()
	out := make([]float64, len(streams))
	for i, s := range streams {
		out[i] = float64(s.Load()-before[i]) * 8 / took / frameShare
	}
	return out
}

func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	t.Logf("%s: %.2f Mbit/s of %.2f", what, got/1e6, want/1e6)
	if got < want*(1-share) || got > want*(1+share) {
		t.Errorf("%s: %.2f Mbit/s, want %.2f within %.0f %%", what, got/1e6, want/1e6, share*100)
	}
}

func TestWhatAnInterfaceSendsIsLimited(t *testing.T) {
	for name, address := range map[string]string{"IPv4": near4, "IPv6": near6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			l.limit(Limit{Kbps: 20_000})
			viewers := []*atomic.Int64{l.stream(l.machine, l.host, address, 0), l.stream(l.machine, l.host, address, 0)}
			time.Sleep(warmUp)
			l.figures()
			sum := 0.0
			for _, got := range during(viewers...) {
				sum += got
			}
			within(t, "two viewers", sum, 20e6, 0.05)
			within(t, "the figure beside the limit", float64(l.figures().TxBits), 20e6, 0.05)

			l.limit(Limit{Kbps: 60_000}) // in full flow
			sum = 0
			for _, got := range during(viewers...) {
				sum += got
			}
			within(t, "after the limit was raised", sum, 60e6, 0.05)
		})
	}
}

func TestWhatLeavesByTheRouterIsLimitedByItself(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.limit(Limit{Kbps: 40_000, RouterKbps: 8_000})
	got := during(l.stream(l.machine, l.host, far4, 0), l.stream(l.machine, l.host, far6, 0), l.stream(l.machine, l.host, near4, 0), l.stream(l.machine, l.host, near6, 0))
	within(t, "by the router", got[0]+got[1], 8e6, 0.05)
	within(t, "in all", got[0]+got[1]+got[2]+got[3], 40e6, 0.05)
	f := l.figures()
	if f.RouterBits == 0 || !f.Link.Gateway {
		t.Errorf("figures %+v", f)
	}
}

// TestCamerasDoNotWaitForViewers: a camera sends ten times of what viewers, who want more than the limit, are sent on the same
// line.
func TestCamerasDoNotWaitForViewers(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	const camera = 50_000_000
	alone := during(l.stream(l.host, l.machine, "10.1.0.1", camera))[0]
	within(t, "a camera alone", alone*frameShare, camera, 0.03)
	l.limit(Limit{Kbps: 5_000})
	var viewers []*atomic.Int64
	for range 4 {
		viewers = append(viewers, l.stream(l.machine, l.host, near4, 0))
	}
	got := during(append(viewers, l.stream(l.host, l.machine, "10.1.0.1", camera))...)
	within(t, "a camera beside viewers", got[4]*frameShare, camera, 0.03)
	// The camera's acknowledgements come out of the same limit.
	sum := got[0] + got[1] + got[2] + got[3]
	t.Logf("viewers get %.2f Mbit/s", sum/1e6)
	if sum < 2e6 || sum > 5e6*1.05 {
		t.Errorf("viewers get %.2f Mbit/s", sum/1e6)
	}
}

func TestALimitThatIsTakenAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	kinds := func() (out []string) {
		l.machine.Do(t, func() error {
			link, err := netlink.LinkByName("lan1")
			if err != nil {
				return err
			}
			list, err := netlink.QdiscList(link)
			for _, q := range list {
				out = append(out, q.Type())
			}
			return err
		})
		return out
	}
	before := fmt.Sprint(kinds())
	l.limit(Limit{Kbps: 1000})
	if fmt.Sprint(kinds()) == before {
		t.Error("there is no tree")
	}
	l.limit(Limit{})
	if got := fmt.Sprint(kinds()); got != before {
		t.Errorf("%s is left, was %s", got, before)
	}
	l.machine.Do(t, func() error { // and another's tree is not ours to take away
		link, err := netlink.LinkByName("lan1")
		if err != nil {
			return err
		}
		other := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: 7 << 16, Parent: netlink.HANDLE_ROOT})
		return netlink.QdiscReplace(other)
	})
	l.limit(Limit{})
	if got := fmt.Sprint(kinds()); got != "[htb]" {
		t.Errorf("another's tree became %s", got)
	}
}

// TestWhatIsInTheKernelStays: a restarted service finds the same tree and changes nothing of it.
func TestWhatIsInTheKernelStays(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	limit := Limit{Kbps: 10_000, RouterKbps: 1000}
	l.limit(limit)
	viewer := l.stream(l.machine, l.host, near4, 0)
	during(viewer)
	handles := func() (out map[uint32]bool) {
		out = map[uint32]bool{}
		l.machine.Do(t, func() error {
			link, err := netlink.LinkByName("lan1")
			if err != nil {
				return err
			}
			list, err := netlink.FilterList(link, root)
			for _, f := range list {
				out[f.Attrs().Handle] = true
			}
			return err
		})
		return out
	}
	before, bytes := handles(), int64(0)
	l.machine.Do(t, func() error {
		_, list := l.keeper.Asked()
		s, err := measure(list[0].Index)
		bytes = int64(s.tx)
		return err
	})
	l.keeper = New(slog.New(slog.DiscardHandler))
	l.limit(limit)
	if len(before) == 0 || fmt.Sprint(handles()) != fmt.Sprint(before) {
		t.Errorf("filters %v became %v", before, handles())
	}
	l.machine.Do(t, func() error {
		_, list := l.keeper.Asked()
		s, err := measure(list[0].Index)
		if int64(s.tx) < bytes {
			t.Errorf("counters went from %d to %d", bytes, s.tx)
		}
		return err
	})
}
