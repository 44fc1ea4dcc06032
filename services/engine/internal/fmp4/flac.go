package fmp4

import (
	"fmt"
	"math/bits"

	"vigie/services/engine/internal/media"
)

const (
	flacMaxBlock = 4096 // samples a frame at most, which also bounds STREAMINFO
	flacMaxOrder = 2    // of the fixed predictors; higher ones gain nothing on companded speech
	flacMaxRice  = 14   // largest Rice parameter of coding method 0
)

// flac encodes sound that browsers do not decode as FLAC frames (RFC 9639), which they do, losslessly.
//
// A frame holds independent channels, each a constant, fixed (order 0 to 2, one partition) or verbatim subframe:
//
//	sync 14 | 0 | 1 variable | size 4 | rate 4 | channels 4 | depth 3 | 0 | number (8..56) | size-1 16 | CRC-8
//	{ 0 | type 6 | 0 | samples }  ...  pad to a byte | CRC-16
//
// Not safe for concurrent use.
type flac struct {
	track   *media.Track
	pcm     decoder
	linear  []int16 // of one payload, channel after channel of each sample
	samples []int32 // one channel
	w       bitWriter
}

func newFLAC(t *media.Track) (*flac, error) {
	if t.Channels < 1 || t.Channels > 8 || t.SampleRate < 1 || t.SampleRate > 655350 {
		return nil, fmt.Errorf("%s with %d channels at %d Hz does not fit into FLAC", t.Codec, t.Channels, t.SampleRate)
	}
	pcm, err := newDecoder(t)
	if err != nil {
		return nil, err
	}
	return &flac{track: t, pcm: pcm}, nil
}

// encode appends one FLAC frame for a payload to dst. number is that of the first sample. A payload longer than a frame
// may be is cut.
func (e *flac) encode(dst, payload []byte, number int64) []byte {
	channels := e.track.Channels
	e.linear = e.pcm.Decode(e.linear[:0], payload)
	n := min(len(e.linear)/channels, flacMaxBlock)
	if n == 0 {
		return dst
	}
	start := len(dst)
	w := &e.w
	*w = bitWriter{buf: dst}
	w.write(0x3ffe<<2|1, 16)
	w.write(7, 4) // size-1 follows in 16 bits
	w.write(0, 4) // rate as in STREAMINFO
	w.write(uint64(channels-1), 4)
	w.write(4<<1, 4) // 16 bits a sample
	w.number(uint64(number) & (1<<36 - 1))
	w.write(uint64(n-1), 16)
	w.write(uint64(crc8(w.buf[start:])), 8)
	for c := range channels {
		e.samples = e.samples[:0]
		for i := range n {
			e.samples = append(e.samples, int32(e.linear[i*channels+c]))
		}
		e.subframe(w)
	}
	w.pad()
	crc := crc16(w.buf[start:])
	return append(w.buf, byte(crc>>8), byte(crc))
}

// subframe writes one channel in the cheapest way.
func (e *flac) subframe(w *bitWriter) {
	x := e.samples
	var sums [flacMaxOrder + 1]uint64
	for i := range x {
		for order := range sums {
			if i >= order {
				sums[order] += uint64(zigzag(residual(x, i, order)))
			}
		}
	}
	if constant(x) {
		w.write(0, 8)
		w.write(uint64(uint16(x[0])), 16)
		return
	}
	order, best, rice := -1, 16*len(x), 0
	for o, sum := range sums {
		if o >= len(x) {
			break
		}
		count := len(x) - o
		k := min(flacMaxRice, max(0, bits.Len64(sum/uint64(count))-1))
		size := 16*o + 10
		for i := o; i < len(x); i++ {
			size += int(zigzag(residual(x, i, o))>>k) + 1 + k
		}
		if size < best {
			order, best, rice = o, size, k
		}
	}
	if order < 0 {
		w.write(1<<1, 8) // verbatim
		for _, s := range x {
			w.write(uint64(uint16(s)), 16)
		}
		return
	}
	w.write(uint64(8|order)<<1, 8)
	for _, s := range x[:order] {
		w.write(uint64(uint16(s)), 16)
	}
	w.write(0, 6) // Rice codes with 4-bit parameter, one partition
	w.write(uint64(rice), 4)
	for i := order; i < len(x); i++ {
		u := zigzag(residual(x, i, order))
		for q := u >> rice; q > 0; {
			n := min(q, 32)
			w.write(0, uint(n))
			q -= n
		}
		w.write(1, 1)
		w.write(uint64(u)&(1<<rice-1), uint(rice))
	}
}

// residual is what the fixed predictor of an order misses at i (RFC 9639 §4.4.2).
func residual(x []int32, i, order int) int32 {
	switch order {
	case 0:
		return x[i]
	case 1:
		return x[i] - x[i-1]
	}
	return x[i] - 2*x[i-1] + x[i-2]
}

func zigzag(v int32) uint32 { return uint32(v<<1 ^ v>>31) }

func constant(x []int32) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// bitWriter appends bits, most significant first.
type bitWriter struct {
	buf  []byte
	acc  uint64
	held uint
}

// write appends the low n bits of v; n is at most 32 and the bits above must be zero.
func (w *bitWriter) write(v uint64, n uint) {
	w.acc = w.acc<<n | v
	w.held += n
	for w.held >= 8 {
		w.held -= 8
		w.buf = append(w.buf, byte(w.acc>>w.held))
	}
}

func (w *bitWriter) pad() {
	if w.held > 0 {
		w.write(0, 8-w.held)
	}
}

// number appends a coded number of up to 36 bits (RFC 9639 §9.1.5).
func (w *bitWriter) number(v uint64) {
	if v < 0x80 {
		w.write(v, 8)
		return
	}
	follow := uint(1)
	for ; v>>(6*follow) >= 1<<(6-follow); follow++ {
	}
	w.write((0xff00>>(follow+1))&0xff|v>>(6*follow), 8)
	for ; follow > 0; follow-- {
		w.write(0x80|v>>(6*(follow-1))&0x3f, 8)
	}
}

// crc8 is that of FLAC frame headers: polynomial 0x07, initial value 0.
func crc8(p []byte) (crc byte) {
	for _, b := range p {
		crc ^= b
		for range 8 {
			crc = crc<<1 ^ crc>>7*0x07
		}
	}
	return crc
}

// crc16 is that of FLAC frames: polynomial 0x8005, initial value 0.
func crc16(p []byte) (crc uint16) {
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			crc = crc<<1 ^ crc>>15*0x8005
		}
	}
	return crc
}
