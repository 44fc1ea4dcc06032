package socket

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestAnswersComeFromTheAddressThatWasAsked(t *testing.T) {
	conns, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, len(conns))
	waited := make(chan time.Duration, 1)
	for _, c := range conns {
		go func() {
			ended <- c.Serve(func(out, b []byte, _ netip.AddrPort, received time.Time) []byte {
				if string(b) == "silent" {
					return out
				}
				waited <- time.Since(received)
				return append(append(out, "re: "...), b...)
			})
		}()
	}
	addresses := []string{"127.0.0.1", "127.0.0.2"}
	if len(conns) == 2 {
		addresses = append(addresses, "::1")
	}
	for _, a := range addresses {
		conn, err := net.Dial("udp", net.JoinHostPort(a, fmt.Sprint(conns[0].Port())))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, text := range []string{"silent", string(make([]byte, roomFor+1)), "a"} {
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, err := conn.Read(b) // a connected socket hears nobody else
		if err != nil || string(b[:n]) != "re: a" {
			t.Errorf("%s: %q, %v", a, b[:n], err)
		}
		if d := <-waited; d < 0 || d > 5*time.Second {
			t.Errorf("%s: received %v ago", a, d)
		}
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	conns, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(conns[0].Port()); err == nil {
		t.Error("opened twice")
	}
	for _, c := range conns {
		c.Close()
	}
}

func TestWhatWasSentToManyIsNotAnswered(t *testing.T) {
	us, many := netip.MustParseAddr("192.0.2.1").AsSlice(), netip.MustParseAddr("192.0.2.255").AsSlice()
	info := func(address []byte) []byte {
		b := arrival{to: netip.MustParseAddr("192.0.2.1"), by: 3}.reply(nil)
		copy(b[16+4:], us)
		copy(b[16+8:], address)
		return b
	}
	if a, ok := parse(info(us)); !ok || a.by != 3 || a.to.String() != "192.0.2.1" || !a.received.IsZero() {
		t.Errorf("%+v, %v", a, ok)
	}
	if a, ok := parse(info(many)); ok {
		t.Errorf("broadcast: %+v", a)
	}
	six := arrival{to: netip.MustParseAddr("2001:db8::1"), by: 4}
	if a, ok := parse(six.reply(nil)); !ok || a != six {
		t.Errorf("%+v, %v", a, ok)
	}
	if a, ok := parse(arrival{to: netip.MustParseAddr("ff02::101"), by: 4}.reply(nil)); ok {
		t.Errorf("multicast: %+v", a)
	}
}

func FuzzParse(f *testing.F) {
	four, six := arrival{to: netip.MustParseAddr("192.0.2.1"), by: 3}, arrival{to: netip.MustParseAddr("2001:db8::1"), by: 4}
	f.Add(four.reply(nil))
	f.Add(slices.Concat(six.reply(nil), four.reply(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parse(b); ok && !a.to.IsValid() {
			t.Errorf("%+v", a)
		}
	})
}
