package responder

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"vigie/services/ntp/internal/clients"
	"vigie/services/ntp/internal/packet"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 500_000_000, time.UTC)

// rig is a responder whose clock the test sets.
type rig struct {
	*Responder
	now time.Time
}

func newRig(l clients.Limits) *rig {
	r := &rig{now: start}
	r.Responder = New(clients.New(l), func() time.Time { return r.now })
	return r
}

var from = netip.MustParseAddr("192.0.2.9")

func question() packet.Packet {
	return packet.Packet{Version: 4, Mode: packet.ModeClient, Poll: 6, Transmit: 0x0123456789abcdef}
}

// ask returns the answer to a packet, which must be one.
func (r *rig) ask(t *testing.T, b []byte) packet.Packet {
	t.Helper()
	out := r.Answer(nil, b, from, r.now)
	p, err := packet.Parse(out)
	if err != nil || len(out) > len(b) {
		t.Fatalf("an answer of %d bytes to %d: %v", len(out), len(b), err)
	}
	return p
}

var synchronised = State{
	Synchronised: true, Stratum: 3, Leap: packet.LeapAdd, RootDelay: 20 * time.Millisecond, RootDispersion: 3 * time.Millisecond,
	ID: [4]byte{10, 0, 0, 1}, At: start.Add(-100 * time.Second),
}

func TestAnAnswerSaysHowGoodTheClockIs(t *testing.T) {
	r := newRig(clients.Default())
	r.Set(synchronised)
	r.now = start
	b := question().Append(nil)
	out := r.Answer([]byte("kept"), b, from, start.Add(-time.Millisecond))
	if string(out[:4]) != "kept" {
		t.Errorf("out begins with %q", out[:4])
	}
	p, err := packet.Parse(out[4:])
	if err != nil {
		t.Fatal(err)
	}
	want := packet.Packet{
		Leap: packet.LeapAdd, Version: 4, Mode: packet.ModeServer, Stratum: 3, Poll: 6, Precision: p.Precision,
		RootDelay: packet.ShortOf(20 * time.Millisecond), RootDispersion: packet.ShortOf(4500 * time.Microsecond), ReferenceID: [4]byte{10, 0, 0, 1},
		Reference: packet.TimestampOf(synchronised.At), Origin: 0x0123456789abcdef, Receive: packet.TimestampOf(start.Add(-time.Millisecond)), Transmit: packet.TimestampOf(start),
	}
	if p != want {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	q := question()
	q.Version = 3
	if p := r.ask(t, q.Append(nil)); p.Version != 3 {
		t.Errorf("version %d to one of 3", p.Version)
	}
}

func TestAClockThatIsNotSynchronisedSaysSo(t *testing.T) {
	r := newRig(clients.Default())
	b := question().Append(nil)
	bad := func(what string) {
		t.Helper()
		if p := r.ask(t, b); p.Leap != packet.LeapUnsynchronised || p.Stratum != 16 || p.ReferenceID != [4]byte{} || p.Transmit == 0 {
			t.Errorf("%s: %+v", what, p)
		}
	}
	bad("before anything is known")
	deep := synchronised
	deep.Stratum = 16
	r.Set(deep)
	bad("too deep")
	r.Set(synchronised)
	r.now = start.Add(26 * time.Hour)
	if p := r.ask(t, b); p.Leap != packet.LeapAdd || p.Stratum != 3 || p.RootDispersion.Duration() < 1400*time.Millisecond {
		t.Errorf("after a day: %+v", p)
	}
	r.now = start.Add(28 * time.Hour)
	bad("after too long")
	orphan := synchronised
	orphan.Orphan = 10
	r.Set(orphan)
	if p := r.ask(t, b); p.Leap != packet.LeapNone || p.Stratum != 10 || p.ReferenceID != orphanID() || p.Reference != packet.TimestampOf(r.now) {
		t.Errorf("orphan: %+v", p)
	}
	r.now = start
	if p := r.ask(t, b); p.Stratum != 3 {
		t.Errorf("an orphan stratum is told by a clock that is synchronised: %+v", p)
	}
}

func TestNothingButRequestsForTheTimeIsAnswered(t *testing.T) {
	r := newRig(clients.Default())
	r.Set(synchronised)
	sent := int64(0)
	for version := range uint8(8) {
		for mode := range uint8(8) {
			q := question()
			q.Version, q.Mode = version, mode
			out := r.Answer(nil, q.Append(nil), from, start)
			sent++
			if want := mode == 3 && (version == 3 || version == 4); (len(out) > 0) != want {
				t.Errorf("version %d, mode %d: %d bytes", version, mode, len(out))
			}
		}
	}
	monlist := append([]byte{0x17, 0, 3, 42}, make([]byte, 188)...) // ntpd's mode 7 request for all clients
	readvar := []byte{0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}        // mode 6
	for _, b := range [][]byte{monlist, readvar, nil, make([]byte, 47), append(question().Append(nil), 1)} {
		sent++
		if out := r.Answer(nil, b, from, start); len(out) > 0 {
			t.Errorf("%x: %d bytes", b, len(out))
		}
	}
	signed := append(question().Append(nil), make([]byte, 20)...)
	if out := r.Answer(nil, signed, from, start); len(out) != packet.Size {
		t.Errorf("a signed request: %d bytes", len(out))
	}
	if c := r.Counts(); c != (Counts{Requests: sent + 1, Answered: 3, Ignored: sent - 2}) {
		t.Errorf("%d sent, %+v", sent, c)
	}
}

func TestWhoAsksTooOftenIsToldOnceAndThenLeft(t *testing.T) {
	r := newRig(clients.Limits{Every: time.Second, Burst: 2, Refuse: 8 * time.Second, Most: 8})
	r.Set(synchronised)
	b := question().Append(nil)
	for range 2 {
		r.ask(t, b)
	}
	p := r.ask(t, b)
	if p.Stratum != 0 || p.Leap != packet.LeapUnsynchronised || string(p.ReferenceID[:]) != "RATE" || p.Origin != question().Transmit || p.Poll < ratePoll {
		t.Errorf("the kiss is %+v", p)
	}
	for range 5 {
		if out := r.Answer(nil, b, from, r.now); len(out) > 0 {
			t.Errorf("%d bytes", len(out))
		}
	}
	if out := r.Answer(nil, b, netip.MustParseAddr("192.0.2.10"), r.now); len(out) == 0 {
		t.Error("another one is left without an answer")
	}
	if c := r.Counts(); c != (Counts{Requests: 9, Answered: 3, Limited: 6}) {
		t.Errorf("%+v", c)
	}
}

func TestAClockThatIsSetBackWhileAPacketWaits(t *testing.T) {
	r := newRig(clients.Default())
	r.Set(synchronised)
	out := r.Answer(nil, question().Append(nil), from, start.Add(time.Hour))
	if p, err := packet.Parse(out); err != nil || p.Receive != p.Transmit {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestPrecision(t *testing.T) {
	var now time.Time
	tick := func(d time.Duration) func() time.Time {
		return func() time.Time { now = now.Add(d); return now }
	}
	for d, want := range map[time.Duration]int8{0: 0, time.Nanosecond: -29, time.Microsecond: -19, time.Millisecond: -9} {
		if got := precision(tick(d)); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(question().Append(nil))
	f.Add(append([]byte{0x17, 0, 3, 42}, make([]byte, 188)...))
	f.Add(append(question().Append(nil), make([]byte, 24)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(clients.Default())
		r.Set(synchronised)
		if out := r.Answer(nil, b, from, start); len(out) > len(b) || len(out) != 0 && len(out) != packet.Size {
			t.Errorf("%d bytes to %d", len(out), len(b))
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	r := New(clients.New(clients.Default()), time.Now)
	r.Set(synchronised)
	var senders []netip.Addr
	for i := range 8192 {
		senders = append(senders, netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256)))
	}
	q, out := question().Append(nil), make([]byte, 0, 64)
	b.ReportAllocs()
	for i := range b.N {
		out = r.Answer(out[:0], q, senders[i%len(senders)], time.Now())
	}
}
