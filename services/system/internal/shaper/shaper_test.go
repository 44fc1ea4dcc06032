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
	l.machine.Await(t, "lan1") // its networks are a part of what is limited
	l.host.Await(t, "eth0")
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
	measured = 1200 * time.Millisecond
	tries    = 8
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

// reading is a rate as it was measured, and what it must be, in bits a second.
type reading struct {
	what             string
	got, least, most float64
}

func within(what string, got, want, share float64) reading {
	return reading{what, got, want * (1 - share), want * (1 + share)}
}

func (r reading) right() bool { return r.got >= r.least && r.got <= r.most }

// settle measures until all is right at once. A machine that is busy with other things for a moment shows too little, and then
// too much; what is limited wrongly is so each time.
func settle(t *testing.T, once func() []reading) {
	t.Helper()
	for try := 1; ; try++ {
		list, wrong := once(), 0
		for _, r := range list {
			t.Logf("%s: %.2f Mbit/s of %.2f to %.2f", r.what, r.got/1e6, r.least/1e6, r.most/1e6)
			if !r.right() {
				wrong++
			}
		}
		if wrong == 0 {
			return
		}
		if try == tries {
			t.Fatalf("measured %d times, and never right", tries)
		}
	}
}

func sum(list []float64) (s float64) {
	for _, v := range list {
		s += v
	}
	return s
}

// The tests that measure run one at a time: beside others each would measure them.

func TestWhatAnInterfaceSendsIsLimited(t *testing.T) {
	for name, address := range map[string]string{"IPv4": near4, "IPv6": near6} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t)
			l.limit(Limit{Kbps: 20_000})
			viewers := []*atomic.Int64{l.stream(l.machine, l.host, address, 0), l.stream(l.machine, l.host, address, 0)}
			time.Sleep(warmUp)
			settle(t, func() []reading {
				l.figures()
				got := sum(during(viewers...))
				return []reading{within("two viewers", got, 20e6, 0.05), within("the figure beside the limit", float64(l.figures().TxBits), 20e6, 0.05)}
			})
			l.limit(Limit{Kbps: 60_000}) // in full flow
			settle(t, func() []reading {
				return []reading{within("after the limit was raised", sum(during(viewers...)), 60e6, 0.05)}
			})
		})
	}
}

func TestWhatLeavesByTheRouterIsLimitedByItself(t *testing.T) {
	l := newLine(t)
	l.limit(Limit{Kbps: 40_000, RouterKbps: 8_000})
	var streams []*atomic.Int64
	for _, address := range []string{far4, far6, near4, near6} {
		streams = append(streams, l.stream(l.machine, l.host, address, 0))
	}
	settle(t, func() []reading {
		got := during(streams...)
		return []reading{within("by the router", sum(got[:2]), 8e6, 0.05), within("in all", sum(got), 40e6, 0.05)}
	})
	f := l.figures()
	if f.RouterBits == 0 || !f.Link.Gateway {
		t.Errorf("figures %+v", f)
	}
}

// TestCamerasDoNotWaitForViewers: a camera sends ten times of what viewers, who want more than the limit, are sent on the same
// line.
func TestCamerasDoNotWaitForViewers(t *testing.T) {
	l := newLine(t)
	const camera = 50_000_000
	alone := l.stream(l.host, l.machine, "10.1.0.1", camera)
	settle(t, func() []reading {
		return []reading{within("a camera alone", sum(during(alone))*frameShare, camera, 0.03)}
	})
	l.limit(Limit{Kbps: 5_000})
	var viewers []*atomic.Int64
	for range 4 {
		viewers = append(viewers, l.stream(l.machine, l.host, near4, 0))
	}
	all := append(viewers, l.stream(l.host, l.machine, "10.1.0.1", camera))
	settle(t, func() []reading {
		got := during(all...)
		return []reading{within("a camera beside viewers", got[4]*frameShare, camera, 0.03),
			{"viewers", sum(got[:4]), 2e6, 5e6 * 1.05}} // the camera's acknowledgements come out of the same limit
	})
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
