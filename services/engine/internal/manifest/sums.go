package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// headLength is how many bytes a head is made from.
const headLength = 64

// Sums makes the digests of a file whose parts come in order: the front, pieces of seconds, the back.
type Sums struct {
	Front, Back Part
	Seconds     []Second

	at   int // index of the second whose pieces come; -1: the front
	sum  hash.Hash
	size int64
	head []byte
}

// NewSums begins a file of so many seconds.
func NewSums(seconds int) *Sums {
	return &Sums{Seconds: make([]Second, seconds), at: -1, sum: sha256.New(), head: make([]byte, 0, headLength)}
}

// Add takes the next bytes of the front.
func (s *Sums) AddFront(b []byte) { s.add(b) }

// AddPiece takes a cluster that begins offsetMs after the file's start. A second is never gone back to: what begins in
// one that is over, or behind the last, counts with the nearest there is. A file without seconds has no pieces.
func (s *Sums) AddPiece(offsetMs int64, damaged bool, b []byte) {
	i := min(max(int(offsetMs/1000), s.at, 0), len(s.Seconds)-1)
	for s.at < i {
		s.next()
	}
	if s.size == 0 {
		s.Seconds[i].OffsetMs = max(offsetMs, 0)
	}
	if damaged {
		s.Seconds[i].Damaged = min(s.Seconds[i].Damaged+1, 9)
	}
	s.add(b)
}

// AddBack takes the next bytes of the back; after it no more pieces come.
func (s *Sums) AddBack(b []byte) {
	for s.at < len(s.Seconds) {
		s.next()
	}
	s.add(b)
}

// Finish ends the last part and returns the chain.
func (s *Sums) Finish() (chain Digest) {
	s.AddBack(nil)
	s.next()
	return Chain(s.Front, s.Seconds, s.Back)
}

func (s *Sums) add(b []byte) {
	s.sum.Write(b)
	s.size += int64(len(b))
	if n := headLength - len(s.head); n > 0 {
		s.head = append(s.head, b[:min(n, len(b))]...)
	}
}

// next ends a part and begins the one after it.
func (s *Sums) next() {
	var d Digest
	s.sum.Sum(d[:0])
	switch {
	case s.at < 0:
		s.Front = Part{s.size, d}
	case s.at < len(s.Seconds):
		e := &s.Seconds[s.at]
		if e.Bytes, e.Sum, e.Head = s.size, d, head(s.head); s.size == 0 {
			e.OffsetMs = int64(s.at) * 1000
		}
	default:
		s.Back = Part{s.size, d}
	}
	s.at++
	s.sum.Reset()
	s.size, s.head = 0, s.head[:0]
}

// head is the checksum of a stretch's first bytes; 0 when it has too few.
func head(b []byte) uint32 {
	if len(b) < headLength {
		return 0
	}
	var a, c uint32
	for k, v := range b[:headLength] {
		a += uint32(v)
		c += uint32(headLength-k) * uint32(v)
	}
	return c<<16 | a&0xffff
}

// Chain is the last of the links.
func Chain(front Part, seconds []Second, back Part) Digest {
	b := binary.BigEndian.AppendUint64([]byte("vigie chain 1\n"), uint64(front.Bytes))
	link := sha256.Sum256(append(b, front.Sum[:]...))
	b = make([]byte, 0, 2*sha256.Size+16)
	for i := range seconds {
		s := &seconds[i]
		b = append(b[:0], link[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(s.OffsetMs))
		b = binary.BigEndian.AppendUint64(b, uint64(s.Bytes))
		link = sha256.Sum256(append(b, s.Sum[:]...))
	}
	b = binary.BigEndian.AppendUint64(append(b[:0], link[:]...), uint64(back.Bytes))
	return sha256.Sum256(append(b, back.Sum[:]...))
}
