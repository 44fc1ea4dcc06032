package mdns

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// typeNSEC says which types a name has (RFC 4034, section 4), here to say that it has no others (RFC 6762, section 6.1).
const typeNSEC = dnsmessage.Type(47)

// Times to live in seconds (RFC 6762, section 10): of what names the host, and of the rest.
const (
	hostTTL  = 120
	otherTTL = 4500
)

// record is one resource record. Its data are as on the wire, without compression: so two can be compared.
type record struct {
	name   string // with a dot at the end
	kind   dnsmessage.Type
	ttl    uint32
	unique bool // ours alone: the cache-flush bit (section 10.2)
	data   []byte
}

// is says whether two records are the same but for their lives. Names are compared without regard to case.
func (r record) is(o record) bool {
	return r.kind == o.kind && strings.EqualFold(r.name, o.name) && bytes.Equal(r.data, o.data)
}

func (r record) answers(name string, kind dnsmessage.Type) bool {
	return strings.EqualFold(r.name, name) && (kind == r.kind || kind == dnsmessage.TypeALL)
}

// compare orders records of one class as section 8.2 has it for probes that meet.
func compare(a, b record) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(a.data, b.data))
}

// question is one question of a query.
type question struct {
	name    string
	kind    dnsmessage.Type
	unicast bool // the answer may come to the asker alone
}

// message is an mDNS message, as far as it matters here.
type message struct {
	id          uint16
	response    bool
	truncated   bool // more known answers follow
	questions   []question
	answers     []record
	authorities []record // of a probe: what it is about to claim
}

// The top bit of a class means "unicast response wanted" in questions and "cache flush" in records.
const topBit = 0x8000

// Limits of what is taken from one message.
const (
	maxQuestions = 64
	maxRecords   = 256
)

var errUnwanted = errors.New("neither a plain query nor a plain response")

// parse reads a message. What follows a record that cannot be read is left out: a query's questions are good even if the
// answers that its sender knows have names that this parser does not take (labels with dots).
func parse(b []byte) (message, error) {
	var m message
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return m, err
	}
	if h.OpCode != 0 || h.RCode != 0 { // section 18.3, 18.11
		return m, errUnwanted
	}
	m.id, m.response, m.truncated = h.ID, h.Response, h.Truncated
	for range maxQuestions {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return m, err
		}
		if class := q.Class &^ topBit; class == dnsmessage.ClassINET || class == dnsmessage.ClassANY {
			m.questions = append(m.questions, question{q.Name.String(), q.Type, q.Class&topBit != 0})
		}
	}
	if err := p.SkipAllQuestions(); err != nil {
		return m, err
	}
	var whole bool
	if m.answers, whole = section(&p, p.AnswerHeader, p.SkipAnswer); !whole {
		return m, nil
	}
	m.authorities, _ = section(&p, p.AuthorityHeader, p.SkipAuthority)
	return m, nil
}

// section reads the records of one section; whole says whether it was read to its end.
func section(p *dnsmessage.Parser, header func() (dnsmessage.ResourceHeader, error), skip func() error) (list []record, whole bool) {
	for range maxRecords {
		h, err := header()
		if err != nil {
			return list, errors.Is(err, dnsmessage.ErrSectionDone)
		}
		if h.Class&^topBit != dnsmessage.ClassINET {
			if skip() != nil {
				return list, false
			}
			continue
		}
		r := record{name: h.Name.String(), kind: h.Type, ttl: h.TTL, unique: h.Class&topBit != 0}
		if r.data, err = data(p, h.Type); err != nil {
			return list, false
		}
		list = append(list, r)
	}
	return list, false
}

// data is a record's, with its names written out.
func data(p *dnsmessage.Parser, kind dnsmessage.Type) ([]byte, error) {
	switch kind {
	case dnsmessage.TypePTR:
		r, err := p.PTRResource()
		return wire(r.PTR.String()), err
	case dnsmessage.TypeSRV:
		r, err := p.SRVResource()
		return srv(r.Port, r.Target.String()), err
	case dnsmessage.TypeA:
		r, err := p.AResource()
		return r.A[:], err
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		return r.AAAA[:], err
	}
	r, err := p.UnknownResource()
	return bytes.Clone(r.Data), err
}

// wire is a name as it is sent without compression (RFC 1035, section 3.1).
func wire(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// srv is the data of an SRV record (RFC 2782) with priority and weight 0.
func srv(port uint16, target string) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 4), port), wire(target)...)
}

// txt is the data of a TXT record with one string.
func txt(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// nsec says that a name has the given types and no others. All of them are below 256: one window.
func nsec(name string, kinds []dnsmessage.Type) []byte {
	var bits [32]byte
	last := 0
	for _, k := range kinds {
		bits[k/8] |= 0x80 >> (k % 8)
		last = max(last, int(k/8))
	}
	b := append(wire(name), 0, byte(last+1))
	return append(b, bits[:last+1]...)
}

// pack writes a message. Legacy answers (section 6.7) repeat the question, have short lives and no cache-flush bits.
func (m message) pack(legacy bool, additional []record) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: m.id, Response: m.response, Authoritative: m.response})
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	for _, q := range m.questions {
		name, err := dnsmessage.NewName(q.name)
		if err != nil {
			return nil, err
		}
		class := dnsmessage.ClassINET
		if q.unicast {
			class |= topBit
		}
		if err := b.Question(dnsmessage.Question{Name: name, Type: q.kind, Class: class}); err != nil {
			return nil, err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	if err := put(&b, m.answers, m.response && !legacy, legacy); err != nil {
		return nil, err
	}
	if err := b.StartAuthorities(); err != nil {
		return nil, err
	}
	if err := put(&b, m.authorities, false, false); err != nil {
		return nil, err
	}
	if err := b.StartAdditionals(); err != nil {
		return nil, err
	}
	if err := put(&b, additional, m.response && !legacy, legacy); err != nil {
		return nil, err
	}
	return b.Finish()
}

func put(b *dnsmessage.Builder, list []record, flush, short bool) error {
	const legacyTTL = 10
	for _, r := range list {
		name, err := dnsmessage.NewName(r.name)
		if err != nil {
			return err
		}
		h := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: r.ttl}
		if flush && r.unique {
			h.Class |= topBit
		}
		if short {
			h.TTL = min(h.TTL, legacyTTL)
		}
		// The data are whole already, so every type is written as one that is not known.
		if err := b.UnknownResource(h, dnsmessage.UnknownResource{Type: r.kind, Data: r.data}); err != nil {
			return err
		}
	}
	return nil
}
