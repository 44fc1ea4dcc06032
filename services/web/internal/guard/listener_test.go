package guard

import (
	"net"
	"net/netip"
	"sync"
	"testing"
)

func TestConnectionsAreBoundedInAllAndPerAddress(t *testing.T) {
	c := &Connections{Total: 3, PerAddress: 2}
	a, b, d := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	for i, step := range []struct {
		addr netip.Addr
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {d, false}, {netip.MustParseAddr("127.0.0.1"), true}, {netip.MustParseAddr("::1"), true}} {
		if got := c.take(step.addr); got != step.want {
			t.Errorf("step %d, %s: %v", i, step.addr, got)
		}
	}
	c.release(a)
	c.release(netip.MustParseAddr("::1"))
	c.release(netip.MustParseAddr("127.0.0.1"))
	if !c.take(d) {
		t.Error("a place that was given back cannot be taken")
	}
	for _, addr := range []netip.Addr{a, b, d} {
		c.release(addr)
	}
	if c.open != 0 || len(c.by) != 0 {
		t.Errorf("%d open, %v", c.open, c.by)
	}
}

func TestClosingAConnectionTwiceGivesItsPlaceBackOnce(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Connections{Total: 10, PerAddress: 10}
	l := c.Limit(inner)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if c.open != 1 {
		t.Errorf("%d open", c.open)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { conn.Close() })
	}
	wg.Wait()
	if c.open != 0 {
		t.Errorf("%d open after closing", c.open)
	}
}
