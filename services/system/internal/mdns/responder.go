package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Times of RFC 6762: probing (section 8.1), announcing (8.3), answering (6, 7.2), and how often one record is sent to
// all (6).
const (
	probeFirst    = 250 * time.Millisecond // at most, at random
	probeInterval = 250 * time.Millisecond
	probeNum      = 3
	probeLost     = time.Second // after a probe of another that has precedence
	announceNum   = 2
	announceAgain = time.Second
	shareMin      = 20 * time.Millisecond
	shareMax      = 120 * time.Millisecond
	truncatedMin  = 400 * time.Millisecond
	truncatedMax  = 500 * time.Millisecond
	sendAgain     = time.Second
	defendAgain   = 250 * time.Millisecond
)

// unicastRate bounds answers to single askers, a second: nobody is to be flooded through us.
const unicastRate = 50

type phase int

const (
	probing phase = iota
	announcing
	settled
)

// outlet sends a message to all on the interface, or to one asker. It does not block.
type outlet interface {
	toAll([]byte)
	toOne([]byte, netip.AddrPort)
}

// responder answers on one interface. It knows no clock and no socket: it is told the time with everything that happens,
// and says when it wants to be called again.
type responder struct {
	out    outlet
	random *rand.Rand
	zone   zone

	phase phase
	count int       // probes or announcements sent
	due   time.Time // of the next one; zero: none

	pending  []record   // to be sent to all
	from     netip.Addr // who asked, when all of pending is for one asker whose known answers are not complete
	flush    time.Time  // when
	sent     []sending  // when records were last sent to all
	tokens   float64    // answers to single askers that may be sent
	refilled time.Time
}

type sending struct {
	record record
	at     time.Time
}

func newResponder(out outlet, random *rand.Rand) *responder {
	return &responder{out: out, random: random, phase: settled, tokens: unicastRate}
}

// begin takes a zone and starts to claim its names.
func (r *responder) begin(now time.Time, z zone) {
	r.zone, r.sent, r.pending = z, nil, nil
	r.probe(now, r.within(0, probeFirst))
}

func (r *responder) probe(now time.Time, wait time.Duration) {
	r.phase, r.count, r.due = probing, 0, now.Add(wait)
	r.pending = nil
}

// change takes a zone of the same names with other addresses, and tells everybody.
func (r *responder) change(now time.Time, z zone) {
	r.zone = z
	if r.phase != probing {
		r.phase, r.count, r.due, r.sent = announcing, 0, now, nil
	}
}

// goodbye takes back all that was announced (section 10.1).
func (r *responder) goodbye() {
	if r.phase == probing {
		return
	}
	gone := slices.Clone(r.zone.records)
	for i := range gone {
		gone[i].ttl = 0
	}
	r.send(gone, nil)
	r.phase, r.due, r.pending = settled, time.Time{}, nil
}

// turn does what is due, and returns when something is next; zero: nothing.
func (r *responder) turn(now time.Time) time.Time {
	if !r.due.IsZero() && !now.Before(r.due) {
		r.step(now)
	}
	if len(r.pending) > 0 && !now.Before(r.flush) {
		r.answerAll(now)
	}
	next := r.due
	if len(r.pending) > 0 && (next.IsZero() || r.flush.Before(next)) {
		next = r.flush
	}
	return next
}

// step sends the next probe or announcement.
func (r *responder) step(now time.Time) {
	switch {
	case r.phase == probing && r.count < probeNum:
		r.count++
		r.due = now.Add(probeInterval)
		r.sendProbe()
		return
	case r.phase == probing:
		r.phase, r.count = announcing, 0
	}
	r.count++
	r.note(now, r.zone.records)
	r.send(r.zone.records, nil)
	if r.due = now.Add(announceAgain); r.count == announceNum {
		r.phase, r.due = settled, time.Time{}
	}
}

func (r *responder) sendProbe() {
	m := message{authorities: r.zone.unique("")}
	for _, name := range []string{r.zone.host, r.zone.instance} {
		m.questions = append(m.questions, question{name: name, kind: dnsmessage.TypeALL, unicast: true})
	}
	if b, err := m.pack(false, nil); err == nil {
		r.out.toAll(b)
	}
}

func (r *responder) send(list, more []record) {
	if b, err := (message{response: true, answers: list}).pack(false, more); err == nil {
		r.out.toAll(b)
	}
}

// receive takes a message of another host. conflict says that a name of ours is another's, and a new one is needed.
func (r *responder) receive(now time.Time, m message, from netip.AddrPort) (conflict bool) {
	if m.response {
		return r.heard(now, m)
	}
	r.ask(now, m, from)
	return false
}

// heard takes a response: whether it says something else of our names than we do.
func (r *responder) heard(now time.Time, m message) (conflict bool) {
	for _, a := range m.answers {
		if !r.zone.ours(a.name) || a.ttl == 0 || a.kind == typeNSEC || has(r.zone.records, a) {
			continue
		}
		if r.phase == probing {
			return true
		}
		// Section 9: somebody else claims it now. Probing finds out who has to give way.
		r.probe(now, r.within(0, probeFirst))
		return false
	}
	return false
}

// ask takes a query.
func (r *responder) ask(now time.Time, m message, from netip.AddrPort) {
	if r.phase == probing {
		r.meet(now, m)
		return
	}
	legacy := from.Port() != port
	if len(m.questions) == 0 { // more known answers of who asked before
		if from.Addr() == r.from {
			r.pending = slices.DeleteFunc(r.pending, func(p record) bool { return known(m.answers, p) })
		}
		return
	}
	var all, one []record
	probe := len(m.authorities) > 0
	for _, q := range m.questions {
		for _, a := range r.zone.answers(q.name, q.kind) {
			switch {
			case !legacy && known(m.answers, a):
			case legacy, q.unicast && !probe && r.recently(now, a, time.Duration(a.ttl)*time.Second/4):
				one = addOnce(one, a)
			case probe && r.recently(now, a, defendAgain), !probe && r.recently(now, a, sendAgain):
			default:
				all = addOnce(all, a)
			}
		}
	}
	if len(one) > 0 {
		r.answerOne(now, m, one, from, legacy)
	}
	if len(all) > 0 {
		r.answerLater(now, all, m.truncated, probe, from.Addr())
	}
}

// known says whether the asker knows an answer, and for at least half of its life (section 7.1).
func known(list []record, a record) bool {
	return slices.ContainsFunc(list, func(k record) bool { return k.is(a) && k.ttl >= a.ttl/2 })
}

func addOnce(list []record, r record) []record {
	if has(list, r) {
		return list
	}
	return append(list, r)
}

// meet holds a probe of another for our names against ours (section 8.2): who has the later data in lexical order goes on.
func (r *responder) meet(now time.Time, m message) {
	for _, name := range []string{r.zone.host, r.zone.instance} {
		theirs := slices.DeleteFunc(slices.Clone(m.authorities), func(a record) bool { return !strings.EqualFold(a.name, name) })
		if len(theirs) == 0 {
			continue
		}
		mine := r.zone.unique(name)
		slices.SortFunc(mine, compare)
		slices.SortFunc(theirs, compare)
		if slices.CompareFunc(mine, theirs, compare) < 0 {
			r.probe(now, probeLost)
			return
		}
	}
}

func (r *responder) answerOne(now time.Time, m message, list []record, to netip.AddrPort, legacy bool) {
	r.tokens = min(unicastRate, r.tokens+unicastRate*now.Sub(r.refilled).Seconds())
	r.refilled = now
	if r.tokens < 1 {
		return
	}
	r.tokens--
	reply := message{response: true, answers: list}
	if legacy {
		reply.id, reply.questions = m.id, m.questions
		for i := range reply.questions {
			reply.questions[i].unicast = false
		}
	}
	if b, err := reply.pack(legacy, r.zone.more(list)); err == nil {
		r.out.toOne(b, to)
	}
}

// answerLater has records sent to all, once others who may answer too have had their chance.
func (r *responder) answerLater(now time.Time, list []record, truncated, probe bool, from netip.Addr) {
	wait := time.Duration(0)
	switch {
	case probe:
	case truncated:
		wait = r.within(truncatedMin, truncatedMax)
	case slices.ContainsFunc(list, func(a record) bool { return !a.unique }):
		wait = r.within(shareMin, shareMax)
	}
	at := now.Add(wait)
	switch {
	case len(r.pending) == 0:
		r.flush, r.from = at, from
	default:
		if at.Before(r.flush) {
			r.flush = at
		}
		if r.from != from {
			r.from = netip.Addr{}
		}
	}
	for _, a := range list {
		r.pending = addOnce(r.pending, a)
	}
}

func (r *responder) answerAll(now time.Time) {
	r.note(now, r.pending)
	r.send(r.pending, r.zone.more(r.pending))
	r.pending = nil
}

// note keeps when records were sent to all.
func (r *responder) note(now time.Time, list []record) {
	for _, a := range list {
		if i := slices.IndexFunc(r.sent, func(s sending) bool { return s.record.is(a) }); i >= 0 {
			r.sent[i].at = now
			continue
		}
		r.sent = append(r.sent, sending{a, now})
	}
}

func (r *responder) recently(now time.Time, a record, within time.Duration) bool {
	i := slices.IndexFunc(r.sent, func(s sending) bool { return s.record.is(a) })
	return i >= 0 && now.Sub(r.sent[i].at) < within
}

func (r *responder) within(low, high time.Duration) time.Duration {
	return low + time.Duration(r.random.Int64N(int64(high-low)+1))
}
