package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Member is what a superblock of Linux RAID says of the array and of the member that it is on.
type Member struct {
	Array     string // UUID
	Host      string // the machine that the array belongs to, as its maker wrote it; empty: not said
	Name      string
	Level     int // 0, 1, 4, 5, 6, 10; -1 linear; other values exist
	Devices   int // members of the whole array, spares not among them
	Role      Role
	Position  int    // of a member: from 0
	Events    uint64 // grows with each change: a member with fewer was left behind
	Updated   time.Time
	Created   time.Time
	Capacity  int64 // bytes of the array; 0: not told by this member alone
	Reshaping bool  // its form is being changed
}

// Role is a member's place in its array.
type Role string

// The roles.
const (
	Active  Role = "member"
	Spare   Role = "spare"
	Faulty  Role = "faulty"
	Journal Role = "journal"
)

// LevelName is what people call a level.
func LevelName(level int) string {
	switch level {
	case -1:
		return "linear array"
	case -4:
		return "multipath array"
	}
	return fmt.Sprintf("RAID %d", level)
}

// String describes the member in words.
func (m Member) String() string {
	what := LevelName(m.Level)
	if m.Name != "" {
		what += fmt.Sprintf(" %q", m.Name)
	}
	if m.Host != "" {
		what += " of " + m.Host
	}
	switch m.Role {
	case Active:
		return fmt.Sprintf("member %d of %d of %s", m.Position+1, m.Devices, what)
	case Spare, Journal:
		return string(m.Role) + " of " + what
	}
	return "former member of " + what
}

const mdMagic = 0xa92b4efc

// md1: version 1.0 near the end, 1.1 at the start, 1.2 at 4 KiB; the superblock knows its own place. Its fields are
// little-endian, at these offsets (struct mdp_superblock_1 of <linux/raid/md_p.h>):
//
//	  0 magic        8 features   16 UUID        32 name (host:name)   64 created
//	 72 level       76 layout     80 size        92 devices            104 reshape position
//	136 data size  144 own place 160 number     192 updated            200 events
//	220 length of the table of roles             256 table of roles, of 16 bits each
func (d *disk) md1() (Content, bool) {
	const head, mostRoles = 256, 1920
	sector := d.size / 512
	for minor, off := range []int64{(sector - 16) &^ 7 * 512, 0, 4096} {
		b := d.at(off, head)
		if b == nil || le.Uint32(b) != mdMagic || le.Uint32(b[4:]) != 1 || int64(le.Uint64(b[144:])) != off/512 {
			continue
		}
		m := Member{Array: uuid(b[16:32]), Level: int(int32(le.Uint32(b[72:]))), Devices: int(min(le.Uint32(b[92:]), mostRoles)),
			Events: le.Uint64(b[200:]), Updated: mdTime(b[192:]), Created: mdTime(b[64:]), Role: Faulty}
		m.Host, m.Name = mdName(text(b[32:64]))
		const featureReshape = 4
		m.Reshaping = le.Uint32(b[8:])&featureReshape != 0
		if number, length := le.Uint32(b[160:]), min(le.Uint32(b[220:]), mostRoles); number < length {
			if role := d.at(off+head+2*int64(number), 2); role != nil {
				m.Role, m.Position = mdRole(le.Uint16(role))
			}
		}
		m.Capacity = mdCapacity(m.Level, m.Devices, le.Uint32(b[76:]), le.Uint64(b[80:]))
		d.member = &m
		return Content{"md", fmt.Sprintf("%v (metadata 1.%d)", m, minor), "", m.Array}, true
	}
	return Content{}, false
}

func mdRole(v uint16) (Role, int) {
	switch {
	case v == 0xffff:
		return Spare, 0
	case v == 0xfffd:
		return Journal, 0
	case v > 0xff00:
		return Faulty, 0
	}
	return Active, int(v)
}

// mdName takes the machine off an array's name.
func mdName(s string) (host, name string) {
	if host, name, ok := strings.Cut(s, ":"); ok {
		return host, name
	}
	return "", s
}

// mdTime: 40 bits of seconds, 24 of microseconds.
func mdTime(b []byte) time.Time {
	v := le.Uint64(b)
	return time.Unix(int64(v&(1<<40-1)), int64(v>>40)*1000).UTC()
}

// mdCapacity is an array's size by what each member gives, in sectors; 0 for levels of unequal members.
func mdCapacity(level, devices int, layout uint32, sectors uint64) int64 {
	const most = 1 << 43 // a larger one is nonsense, and would not fit times devices
	n := int64(devices)
	if sectors > most || n < 1 {
		return 0
	}
	each := int64(sectors) * 512
	switch level {
	case 1:
		return each
	case 4, 5:
		return each * (n - 1)
	case 6:
		return each * max(0, n-2)
	case 10: // copies near and far of each other
		return each * n / int64(max(1, layout&0xff)*max(1, layout>>8&0xff))
	}
	return 0
}

// md0: version 0.90, in the last whole 64 KiB block but one end, in the writer's byte order.
func (d *disk) md0() (Content, bool) {
	b := d.at(d.size&^(64<<10-1)-64<<10, 64)
	if b == nil {
		return Content{}, false
	}
	for _, order := range []binary.ByteOrder{le, be} {
		if order.Uint32(b) == mdMagic && order.Uint32(b[4:]) == 0 {
			id := append(bytes.Clone(b[20:24]), b[52:64]...)
			return Content{Kind: "md", Name: "Linux RAID member (metadata 0.90)", UUID: uuid(id)}, true
		}
	}
	return Content{}, false
}
