package history

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	rowFormat = 1
	rowPoints = 12 // of five minutes, in an hour
	cameraLen = 8
	hourLen   = 4
	maxStream = 16

	fullSpan = slotMs / 100

	hasSpan   = 1 // flags of a point
	hasOnline = 2
	hasFaults = 4
)

// row is one hour of a stream; a point that was not looked at has no span.
type row [rowPoints]point

// key is that of a row: hour since the Unix epoch (4 bytes, big-endian), camera id (8), stream.
func key(hour int64, camera, stream string) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, hourLen+cameraLen+len(stream)), uint32(hour))
	return append(append(k, camera...), stream...)
}

// encode returns the row's value: format (1 byte), then each point that there is: a byte with its number in the upper and
// flags in the lower half, and as unsigned varints
//
//	span       tenths of a second; with flag 1, else 3000
//	online     tenths of a second; with flag 2, else the span
//	bytes      thousands
//	frames
//	GOP        hundredths of a second, on average
//	losses     with flag 4, else 0
//	reconnects with flag 4, else 0
func (r *row) encode() []byte {
	b := []byte{rowFormat}
	for i, p := range r {
		if p.span <= 0 {
			continue
		}
		span, online := max(1, (p.span+50)/100), (p.online+50)/100
		flags := 0
		if span != fullSpan {
			flags |= hasSpan
		}
		if online != span {
			flags |= hasOnline
		}
		if p.lost != 0 || p.reconnects != 0 {
			flags |= hasFaults
		}
		b = append(b, byte(i<<4|flags))
		put := func(v int64) { b = binary.AppendUvarint(b, uint64(max(0, v))) }
		if flags&hasSpan != 0 {
			put(span)
		}
		if flags&hasOnline != 0 {
			put(online)
		}
		put((p.bytes + 500) / 1000)
		put(p.frames)
		if p.gops > 0 {
			put((p.gop/p.gops + 5) / 10)
		} else {
			put(0)
		}
		if flags&hasFaults != 0 {
			put(p.lost)
			put(p.reconnects)
		}
	}
	return b
}

var errRow = errors.New("not a row of history")

// decode reads a row's value.
func decode(b []byte) (row, error) {
	var r row
	if len(b) == 0 || b[0] != rowFormat {
		return row{}, fmt.Errorf("%w: format", errRow)
	}
	b = b[1:]
	for last := -1; len(b) > 0; {
		at, flags := int(b[0]>>4), b[0]&15
		if at <= last || at >= rowPoints || flags > hasSpan|hasOnline|hasFaults {
			return row{}, fmt.Errorf("%w: point %d after %d, flags %d", errRow, at, last, flags)
		}
		last, b = at, b[1:]
		good := true
		number := func(there bool, otherwise int64) int64 {
			if !there {
				return otherwise
			}
			v, n := binary.Uvarint(b)
			if good = good && n > 0 && v < 1<<40; !good {
				return 0
			}
			b = b[n:]
			return int64(v)
		}
		span := number(flags&hasSpan != 0, fullSpan)
		online := number(flags&hasOnline != 0, span)
		p := point{span: span * 100, online: online * 100, bytes: number(true, 0) * 1000, frames: number(true, 0)}
		if gop := number(true, 0) * 10; gop > 0 {
			p.gops = max(1, p.online/gop)
			p.gop = p.gops * gop
		}
		p.lost, p.reconnects = number(flags&hasFaults != 0, 0), number(flags&hasFaults != 0, 0)
		if !good || span == 0 {
			return row{}, fmt.Errorf("%w: point %d", errRow, at)
		}
		r[at] = p
	}
	return r, nil
}
