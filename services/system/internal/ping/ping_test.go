package ping

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func open(t *testing.T) *Pinger {
	t.Helper()
	p, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestHostsAnswerInBothFamilies(t *testing.T) {
	p := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.3"} {
		for range 50 {
			all.Go(func() {
				took, err := p.Ping(ctx, netip.MustParseAddr(host))
				if err != nil || took <= 0 || took > 10*time.Second {
					t.Errorf("%s: %v, %v", host, took, err)
				}
			})
		}
	}
	all.Wait()
	if len(p.waiting) != 0 {
		t.Errorf("%d requests are still waited for", len(p.waiting))
	}
}

func TestARequestIsGivenUpWithItsContext(t *testing.T) {
	p := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// It may be answered before its context is looked at, but never waits.
	if _, err := p.Ping(ctx, netip.MustParseAddr("127.0.0.1")); err != nil && !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	if len(p.waiting) != 0 {
		t.Error("it is still waited for")
	}
}

func TestWhereThereIsNoWayIsSaidAtOnce(t *testing.T) {
	if _, err := (&Pinger{}).Ping(t.Context(), netip.MustParseAddr("127.0.0.1")); !errors.Is(err, ErrNoRoute) {
		t.Error(err)
	}
}

func marshal(t testing.TB, m icmp.Message) []byte {
	t.Helper()
	b, err := m.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var token = [tokenBytes]byte{1, 2, 3, 4, 5, 6, 7, 8}

// packets are what may come, and what is understood of it.
func packets(t testing.TB) []struct {
	name string
	b    []byte
	six  bool
	want answer
	ok   bool
} {
	echo := func(kind icmp.Type, data []byte) []byte {
		return marshal(t, icmp.Message{Type: kind, Body: &icmp.Echo{ID: 7, Seq: 9, Data: data}})
	}
	four := append([]byte{0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 9}, echo(ipv4.ICMPTypeEcho, token[:])[:8]...)
	options := append(append([]byte{0x46}, four[1:20]...), append([]byte{1, 1, 1, 1}, four[20:]...)...)
	six := append([]byte{0x60, 0, 0, 0, 0, 16, 58, 64}, make([]byte, 32)...)
	copy(six[24:], netip.MustParseAddr("2001:db8::9").AsSlice())
	six = append(six, echo(ipv6.ICMPTypeEchoRequest, token[:])...)
	unreachable := func(kind icmp.Type, data []byte) []byte {
		return marshal(t, icmp.Message{Type: kind, Code: 1, Body: &icmp.DstUnreach{Data: data}})
	}
	there4, there6 := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")
	udp := append([]byte{}, four...)
	udp[9] = 17
	return []struct {
		name string
		b    []byte
		six  bool
		want answer
		ok   bool
	}{
		{"a reply", echo(ipv4.ICMPTypeEchoReply, token[:]), false, answer{id: 7, seq: 9, token: token}, true},
		{"a reply, IPv6", echo(ipv6.ICMPTypeEchoReply, token[:]), true, answer{id: 7, seq: 9, token: token}, true},
		{"a reply to something longer", echo(ipv4.ICMPTypeEchoReply, make([]byte, 56)), false, answer{}, false},
		{"somebody's request", echo(ipv4.ICMPTypeEcho, token[:]), false, answer{}, false},
		{"unreachable", unreachable(ipv4.ICMPTypeDestinationUnreachable, four), false, answer{id: 7, seq: 9, unreachable: true, to: there4}, true},
		{"unreachable, with IP options", unreachable(ipv4.ICMPTypeDestinationUnreachable, options), false, answer{id: 7, seq: 9, unreachable: true, to: there4}, true},
		{"unreachable, IPv6", unreachable(ipv6.ICMPTypeDestinationUnreachable, six), true, answer{id: 7, seq: 9, unreachable: true, to: there6}, true},
		{"unreachable for another protocol", unreachable(ipv4.ICMPTypeDestinationUnreachable, udp), false, answer{}, false},
		{"unreachable, cut", unreachable(ipv4.ICMPTypeDestinationUnreachable, four[:24]), false, answer{}, false},
		{"unreachable, no header", unreachable(ipv6.ICMPTypeDestinationUnreachable, six[:41]), true, answer{}, false},
		{"nothing", nil, false, answer{}, false},
	}
}

func TestParse(t *testing.T) {
	for _, c := range packets(t) {
		got, ok := parse(c.b, c.six)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
		}
	}
}

func TestOnlyTheRightAnswerCounts(t *testing.T) {
	there, other := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.8")
	for _, c := range []struct {
		name    string
		answer  answer
		from    netip.Addr
		settled bool
	}{
		{"its own", answer{seq: 3, token: token}, there, true},
		{"from somebody else", answer{seq: 3, token: token}, other, false},
		{"a guess", answer{seq: 3}, there, false},
		{"of another request", answer{seq: 4, token: token}, there, false},
		{"a router's", answer{seq: 3, unreachable: true, to: there}, other, true},
		{"a router's about somebody else", answer{seq: 3, unreachable: true, to: other}, other, false},
	} {
		r := &request{to: there, token: token, done: make(chan result, 1)}
		p := &Pinger{waiting: map[uint16]*request{3: r}}
		p.settle(c.answer, c.from, time.Now())
		p.settle(c.answer, c.from, time.Now()) // a second one does not block
		if settled := len(r.done) == 1; settled != c.settled {
			t.Errorf("%s: settled %v", c.name, settled)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range packets(f) {
		f.Add(c.b, c.six)
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		if a, ok := parse(b, six); ok && a.unreachable && a.to.Is6() != six {
			t.Errorf("%v in the other family", a.to)
		}
	})
}
