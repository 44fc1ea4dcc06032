package firewall

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
)

// send has a side's host send packets of UDP to the time's port, with these addresses.
func (w *world) send(s *side, from, to netip.Addr, n int) {
	w.t.Helper()
	for range n {
		if err := s.tap.Send(frame(s.machine, s.mac, packet(from, to, 17, udp(from, to, 4000, 123, []byte("x"))))); err != nil {
			w.t.Fatal(err)
		}
	}
	w.settle(s)
}

// TestAWayThatWasInOrderOpensNoOther: what is not examined again is known by its interface, its sender and its receiver together.
func TestAWayThatWasInOrderOpensNoOther(t *testing.T) {
	w := newWorld(t)
	w.protect(Opening{UDP, 123, 123, Cameras})
	office, cameras := w.sides[Office], w.sides[Cameras]
	before := w.counts(Office)
	w.send(cameras, cameras.own[0], cameras.theirs[0], 3)
	w.send(office, office.own[0], office.theirs[0], 3)
	for _, c := range []struct {
		from, to netip.Addr
		reason   string
	}{{cameras.own[0], cameras.theirs[0], Spoofed}, {cameras.own[0], office.theirs[0], Spoofed}, {office.own[0], cameras.theirs[0], Astray}} {
		was := w.counts(Office)[c.reason].Packets
		w.send(office, c.from, c.to, 10)
		if got := w.counts(Office)[c.reason].Packets - was; got != 10 {
			t.Errorf("%s to %s in the office: %d of 10 are %s", c.from, c.to, got, c.reason)
		}
	}
	if got := w.counts(Office)[Denied].Packets - before[Denied].Packets; got != 3 {
		t.Errorf("%d of 3 packets for what is open elsewhere were denied", got)
	}

	// What is remembered is bounded, and those for whom there is no room are let in as well.
	w.machine.Do(t, func() error { return widen(office) })
	was := w.counts(Office)[Denied].Packets
	const flood = maxChecked + 1000
	for i := range uint32(flood) {
		from := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a010100+i)))
		if err := office.tap.Send(frame(office.machine, office.mac, packet(from, office.theirs[0], 17, udp(from, office.theirs[0], 4000, 123, nil)))); err != nil {
			t.Fatal(err)
		}
	}
	w.settle(office)
	if got := w.counts(Office)[Denied].Packets - was; got != flood {
		t.Errorf("%d of %d reached the rules for services", got, flood)
	}
	w.machine.Do(t, func() error {
		table, err := NewTable()
		if err != nil {
			return err
		}
		sets, err := table.conn.GetSets(table.table)
		if err != nil {
			return err
		}
		known, err := table.conn.GetSetElements(sets[slices.IndexFunc(sets, func(s *nftables.Set) bool { return s.Name == setChecked })])
		if len(known) > maxChecked {
			t.Errorf("%d ways are remembered, want %d at most", len(known), maxChecked)
		}
		return err
	})
}
