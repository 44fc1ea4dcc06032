package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// outbox notes what a responder sends.
type outbox struct {
	all []message
	one []message
	to  []netip.AddrPort
}

func (o *outbox) toAll(b []byte) { o.all = append(o.all, mustParse(b)) }
func (o *outbox) toOne(b []byte, to netip.AddrPort) {
	o.one, o.to = append(o.one, mustParse(b)), append(o.to, to)
}

func mustParse(b []byte) message {
	m, err := parse(b)
	if err != nil {
		panic(err)
	}
	return m
}

// life is a responder in a time of the test's own.
type life struct {
	*responder
	out *outbox
	now time.Time
}

func (l *life) pass(d time.Duration) {
	for end := l.now.Add(d); ; {
		next := l.turn(l.now)
		if next.IsZero() || next.After(end) {
			l.now = end
			return
		}
		if next.After(l.now) {
			l.now = next
		}
	}
}

var (
	four  = netip.MustParseAddr("10.77.0.100")
	six   = netip.MustParseAddr("fe80::5054:ff:fe77:0")
	asker = netip.MustParseAddrPort("10.77.0.9:5353")
)

func begin(addresses ...netip.Addr) *life {
	if addresses == nil {
		addresses = []netip.Addr{four, six}
	}
	out := &outbox{}
	l := &life{newResponder(out, rand.New(rand.NewPCG(1, 2))), out, time.Unix(1_800_000_000, 0)}
	l.begin(l.now, newZone("vigie-4k7x", addresses, 443))
	return l
}

func settle() *life {
	l := begin()
	l.pass(10 * time.Second)
	*l.out = outbox{}
	return l
}

func query(name string, kind dnsmessage.Type) message {
	return message{questions: []question{{name: name, kind: kind}}}
}

func kinds(list []record) string {
	var out []string
	for _, r := range list {
		out = append(out, strings.TrimPrefix(r.kind.String(), "Type"))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestANameIsProbedAnnouncedAndTakenBack(t *testing.T) {
	l := begin()
	start := l.now
	l.pass(700 * time.Millisecond)
	if len(l.out.all) < 2 || l.phase != probing {
		t.Fatalf("%d messages after 700 ms", len(l.out.all))
	}
	l.pass(10 * time.Second)
	if len(l.out.all) != 5 {
		t.Fatalf("%d messages, want 3 probes and 2 announcements", len(l.out.all))
	}
	for _, m := range l.out.all[:3] {
		if m.response || len(m.questions) != 2 || !m.questions[0].unicast || m.questions[0].kind != dnsmessage.TypeALL || kinds(m.authorities) != "A AAAA SRV TXT" {
			t.Errorf("probe %+v", m)
		}
		if slices.ContainsFunc(m.authorities, func(r record) bool { return r.unique }) {
			t.Error("a probe must not flush caches")
		}
	}
	for _, m := range l.out.all[3:] {
		if !m.response || kinds(m.answers) != "A AAAA PTR PTR SRV TXT" {
			t.Errorf("announcement %+v", m)
		}
		for _, r := range m.answers {
			if r.unique != (r.kind != dnsmessage.TypePTR) || r.ttl == 0 {
				t.Errorf("announced %+v", r)
			}
		}
	}
	_ = start
	l.goodbye()
	if last := l.out.all[5]; len(last.answers) != 6 || slices.ContainsFunc(last.answers, func(r record) bool { return r.ttl != 0 }) {
		t.Errorf("good-bye %+v", last)
	}
}

func TestQuestionsAreAnswered(t *testing.T) {
	for _, c := range []struct {
		name        string
		kind        dnsmessage.Type
		answers     string
		atOnce      bool
		description string
	}{
		{"vigie-4k7x.local.", dnsmessage.TypeA, "A", true, "address"},
		{"VIGIE-4K7X.Local.", dnsmessage.TypeAAAA, "AAAA", true, "in capitals"},
		{"vigie-4k7x.local.", dnsmessage.TypeALL, "A AAAA", true, "all"},
		{"vigie-4k7x.local.", dnsmessage.TypeMX, "47", true, "a type that there is not"},
		{"_https._tcp.local.", dnsmessage.TypePTR, "PTR", false, "service"},
		{"_services._dns-sd._udp.local.", dnsmessage.TypePTR, "PTR", false, "kinds of services"},
		{"Vigie vigie-4k7x._https._tcp.local.", dnsmessage.TypeSRV, "SRV", true, "instance"},
		{"Vigie vigie-4k7x._https._tcp.local.", dnsmessage.TypeTXT, "TXT", true, "its text"},
		{"_https._tcp.local.", dnsmessage.TypeA, "", true, "no answer for what is not ours alone"},
		{"other.local.", dnsmessage.TypeA, "", true, "another's name"},
	} {
		t.Run(c.description, func(t *testing.T) {
			l := settle()
			l.receive(l.now, query(c.name, c.kind), asker)
			l.pass(0)
			if atOnce := len(l.out.all) > 0; c.answers != "" && atOnce != c.atOnce {
				t.Errorf("answered at once: %v", atOnce)
			}
			l.pass(shareMax)
			got := ""
			if len(l.out.all) > 0 {
				got = kinds(l.out.all[0].answers)
			}
			if got != c.answers || len(l.out.all) > 1 || len(l.out.one) > 0 {
				t.Errorf("answered %q, %d to all, %d to one; want %q", got, len(l.out.all), len(l.out.one), c.answers)
			}
			// the same again within a second is not sent to all again
			l.receive(l.now, query(c.name, c.kind), asker)
			l.pass(shareMax)
			if len(l.out.all) > 1 && c.answers != "47" {
				t.Error("answered twice within a second")
			}
		})
	}
}

func TestWhoKnowsTheAnswerIsNotTold(t *testing.T) {
	l := settle()
	m := query("vigie-4k7x.local.", dnsmessage.TypeA)
	m.answers = []record{{name: "vigie-4k7x.local.", kind: dnsmessage.TypeA, ttl: 61, data: four.AsSlice()}}
	l.receive(l.now, m, asker)
	l.pass(time.Second)
	if len(l.out.all) != 0 {
		t.Error("a known answer was sent")
	}
	m.answers[0].ttl = 59 // less than half of its life
	l.receive(l.now, m, asker)
	l.pass(time.Second)
	if len(l.out.all) != 1 {
		t.Error("an answer about to end was not sent")
	}
}

func TestKnownAnswersMayFollow(t *testing.T) {
	l := settle()
	m := query("vigie-4k7x.local.", dnsmessage.TypeALL)
	m.truncated = true
	l.receive(l.now, m, asker)
	l.pass(100 * time.Millisecond)
	more := message{answers: []record{{name: "vigie-4k7x.local.", kind: dnsmessage.TypeA, ttl: 120, data: four.AsSlice()}}}
	l.receive(l.now, more, asker)
	l.pass(time.Second)
	if len(l.out.all) != 1 || kinds(l.out.all[0].answers) != "AAAA" {
		t.Errorf("sent %+v", l.out.all)
	}
}

func TestOneAskerIsAnsweredAlone(t *testing.T) {
	l := settle()
	m := query("vigie-4k7x.local.", dnsmessage.TypeA)
	m.questions[0].unicast = true
	l.receive(l.now, m, asker) // announced seconds ago
	if len(l.out.all) != 0 || len(l.out.one) != 1 || l.out.to[0] != asker || l.out.one[0].id != 0 {
		t.Errorf("to all %d, to one %+v", len(l.out.all), l.out.one)
	}
	l.pass(time.Minute)
	l.receive(l.now, m, asker) // long ago: for everybody's sake to all
	l.pass(time.Second)
	if len(l.out.all) != 1 || len(l.out.one) != 1 {
		t.Errorf("to all %d, to one %d", len(l.out.all), len(l.out.one))
	}

	old := netip.MustParseAddrPort("10.77.0.9:40000") // a resolver that knows nothing of mDNS
	m = query("vigie-4k7x.local.", dnsmessage.TypeA)
	m.id = 4711
	l.receive(l.now, m, old)
	reply := l.out.one[1]
	if l.out.to[1] != old || reply.id != 4711 || len(reply.questions) != 1 || reply.answers[0].unique || reply.answers[0].ttl > 10 {
		t.Errorf("legacy answer %+v to %v", reply, l.out.to[1])
	}
	for range 1000 {
		l.receive(l.now, m, old)
	}
	if n := len(l.out.one); n > unicastRate+2 {
		t.Errorf("%d answers to single askers at one moment", n)
	}
}

func TestTheNameOfAnotherIsNotTaken(t *testing.T) {
	theirs := message{response: true, answers: []record{{name: "VIGIE-4k7x.local.", kind: dnsmessage.TypeA, ttl: 120, unique: true, data: []byte{10, 77, 0, 9}}}}
	l := begin()
	l.pass(300 * time.Millisecond)
	if !l.receive(l.now, theirs, asker) {
		t.Error("no conflict while probing")
	}
	l = settle()
	if l.receive(l.now, theirs, asker) {
		t.Error("a name that has been ours is given up without probing")
	}
	l.pass(0)
	if l.phase != probing {
		t.Error("a name that another claims is not probed again")
	}
	if !l.receive(l.now, theirs, asker) {
		t.Error("it is defended, and still kept")
	}
	l = settle()
	ours := message{response: true, answers: []record{{name: "vigie-4k7x.local.", kind: dnsmessage.TypeA, ttl: 120, unique: true, data: four.AsSlice()}}}
	if l.receive(l.now, ours, asker) || l.phase != settled {
		t.Error("our own record, by whoever, is a conflict")
	}
}

func TestOfTwoThatProbeTheLaterGoesOn(t *testing.T) {
	probe := func(a ...byte) message {
		m := query("vigie-4k7x.local.", dnsmessage.TypeALL)
		m.authorities = []record{{name: "vigie-4k7x.local.", kind: dnsmessage.TypeA, ttl: 120, data: a}}
		return m
	}
	for _, c := range []struct {
		m    message
		lose bool
	}{{probe(10, 77, 0, 9), false}, {probe(10, 77, 0, 101), true}} {
		l := begin(four) // the records of the host alone count
		l.pass(550 * time.Millisecond)
		count := l.count
		if count == 0 {
			t.Fatal("no probe yet")
		}
		l.receive(l.now, c.m, asker)
		if lost := l.count == 0; lost != c.lose {
			t.Errorf("against %v: lost %v", c.m.authorities[0].data, lost)
		}
		if c.lose && l.due.Sub(l.now) != probeLost {
			t.Errorf("tried again after %v", l.due.Sub(l.now))
		}
	}
}

func TestProbesOfOthersAreAnsweredAtOnce(t *testing.T) {
	l := settle()
	m := query("vigie-4k7x.local.", dnsmessage.TypeALL)
	m.questions[0].unicast = true
	m.authorities = []record{{name: "vigie-4k7x.local.", kind: dnsmessage.TypeA, ttl: 120, data: []byte{10, 77, 0, 9}}}
	l.receive(l.now, m, asker)
	l.pass(0)
	if len(l.out.all) != 1 || kinds(l.out.all[0].answers) != "A AAAA" {
		t.Errorf("a probe for our name is answered with %+v", l.out.all)
	}
}

func TestOtherAddressesAreAnnounced(t *testing.T) {
	l := settle()
	l.change(l.now, newZone("vigie-4k7x", []netip.Addr{four}, 443))
	l.pass(10 * time.Second)
	if len(l.out.all) != 2 || kinds(l.out.all[0].answers) != "A PTR PTR SRV TXT" {
		t.Errorf("announced %+v", l.out.all)
	}
}

func TestLabels(t *testing.T) {
	long := strings.Repeat("x", 63)
	for _, c := range []struct {
		wanted string
		n      int
		want   string
	}{{"Gate", 1, "gate"}, {"gate", 2, "gate-2"}, {"nvr.example.com", 11, "nvr-11"}, {long, 1, long}, {long, 10, long[:60] + "-10"}} {
		if got := label(c.wanted, c.n); got != c.want {
			t.Errorf("%s %d: %s", c.wanted, c.n, got)
		}
	}
	z := newZone(long, []netip.Addr{four}, 443)
	if _, err := (message{response: true, answers: z.records}).pack(false, nil); err != nil {
		t.Errorf("the longest name: %v", err)
	}
}

func packets() [][]byte {
	var out [][]byte
	z := newZone("vigie-4k7x", []netip.Addr{four, six}, 443)
	for _, m := range []message{
		{response: true, answers: z.records},
		{questions: []question{{"vigie-4k7x.local.", dnsmessage.TypeALL, true}}, authorities: z.unique("")},
		{questions: []question{{"_https._tcp.local.", dnsmessage.TypePTR, false}}, answers: z.answers(httpsIn, dnsmessage.TypePTR)},
		{response: true, answers: z.answers("vigie-4k7x.local.", dnsmessage.TypeMX)},
	} {
		b, err := m.pack(false, nil)
		if err != nil {
			panic(err)
		}
		out = append(out, b)
	}
	return out
}

func TestParseReadsQuestionsThoughAnAnswerIsOdd(t *testing.T) {
	whole := packets()[2]
	m, err := parse(whole[:len(whole)-5])
	if err != nil || len(m.questions) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, make([]byte, 11), append([]byte{0, 0, 0x80, 3}, make([]byte, 8)...), append([]byte{0, 0, 0x28, 0}, make([]byte, 8)...)} {
		if m, err := parse(bad); err == nil {
			t.Errorf("%x is read as %+v", bad, m)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for _, b := range packets() {
		f.Add(b, true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, early bool) {
		m, err := parse(b)
		if err != nil {
			return
		}
		l := settle()
		if early {
			l = begin()
		}
		l.receive(l.now, m, asker)
		l.receive(l.now, m, netip.MustParseAddrPort("10.77.0.9:999"))
		l.pass(3 * time.Second)
		if len(l.out.all) > 12 || len(l.out.one) > 2 {
			t.Errorf("one packet is answered with %d to all and %d to one", len(l.out.all), len(l.out.one))
		}
	})
}
