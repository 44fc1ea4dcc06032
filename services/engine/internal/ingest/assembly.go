package ingest

import (
	"encoding/binary"
	"errors"
	"sync"

	"vigie/services/engine/internal/media"
)

const (
	maxAssembly = 8 << 20 // bytes of an access unit
	maxParts    = 1 << 16 // pieces of one that are noted between two holds
)

var errAssembly = errors.New("access unit too large")

// assembly is an access unit on its way from packets to a payload: NAL units, each behind its length in four bytes
// (ISO 14496-15 §5.3.4.2.1).
//
// What packets hold of it is noted where it lies, and copied once, into a payload of the right size, when the unit is
// complete. A unit that is not complete when the packets' memory is used again is saved by hold before. Frames of a
// usual size come whole between two holds, so that mostly nothing is copied twice.
//
// The zero value is ready.
type assembly struct {
	parts  []piece
	size   int // of the payload as far as it has come
	began  bool
	open   bool // the NAL unit added last is a fragment that wants more
	drop   bool // and is not kept
	saved  *[]byte
	length int // where the length of the NAL unit saved last is, in saved
}

// piece is a part of a NAL unit.
type piece struct {
	b    []byte
	head [2]byte // of a NAL unit that begins in fragments, which carry it elsewhere
	n    uint8   // bytes of head
	new  bool    // begins a NAL unit
}

// savedUnits are buffers of units that came in part. Few cameras need one at a time.
var savedUnits = sync.Pool{New: func() any { return new([]byte) }}

// nalu adds a whole NAL unit.
func (a *assembly) nalu(codec media.Codec, b []byte) error {
	a.open = false
	if len(b) == 0 {
		return nil
	}
	a.began = true
	if k, _ := classify(codec, b); k == kindDrop {
		return nil
	}
	return a.add(piece{b: b, new: true}, 4+len(b))
}

// fragment adds a part of a NAL unit: the first, with the unit's head, when start is set.
func (a *assembly) fragment(codec media.Codec, head []byte, b []byte, start, end bool) error {
	a.open = !end
	if start {
		p := piece{b: b, n: uint8(len(head)), new: true}
		copy(p.head[:], head)
		a.began = true
		k, _ := classify(codec, head)
		if a.drop = k == kindDrop; a.drop {
			return nil
		}
		return a.add(p, 4+len(head)+len(b))
	}
	if a.drop {
		return nil
	}
	return a.add(piece{b: b}, len(b))
}

func (a *assembly) add(p piece, size int) error {
	if a.size += size; a.size > maxAssembly || len(a.parts) >= maxParts {
		return errAssembly
	}
	a.parts = append(a.parts, p)
	return nil
}

// hold copies what is noted so far: the memory that it lies in may be used again afterwards.
func (a *assembly) hold() {
	if len(a.parts) == 0 {
		return
	}
	if a.saved == nil {
		a.saved = savedUnits.Get().(*[]byte)
		*a.saved = (*a.saved)[:0]
	}
	*a.saved = a.appendTo(*a.saved)
	a.forget()
}

// payload returns the access unit and makes room for the next.
func (a *assembly) payload() []byte {
	p := make([]byte, 0, a.size)
	if a.saved != nil {
		p = append(p, *a.saved...)
	}
	p = a.appendTo(p)
	a.reset()
	return p
}

// appendTo appends the parts to b, which holds what was saved before.
func (a *assembly) appendTo(b []byte) []byte {
	for i := range a.parts {
		p := &a.parts[i]
		if p.new {
			a.length = len(b)
			b = append(b, 0, 0, 0, 0)
			b = append(b, p.head[:p.n]...)
		}
		b = append(b, p.b...)
		binary.BigEndian.PutUint32(b[a.length:], uint32(len(b)-a.length-4))
	}
	return b
}

// reset gives the unit up.
func (a *assembly) reset() {
	if a.saved != nil {
		savedUnits.Put(a.saved)
	}
	a.forget()
	*a = assembly{parts: a.parts}
}

// forget drops the parts, and what a rare unit has made of room for them.
func (a *assembly) forget() {
	clear(a.parts)
	if a.parts = a.parts[:0]; cap(a.parts) > 1<<10 {
		a.parts = nil
	}
}
