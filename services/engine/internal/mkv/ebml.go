package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// appendID appends an element ID, whose length is in its own leading bits.
func appendID(b []byte, id uint32) []byte {
	switch {
	case id >= 1<<24:
		b = append(b, byte(id>>24))
		fallthrough
	case id >= 1<<16:
		b = append(b, byte(id>>16))
		fallthrough
	case id >= 1<<8:
		b = append(b, byte(id>>8))
	}
	return append(b, byte(id))
}

// appendSize appends an element size in exactly n bytes (1 to 8).
func appendSize(b []byte, size uint64, n int) []byte {
	v := size | 1<<(7*n)
	for i := n - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}

// sizeLen is the least number of bytes for a size; all ones are reserved for "unknown".
func sizeLen(size uint64) int {
	n := 1
	for size >= 1<<(7*n)-1 {
		n++
	}
	return n
}

func appendElem(b []byte, id uint32, data []byte) []byte {
	b = appendID(b, id)
	b = appendSize(b, uint64(len(data)), sizeLen(uint64(len(data))))
	return append(b, data...)
}

func appendUint(b []byte, id uint32, v uint64) []byte {
	n := 1
	for n < 8 && v>>(8*n) != 0 {
		n++
	}
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], v)
	return appendElem(b, id, buf[8-n:])
}

func appendFloat(b []byte, id uint32, v float64) []byte {
	return appendElem(b, id, binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
}

func appendString(b []byte, id uint32, s string) []byte { return appendElem(b, id, []byte(s)) }

// appendMaster appends an element with children and, as the first of them, the CRC-32 of the others.
func appendMaster(b []byte, id uint32, children []byte) []byte {
	return appendElem(b, id, append(appendCRC(nil, children), children...))
}

// appendCRC appends a CRC-32 element (RFC 8794 section 11.3.1: little-endian).
func appendCRC(b []byte, data []byte) []byte {
	b = append(b, idCRC32, 0x84)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(data))
}

// appendVoid appends a Void element of total bytes, at least 2.
func appendVoid(b []byte, total int) []byte {
	n := 1
	for total-1-n >= 1<<(7*n)-1 {
		n++
	}
	b = append(b, idVoid)
	b = appendSize(b, uint64(total-1-n), n)
	return append(b, make([]byte, total-1-n)...)
}

var errEBML = errors.New("malformed EBML")

// elem is an element's head and place.
type elem struct {
	id      uint32
	size    int64 // of its data; -1: unknown
	headLen int
}

// parseHead decodes an element's ID and size.
func parseHead(b []byte) (e elem, err error) {
	if len(b) == 0 {
		return e, errEBML
	}
	n := 1
	for m := byte(0x80); n <= 4 && b[0]&m == 0; n++ {
		m >>= 1
	}
	if n > 4 || len(b) <= n {
		return e, errEBML
	}
	for _, c := range b[:n] {
		e.id = e.id<<8 | uint32(c)
	}
	size, k, err := parseSize(b[n:])
	if err != nil {
		return e, err
	}
	e.size, e.headLen = size, n+k
	return e, nil
}

// parseSize decodes a variable-length size; -1 stands for unknown.
func parseSize(b []byte) (size int64, n int, err error) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, errEBML
	}
	n = 1
	for m := byte(0x80); b[0]&m == 0; n++ {
		m >>= 1
	}
	if len(b) < n {
		return 0, 0, errEBML
	}
	v := uint64(b[0]) & (1<<(8-n) - 1)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	if v == 1<<(7*n)-1 {
		return -1, n, nil
	}
	return int64(v), n, nil
}

// children calls fn for each child in the data of a master element.
func children(b []byte, fn func(id uint32, data []byte) error) error {
	for len(b) > 0 {
		e, err := parseHead(b)
		if err != nil {
			return err
		}
		if e.size < 0 || e.size > int64(len(b)-e.headLen) {
			return fmt.Errorf("%w: element %X is longer than its parent", errEBML, e.id)
		}
		end := e.headLen + int(e.size)
		if err := fn(e.id, b[e.headLen:end]); err != nil {
			return err
		}
		b = b[end:]
	}
	return nil
}

// checkCRC verifies the CRC-32 that the data of a master element begins with, if it has one, and returns the rest.
func checkCRC(b []byte) (rest []byte, ok bool) {
	if len(b) < 6 || b[0] != idCRC32 || b[1] != 0x84 {
		return b, true
	}
	return b[6:], binary.LittleEndian.Uint32(b[2:]) == crc32.ChecksumIEEE(b[6:])
}

func parseUint(b []byte) (v uint64) {
	if len(b) > 8 {
		return 0
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func parseFloat(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return 0
}
