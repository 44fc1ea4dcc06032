package firewall

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
)

// knock sends so many requests for a connection from an address, and returns how many were taken.
func (w *world) knock(s *side, from netip.Addr, n int) (taken int) {
	w.t.Helper()
	to := s.theirs[0]
	for i := range n {
		body := tcp(from, to, uint16(10000+i), 443, flagSYN, nil)
		if err := s.tap.Send(frame(s.machine, s.mac, packet(from, to, 6, body))); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, f := range w.settle(s) {
		if v, ok := look(f); ok && v.protocol == 6 && v.sport == 443 && v.to == from && v.flags&flagSYN != 0 {
			taken++
		}
	}
	return taken
}

// TestWhoKnocksTooOftenIsNotLetIn, and keeps nobody else out; the memory of those who knock is bounded.
func TestWhoKnocksTooOftenIsNotLetIn(t *testing.T) {
	w := newWorld(t)
	w.listen(443)
	w.protect(Opening{TCP, 443, 443, Office})
	s := w.sides[Office]
	before := w.counts(Office)[Limited].Packets
	start := time.Now()
	taken := w.knock(s, s.own[0], 1000)
	most := callerBurst + int(callerPerSecond*time.Since(start).Seconds()) + 1
	if taken < callerBurst/2 || taken > most {
		t.Errorf("%d of 1000 requests of one address were taken, want %d at most", taken, most)
	}
	if got := w.counts(Office)[Limited].Packets - before; int(got) != 1000-taken {
		t.Errorf("%d are counted as limited, want %d", got, 1000-taken)
	}
	w.machine.Do(t, func() error { return neighbour4(s, s.own[0].Next()) })
	if taken := w.knock(s, s.own[0].Next(), 10); taken != 10 {
		t.Errorf("another address gets %d of 10 connections", taken)
	}

	// A flood of more addresses than are remembered.
	w.machine.Do(t, func() error { return widen(s) })
	for i := range uint32(maxCallers + 2000) {
		from := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a010100+i)))
		body := tcp(from, s.theirs[0], 4000, 443, flagSYN, nil)
		if err := s.tap.Send(frame(s.machine, s.mac, packet(from, s.theirs[0], 6, body))); err != nil {
			t.Fatal(err)
		}
	}
	w.settle(s)
	w.machine.Do(t, func() error {
		table, err := NewTable()
		if err != nil {
			return err
		}
		sets, err := table.conn.GetSets(table.table)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(sets, func(s *nftables.Set) bool { return s.Name == setCallers4 })
		known, err := table.conn.GetSetElements(sets[i])
		if len(known) > maxCallers || len(known) < maxCallers/2 {
			t.Errorf("%d callers are remembered, want %d at most", len(known), maxCallers)
		}
		return err
	})
	if limited := w.counts(Office)[Limited].Packets; limited < 1000 {
		t.Errorf("%d of the flood were dropped", limited)
	}
}

func TestEchoesAreLimited(t *testing.T) {
	w := newWorld(t)
	w.protect()
	s := w.sides[Cameras]
	w.settle(s)
	for family := range s.own {
		protocol, body := echo(s.own[family], s.theirs[family], []byte("ping"))
		for range 2000 {
			if err := s.tap.Send(frame(s.machine, s.mac, packet(s.own[family], s.theirs[family], protocol, body))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond) // until the kernel has had them all
		answers := 0
		for _, f := range s.tap.Frames() {
			if v, ok := look(f); ok && v.protocol == protocol && v.from == s.theirs[family] {
				answers++
			}
		}
		if answers == 0 || answers > 4*echoBurst {
			t.Errorf("family %d: %d of 2000 echoes were answered", family, answers)
		}
	}
}
