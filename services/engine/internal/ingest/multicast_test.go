package ingest

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// inside tells a test that it runs in a network namespace of its own.
const inside = "VIGIE_TEST_MULTICAST"

// isolated runs the test anew, in a network namespace whose one interface leads nowhere: multicast must leave no test. It
// returns false outside of it, where all is done.
func isolated(t *testing.T, address string) bool {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if testing.Verbose() {
			t.Logf("%s", out)
		}
		return false
	}
	up(t, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cameras"}, PeerName: "far"}, address+"/24")
	return true
}

// multicasting starts a camera that sends to a group.
func multicasting(t *testing.T, address string, filter bool) (*rtspcam.Server, *rtspcam.Camera) {
	t.Helper()
	store, err := films()
	if err != nil {
		t.Fatal(err)
	}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil), rtspcam.Config{
		ID:    "cam1",
		Video: &content.Video{Codec: content.H264, Width: 320, Height: 200, FPS: 25, GOP: 25, Bitrate: 1_500_000, Label: "CAM 1", Camera: 1},
		Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Transports = rtspcam.Transports{Multicast: "239.192.0.0/24", SourceFilter: filter}
	if err := s.Open(address + ":0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, s.Camera("cam1")
}

func TestMulticastBringsEveryFrameOnce(t *testing.T) {
	const address = "10.98.0.1"
	if !isolated(t, address) {
		return
	}
	s, cam := multicasting(t, address, false)
	first := start(t, s.URL(cam), func(i *Ingest) { i.ways = waysTo(s.URL(cam), api.TransportMulticast) })
	second := start(t, s.URL(cam), func(i *Ingest) { i.ways = waysTo(s.URL(cam), api.TransportMulticast) })
	for _, r := range []*rig{first, second} {
		got := r.frames(t, videoFrames(60))
		checkOrder(t, got)
		everyFrameOnce(t, cam, got)
		if len(ofTrack(got, 1)) < 40 {
			t.Errorf("%d frames of sound", len(ofTrack(got, 1)))
		}
		if s := r.Stream(); s.Transport != "multicast" || s.LostFrames != 0 || s.Status != api.StreamStateStatusLive {
			t.Errorf("state %+v", s)
		}
	}
}

// Somebody else sends to the camera's group, at its port. With a source filter in the description, the membership itself is
// of the camera only.
func TestMulticastComesFromTheCameraAndNobodyElse(t *testing.T) {
	const address, other = "10.98.0.1", "10.98.0.2"
	if !isolated(t, address) {
		return
	}
	link, err := netlink.LinkByName("cameras")
	if err != nil {
		t.Fatal(err)
	}
	second, err := netlink.ParseAddr(other + "/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, second); err != nil {
		t.Fatal(err)
	}
	for _, filter := range []bool{false, true} {
		t.Run(fmt.Sprintf("source filter %v", filter), func(t *testing.T) {
			s, cam := multicasting(t, address, filter)
			r := start(t, s.URL(cam), func(i *Ingest) { i.ways = waysTo(s.URL(cam), api.TransportMulticast) })
			got := r.frames(t, videoFrames(5))
			members := memberships(t)
			if len(members) != 4 { // RTP and RTCP of two medias
				t.Errorf("members %v", members)
			}
			filters, err := os.ReadFile("/proc/net/mcfilter")
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("members %v, filters:\n%s", members, filters)
			for _, m := range members {
				// The kernel has group and source in hex, and how many sockets include and exclude it.
				entry := fmt.Sprintf("0x%x 0x%x", m.Addr().As4(), netip.MustParseAddr(address).As4())
				if got := strings.Contains(string(filters), entry); got != filter {
					t.Errorf("membership of %v with its source: %v", m, got)
				}
			}
			heard := eavesdrop(t, link, members, other)
			shout(t, members, other)
			got = append(got, r.frames(t, videoFrames(60))...)
			checkOrder(t, got)
			everyFrameOnce(t, cam, got)
			if s := r.Stream(); s.LostFrames != 0 || s.Status != api.StreamStateStatusLive {
				t.Errorf("state %+v", s)
			}
			if heard.Load() < 100 {
				t.Errorf("who listens to all heard the other %d times", heard.Load())
			}
		})
	}
}

// memberships are the groups and ports that sockets of the namespace are bound to.
func memberships(t *testing.T) (all []netip.AddrPort) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		var ip uint32
		var port uint16
		if len(fields) < 2 {
			continue
		}
		if n, _ := fmt.Sscanf(fields[1], "%08X:%04X", &ip, &port); n != 2 {
			continue
		}
		a := netip.AddrFrom4([4]byte{byte(ip), byte(ip >> 8), byte(ip >> 16), byte(ip >> 24)}) // in the machine's order: little endian
		if m := netip.AddrPortFrom(a, port); a.IsMulticast() && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// eavesdrop counts what a member of all groups without a filter hears of a source.
func eavesdrop(t *testing.T, link netlink.Link, members []netip.AddrPort, source string) *atomic.Int64 {
	t.Helper()
	var heard atomic.Int64
	for _, m := range members {
		c, err := net.ListenMulticastUDP("udp4", &net.Interface{Index: link.Attrs().Index, Name: link.Attrs().Name}, net.UDPAddrFromAddrPort(m))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 2000)
			for {
				_, from, err := c.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				if from.Addr().String() == source {
					heard.Add(1)
				}
			}
		}()
		t.Cleanup(func() { c.Close(); <-done })
	}
	return &heard
}

// shout sends RTP packets that would do harm to all groups until the test ends.
func shout(t *testing.T, members []netip.AddrPort, source string) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, netip.MustParseAddr(source).As4())
		})
	}}
	c, err := config.ListenPacket(t.Context(), "udp4", source+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(stop); <-done; c.Close() })
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := uint16(0); ; n += 97 {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: n, SSRC: uint32(n), Marker: true}, Payload: []byte{0x65, 1, 2, 3}}).Marshal()
			if err != nil {
				continue
			}
			for _, m := range members {
				_, _ = c.WriteTo(b, net.UDPAddrFromAddrPort(m)) // what is not sent is not counted as heard
			}
		}
	}()
}

// up makes an interface with an address, and sets it and its peer up.
func up(t *testing.T, link *netlink.Veth, address string) {
	t.Helper()
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lo", link.Name, link.PeerName} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
	}
	a, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		t.Fatal(err)
	}
}
