package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// listen has the machine wait at these ports, TCP and UDP, of all its addresses; UDP answers.
func (w *world) listen(ports ...int) {
	w.t.Helper()
	w.machine.Do(w.t, func() error {
		for _, p := range ports {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", p))
			if err != nil {
				return err
			}
			w.t.Cleanup(func() { l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() { // an echo
						defer c.Close()
						b := make([]byte, 1500)
						for {
							n, err := c.Read(b)
							if err != nil {
								return
							}
							if _, err := c.Write(b[:n]); err != nil {
								return
							}
						}
					}()
				}
			}()
			u, err := net.ListenPacket("udp", fmt.Sprintf(":%d", p))
			if err != nil {
				return err
			}
			w.t.Cleanup(func() { u.Close() })
			go func() {
				b := make([]byte, 1500)
				for {
					n, from, err := u.ReadFrom(b)
					if err != nil {
						return
					}
					_, _ = u.WriteTo(b[:n], from) // as UDP is: it may be lost
				}
			}()
		}
		return nil
	})
}

// scan asks all 65,535 ports of the machine from a side, in one protocol and family, and returns those that answer, in
// whatever way: an open port, a refusal, and an ICMP message are all answers.
func (w *world) scan(t *testing.T, s *side, family int, protocol byte) (answered []int) {
	t.Helper()
	w.settle(s)
	own, theirs := s.own[family], s.theirs[family]
	seen := map[uint16]bool{}
	note := func(frames [][]byte) {
		for _, f := range frames {
			v, ok := look(f)
			switch {
			case !ok || v.from != theirs:
			case v.protocol == protocol && v.dport == 4000:
				seen[v.sport] = true
			case v.protocol == 1 && f[14+20] == 3 || v.protocol == 58 && f[14+40] == 1:
				seen[0] = true // something cannot be reached, says the machine
			}
		}
	}
	for p := 1; p < 1<<16; p++ {
		body := udp(own, theirs, 4000, uint16(p), []byte("?"))
		if protocol == 6 {
			body = tcp(own, theirs, 4000, uint16(p), flagSYN, nil)
		}
		if err := s.tap.Send(frame(s.machine, s.mac, packet(own, theirs, protocol, body))); err != nil {
			t.Fatal(err)
		}
		if p%4096 == 0 {
			note(w.settle(s))
		}
	}
	note(w.settle(s))
	for p := range seen {
		answered = append(answered, int(p))
	}
	slices.Sort(answered)
	return answered
}

// TestAScanSeesOnlyWhatIsOpen, from each zone, of all ports; and the firewall counts each question that it did not answer, so
// that none is thought shut because it got lost.
func TestAScanSeesOnlyWhatIsOpen(t *testing.T) {
	w := newWorld(t)
	w.listen(22, 80, 123, 161, 443, 554, 5353, 8080, 40000, 56007)
	w.protect(Opening{TCP, 443, 443, Office}, Opening{TCP, 554, 554, Office}, Opening{TCP, 554, 554, Cameras},
		Opening{UDP, 56000, 56099, Office}, Opening{UDP, 123, 123, Cameras})
	for _, c := range []struct {
		zone     Zone
		protocol byte
		open     []int // and listened at
		shut     int
	}{
		{Office, 6, []int{443, 554}, 65533},
		{Cameras, 6, []int{554}, 65534},
		{Office, 17, []int{0, 56007}, 65535 - 100}, // at the others of the range nobody listens, says the kernel
		{Cameras, 17, []int{123}, 65534},
	} {
		for family, version := range []string{"IPv4", "IPv6"} {
			if family == 1 && c.protocol == 17 {
				continue // the rules of ports know no family
			}
			t.Run(fmt.Sprintf("%s %d %s", c.zone, c.protocol, version), func(t *testing.T) {
				before := w.counts(c.zone)
				if got := w.scan(t, w.sides[c.zone], family, c.protocol); !slices.Equal(got, c.open) {
					t.Errorf("ports %d answer, want %d", got, c.open)
				}
				after := w.counts(c.zone)
				denied := int(after[Denied].Packets - before[Denied].Packets)
				if limited := after[Limited].Packets - before[Limited].Packets; denied != c.shut || limited != 0 {
					t.Errorf("%d questions were denied, %d limited, want %d and none", denied, limited, c.shut)
				}
			})
		}
	}
}

// dial connects from a side to a port of the machine.
func (w *world) dial(s *side, family, port int, patience time.Duration) (c net.Conn, err error) {
	w.t.Helper()
	s.host.Do(w.t, func() error {
		c, err = net.DialTimeout("tcp", netip.AddrPortFrom(s.theirs[family], uint16(port)).String(), patience)
		return nil
	})
	return c, err
}

// exchange says something on a connection and waits for its echo.
func exchange(c net.Conn) error {
	const word = "are you there?"
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(word)); err != nil {
		return err
	}
	b := make([]byte, len(word))
	if _, err := c.Read(b); err != nil {
		return err
	}
	if string(b) != word {
		return fmt.Errorf("got %q", b)
	}
	return nil
}

func TestConnectionsAndCountersOutliveAChangeOfRules(t *testing.T) {
	w := newWorld(t)
	w.listen(443, 22)
	web := Opening{TCP, 443, 443, Office}
	w.protect(web)
	office := w.sides[Office]
	c, err := w.dial(office, 0, 443, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := w.dial(office, 0, 22, 50*time.Millisecond); err == nil {
		t.Error("port 22 is open")
	}
	denied := w.counts(Office)[Denied].Packets
	if denied == 0 {
		t.Error("what was denied is not counted")
	}
	for _, o := range [][]Opening{{web, {TCP, 22, 22, Office}}, {{TCP, 443, 443, Cameras}}, nil} {
		w.protect(o...)
		if err := exchange(c); err != nil {
			t.Errorf("after a change to %+v: %v", o, err)
		}
	}
	if got := w.counts(Office)[Denied].Packets; got < denied {
		t.Errorf("the counter went from %d to %d", denied, got)
	}
	if c, err := w.dial(office, 0, 443, 100*time.Millisecond); err == nil {
		c.Close()
		t.Error("what was closed takes new connections")
	}
	w.protect(web)
	if c, err := w.dial(office, 1, 443, 5*time.Second); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

func TestWhatIsInTheKernelIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	r := Rules(divided())
	w.machine.Do(t, func() error {
		table, err := NewTable()
		if err != nil {
			return err
		}
		for i, want := range []bool{true, false, false} {
			if changed, err := table.Apply(r); err != nil || changed != want {
				t.Errorf("try %d: changed %v, %v", i, changed, err)
			}
		}
		// A restarted service finds it, and somebody else's change is undone.
		if table, err = NewTable(); err != nil {
			return err
		}
		if changed, err := table.Apply(r); err != nil || changed {
			t.Errorf("a new table: changed %v, %v", changed, err)
		}
		table.conn.FlushTable(table.table)
		if err := table.conn.Flush(); err != nil {
			return err
		}
		if changed, err := table.Apply(r); err != nil || !changed {
			t.Errorf("rules that are gone: changed %v, %v", changed, err)
		}
		// A table of other chains by the same name gives way.
		other := table.chain(chain{name: "incoming", hook: &hook{number: 3, priority: 10}})
		if err := table.Remove(); err != nil {
			return err
		}
		table.conn.AddTable(table.table)
		table.conn.AddChain(other)
		if err := table.conn.Flush(); err != nil {
			return err
		}
		if changed, err := table.Apply(r); err != nil || !changed {
			return errors.Join(errors.New("another table of this name stays"), err)
		}
		return nil
	})
}
