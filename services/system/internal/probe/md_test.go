package probe

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// md1 is what a test writes into a superblock.
type md1 struct {
	name           string
	level, devices int
	layout         uint32
	number         uint32
	roles          []uint16
	sectors        uint64
	features       uint32
}

// superblock lays one out; a negative offset counts from the end.
func superblock(off int64, m md1) []piece {
	b := make([]byte, 256+2*len(m.roles))
	le.PutUint32(b, mdMagic)
	le.PutUint32(b[4:], 1)
	le.PutUint32(b[8:], m.features)
	copy(b[16:], raw(id))
	copy(b[32:64], m.name)
	le.PutUint64(b[64:], 1_700_000_000)
	le.PutUint32(b[72:], uint32(m.level))
	le.PutUint32(b[76:], m.layout)
	le.PutUint64(b[80:], m.sectors)
	le.PutUint32(b[92:], uint32(m.devices))
	place := off
	if place < 0 {
		place += small
	}
	le.PutUint64(b[144:], uint64(place/512))
	le.PutUint32(b[160:], m.number)
	le.PutUint64(b[192:], 1_700_000_100|250_000<<40)
	le.PutUint64(b[200:], 42)
	le.PutUint32(b[220:], uint32(len(m.roles)))
	for i, r := range m.roles {
		le.PutUint16(b[256+2*i:], r)
	}
	return []piece{{off, string(b)}}
}

func TestAMemberSaysWhatItIsOf(t *testing.T) {
	const tib = 1 << 31 // sectors
	at := time.Unix(1_700_000_100, 250_000_000).UTC()
	base := Member{Array: id, Events: 42, Updated: at, Created: time.Unix(1_700_000_000, 0).UTC(), Role: Active}
	for _, c := range []struct {
		name string
		m    md1
		want func(*Member)
		says string
	}{
		{"of a mirror", md1{name: "box:films", level: 1, devices: 2, number: 1, roles: []uint16{0, 1}, sectors: tib},
			func(m *Member) {
				m.Host, m.Name, m.Level, m.Devices, m.Position, m.Capacity = "box", "films", 1, 2, 1, tib*512
			}, `member 2 of 2 of RAID 1 "films" of box`},
		{"of a RAID 5 that is being changed", md1{level: 5, devices: 4, roles: []uint16{2}, sectors: tib, features: 4},
			func(m *Member) { m.Level, m.Devices, m.Position, m.Capacity, m.Reshaping = 5, 4, 2, 3*tib*512, true }, "member 3 of 4 of RAID 5"},
		{"a spare", md1{level: 6, devices: 4, number: 4, roles: []uint16{0, 1, 2, 3, 0xffff}, sectors: tib},
			func(m *Member) { m.Level, m.Devices, m.Role, m.Capacity = 6, 4, Spare, 2*tib*512 }, "spare of RAID 6"},
		{"two near copies", md1{level: 10, devices: 4, layout: 0x102, roles: []uint16{0}, sectors: tib},
			func(m *Member) { m.Level, m.Devices, m.Capacity = 10, 4, 2*tib*512 }, "member 1 of 4 of RAID 10"},
		{"a journal", md1{level: 5, devices: 3, roles: []uint16{0xfffd}}, func(m *Member) { m.Level, m.Devices, m.Role = 5, 3, Journal }, "journal of RAID 5"},
		{"thrown out", md1{level: 1, devices: 2, roles: []uint16{0xfffe}}, func(m *Member) { m.Level, m.Devices, m.Role = 1, 2, Faulty }, "former member of RAID 1"},
		{"of no place in the table", md1{level: 1, devices: 2, number: 70_000, roles: []uint16{0}}, func(m *Member) { m.Level, m.Devices, m.Role = 1, 2, Faulty }, "former member of RAID 1"},
		{"of stripes, whose members may differ", md1{level: 0, devices: 2, roles: []uint16{0}}, func(m *Member) { m.Devices = 2 }, "member 1 of 2 of RAID 0"},
		{"with nonsense for a size", md1{level: 1, devices: 2, roles: []uint16{0}, sectors: 1 << 63}, func(m *Member) { m.Level, m.Devices = 1, 2 }, "member 1 of 2 of RAID 1"},
	} {
		res, err := Probe(bytes.NewReader(disked(superblock(4096, c.m))), small)
		want := base
		c.want(&want)
		if err != nil || len(res.Members()) != 1 {
			t.Errorf("%s: %+v, %v", c.name, res, err)
			continue
		}
		if diff := cmp.Diff(want, *res.Member); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if got := res.Member.String(); got != c.says {
			t.Errorf("%s: described as %q", c.name, got)
		}
	}
}
