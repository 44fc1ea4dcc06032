package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"vigie/services/system/internal/netnstest"
)

// frame is of Ethernet, IPv4 with options when long, and eight bytes that begin with the ports.
func frame(source, target string, protocol byte, from, to uint16, long bool, fragment uint16) []byte {
	a, b := netip.MustParseAddr(source), netip.MustParseAddr(target)
	f := make([]byte, 12)
	if a.Is6() {
		f = append(f, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, protocol, 64)
	} else {
		head := byte(0x45)
		if long {
			head = 0x46
		}
		f = append(f, 0x08, 0x00, head, 0, 0, 28, 0, 0, byte(fragment>>8), byte(fragment), 64, protocol, 0, 0)
	}
	f = append(append(f, a.AsSlice()...), b.AsSlice()...)
	if long {
		f = append(f, 1, 1, 1, 0)
	}
	f = binary.BigEndian.AppendUint16(f, from)
	f = binary.BigEndian.AppendUint16(f, to)
	return append(f, 0, 0, 0, 0)
}

func arp(source, target string) []byte {
	f := append(make([]byte, 12), 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 1, 2, 3, 4, 5, 6)
	f = append(f, netip.MustParseAddr(source).AsSlice()...)
	f = append(f, 0, 0, 0, 0, 0, 0)
	return append(append(f, netip.MustParseAddr(target).AsSlice()...), make([]byte, 18)...)
}

func TestTheFilterTakesWhatItSays(t *testing.T) {
	frames := map[string][]byte{
		"tcp":      frame("10.0.0.1", "10.0.0.2", 6, 40000, 554, false, 0),
		"back":     frame("10.0.0.2", "10.0.0.1", 6, 554, 40000, false, 0),
		"options":  frame("10.0.0.1", "10.0.0.3", 6, 40000, 554, true, 0),
		"fragment": frame("10.0.0.1", "10.0.0.2", 6, 40000, 554, false, 0x00b9),
		"ssh":      frame("10.0.0.9", "10.0.0.1", 6, 50000, 22, false, 0),
		"udp":      frame("10.0.0.1", "10.0.0.2", 17, 40000, 554, false, 0),
		"ntp":      frame("10.0.0.1", "10.0.0.2", 17, 123, 123, false, 0),
		"icmp":     frame("10.0.0.2", "10.0.0.1", 1, 0x0800, 0, false, 0),
		"tcp6":     frame("fd00::1", "fd00::2", 6, 554, 40000, false, 0),
		"ssh6":     frame("fd00::1", "fd00::9", 6, 22, 40000, false, 0),
		"icmp6":    frame("fd00::1", "fd00::2", 58, 0x8000, 0, false, 0),
		"arp":      arp("10.0.0.1", "10.0.0.2"),
		"other":    append(make([]byte, 12), 0x88, 0xcc, 0, 0),
	}
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "arp back fragment icmp icmp6 ntp options other ssh ssh6 tcp tcp6 udp"},
		{Filter{ExceptPort: 22}, "arp back fragment icmp icmp6 ntp options other tcp tcp6 udp"},
		{Filter{Protocol: TCP}, "back fragment options ssh ssh6 tcp tcp6"},
		{Filter{Protocol: TCP, ExceptPort: 22}, "back fragment options tcp tcp6"},
		{Filter{Protocol: UDP}, "ntp udp"},
		{Filter{Protocol: ICMP}, "icmp icmp6"},
		{Filter{Protocol: ARP}, "arp"},
		{Filter{Port: 554}, "back options tcp tcp6 udp"},
		{Filter{Port: 554, Protocol: UDP}, "udp"},
		{Filter{Host: netip.MustParseAddr("10.0.0.2")}, "arp back fragment icmp ntp tcp udp"},
		{Filter{Host: netip.MustParseAddr("::ffff:10.0.0.2"), Protocol: ARP}, "arp"},
		{Filter{Host: netip.MustParseAddr("10.0.0.3"), Port: 554}, "options"},
		{Filter{Host: netip.MustParseAddr("10.0.0.3"), Port: 555}, ""},
		{Filter{Host: netip.MustParseAddr("fd00::2")}, "icmp6 tcp6"},
		{Filter{Host: netip.MustParseAddr("fd00::2"), Port: 554}, "tcp6"},
	} {
		program, err := c.filter.instructions()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bpf.Assemble(program); err != nil {
			t.Fatal(err)
		}
		vm, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range []string{"arp", "back", "fragment", "icmp", "icmp6", "ntp", "options", "other", "ssh", "ssh6", "tcp", "tcp6", "udp"} {
			if n, err := vm.Run(frames[name]); err != nil {
				t.Fatal(err)
			} else if n > 0 {
				got = append(got, name)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v takes %q, want %q", c.filter, s, c.want)
		}
	}
	if _, err := (Filter{Protocol: ICMP, Port: 7}).program(); err == nil {
		t.Error("ports of ICMP")
	}
}

// world is two machines on a cable.
func world(t *testing.T) (a, b *netnstest.Namespace) {
	t.Helper()
	a, b = netnstest.New(t, "here"), netnstest.New(t, "there")
	netnstest.Wire(t, a, "lan1", b, "eth0")
	a.Up(t, "lan1", "10.9.0.1/24")
	b.Up(t, "eth0", "10.9.0.2/24")
	return a, b
}

// send sends datagrams of 100 bytes to a port until ctx ends.
func send(ctx context.Context, t *testing.T, ns *netnstest.Namespace, to string) {
	var c net.Conn
	ns.Do(t, func() (err error) { c, err = net.Dial("udp", to); return err })
	go func() {
		defer c.Close()
		for ctx.Err() == nil {
			_, _ = c.Write(make([]byte, 100)) // refused by ICMP now and then
			time.Sleep(time.Millisecond)
		}
	}()
}

// run captures on lan1 of a namespace.
func run(ctx context.Context, t *testing.T, ns *netnstest.Namespace, f Filter, l Limits) (out bytes.Buffer, r Result, err error) {
	t.Helper()
	done := make(chan struct{})
	ns.Do(t, func() error {
		nic, bad := net.InterfaceByName("lan1")
		if bad != nil {
			return bad
		}
		// The socket belongs to the namespace of the thread that made it: the whole of Run stays on it.
		r, err = Run(ctx, nic, f, l, &out)
		close(done)
		return nil
	})
	<-done
	return out, r, err
}

// judged are the packets of a file as tcpdump reads it.
func judged(t *testing.T, file []byte, filter string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tcpdump", "-nr", path, filter).Output()
	if err != nil {
		t.Fatalf("tcpdump: %v", err)
	}
	return bytes.Count(out, []byte("\n"))
}

func TestACaptureIsAFileThatTcpdumpReads(t *testing.T) {
	a, b := world(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	send(ctx, t, b, "10.9.0.1:5004")
	send(ctx, t, b, "10.9.0.1:5006")
	const most = 20_000
	out, r, err := run(ctx, t, a, Filter{Protocol: UDP, Port: 5004}, Limits{Time: time.Minute, Bytes: most})
	if err != nil || r.End != EndSize || out.Len() > most || out.Len() < most-200 {
		t.Fatalf("%+v, %d bytes, %v", r, out.Len(), err)
	}
	if n := judged(t, out.Bytes(), "udp dst port 5004 and src host 10.9.0.2 and length = 142"); int64(n) != r.Packets || n < 50 {
		t.Errorf("tcpdump finds %d of %d packets", n, r.Packets)
	}
}

func TestACaptureEndsWithItsTimeItsAskerAndItsReader(t *testing.T) {
	a, b := world(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	send(ctx, t, b, "10.9.0.1:5004")
	if _, r, err := run(ctx, t, a, Filter{}, Limits{Time: 50 * time.Millisecond, Bytes: 1 << 20}); err != nil || r.End != EndTime {
		t.Errorf("%+v, %v", r, err)
	}
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if _, r, err := run(short, t, a, Filter{Protocol: ARP, Host: netip.MustParseAddr("10.9.0.77")}, Limits{Time: time.Minute, Bytes: 1 << 20}); err != nil || r.End != EndAsker || r.Packets != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	a.Do(t, func() error {
		nic, err := net.InterfaceByName("lan1")
		if err != nil {
			return err
		}
		if _, err := Run(ctx, nic, Filter{}, Limits{Time: time.Minute, Bytes: 1 << 20}, broken{}); !errors.Is(err, errBroken) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
}

var errBroken = errors.New("nobody reads")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
