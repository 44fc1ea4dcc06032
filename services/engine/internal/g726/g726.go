// Package g726 decodes ITU-T G.726 (12/90), adaptive differential pulse code modulation at 16, 24, 32 and 40 kbit/s, and
// repacks its codes.
//
// Each sample is a code of 2 to 5 bits: sign and magnitude of the difference between the sample and what a predictor of
// two poles and six zeros expects, in steps of an adaptive size, all of which the decoder follows along. Names in the code
// are those of the Recommendation; numbers are fixed-point as there, "float" its 4-bit exponent and 6-bit mantissa.
//
// Codes are packed with the first one in the highest bits of a byte (as AAL2 and RIFF have them; RFC 3551's own packing
// is the other way round, see Repack).
//
// A Decoder belongs to one goroutine. It never fails: every string of bits is a signal.
package g726

import "math/bits"

// table is the quantizer of one rate. Entries are for codes without sign; those with the sign set mirror them.
type table struct {
	dqln []int // log of the quantized difference (tables 5 to 8)
	wi   []int // scale factor multiplier W(I) (§2.5), in 1/16
	fi   []int // F(I) for the speed of adaptation (§2.6)
}

const zero = -2048 // dqln of a difference of 0

var tables = map[int]table{
	2: {[]int{116, 365}, []int{-22, 439}, []int{0, 7}},
	3: {[]int{zero, 135, 273, 373}, []int{-4, 30, 137, 582}, []int{0, 1, 2, 7}},
	4: {[]int{zero, 4, 135, 213, 273, 323, 373, 425}, []int{-12, 18, 41, 64, 112, 198, 355, 1122}, []int{0, 0, 0, 1, 1, 1, 3, 7}},
	5: {[]int{zero, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566},
		[]int{14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529, 696},
		[]int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6}},
}

// Decoder turns codes into samples.
type Decoder struct {
	bits uint
	leak uint // pace at which the zeros' coefficients are forgotten
	table

	yl, yu   int    // locked and unlocked scale factor
	dms, dml int    // short and long term average of F(I)
	ap       int    // speed control
	a        [2]int // coefficients of the poles
	b        [6]int // coefficients of the zeros
	pk       [2]int // signs of the last partial signals
	dq       [6]int // last quantized differences, floats
	sr       [2]int // last reconstructed signals, floats
	td       bool   // a tone is heard
}

// NewDecoder returns a decoder of codes of 2, 3, 4 or 5 bits; nil for others.
func NewDecoder(codeBits int) *Decoder {
	t, ok := tables[codeBits]
	if !ok {
		return nil
	}
	d := &Decoder{bits: uint(codeBits), leak: 8, table: t, yl: 34816, yu: 544}
	if codeBits == 5 {
		d.leak = 9
	}
	for i := range d.dq {
		d.dq[i] = 32
	}
	d.sr = [2]int{32, 32}
	return d
}

// Decode appends the samples of packed codes to dst. Bits that make no whole code at the end are left out.
func (d *Decoder) Decode(dst []int16, packed []byte) []int16 {
	acc, held := uint(0), uint(0)
	for _, c := range packed {
		acc, held = acc<<8|uint(c), held+8
		for held >= d.bits {
			held -= d.bits
			dst = append(dst, d.sample(int(acc>>held)&(1<<d.bits-1)))
		}
		acc &= 1<<held - 1
	}
	return dst
}

// sample decodes one code (§3).
func (d *Decoder) sample(code int) int16 {
	half := 1 << (d.bits - 1)
	negative := code >= half
	if negative {
		code = 2*half - 1 - code
	}
	zeros := 0
	for i := range d.b {
		zeros += multiply(d.b[i]>>2, d.dq[i])
	}
	poles := multiply(d.a[1]>>2, d.sr[1]) + multiply(d.a[0]>>2, d.sr[0])
	sez, se := zeros>>1, (zeros+poles)>>1

	y := d.step()
	dq := 0 // magnitude of the difference
	if dql := d.dqln[code] + y>>2; dql >= 0 {
		dq = (128 + dql&127) << 7 >> (14 - dql>>7&15)
	}
	difference := dq
	if negative {
		difference = -dq
	}
	sr := int(int16(se + difference)) // sums are of 16 bits, and what encoders never make may pass them
	d.adapt(y, code, dq, negative, sr, int(int16(sez+difference)))
	return int16(max(-1<<15, min(1<<15-1, sr<<2)))
}

// step mixes the scale factors (§2.5).
func (d *Decoder) step() int {
	if d.ap >= 256 {
		return d.yu
	}
	y := d.yl >> 6
	switch diff, al := d.yu-y, d.ap>>2; {
	case diff > 0:
		y += diff * al >> 6
	case diff < 0:
		y += (diff*al + 63) >> 6
	}
	return y
}

// adapt follows the signal: dq is the difference's magnitude, sr the signal, dqsez the signal less the poles' part.
func (d *Decoder) adapt(y, code, dq int, negative bool, sr, dqsez int) {
	tr := d.td && dq > d.threshold() // a tone has ended (§2.8)

	d.yu = max(544, min(5120, y+(d.wi[code]*32-y)>>5))
	d.yl += d.yu + -d.yl>>6

	pk0 := 0
	if dqsez < 0 {
		pk0 = 1
	}
	if tr {
		d.a, d.b = [2]int{}, [6]int{}
	} else {
		d.adaptPoles(pk0, dqsez)
		d.adaptZeros(dq, negative)
	}
	copy(d.dq[1:], d.dq[:])
	d.dq[0] = float(dq, negative)
	d.sr[1] = d.sr[0]
	d.sr[0] = float(min(abs(sr), 1<<15-1), sr < 0)
	d.pk = [2]int{pk0, d.pk[0]}
	d.td = !tr && d.a[1] < -11776

	fi := d.fi[code] << 9
	d.dms += (fi - d.dms) >> 5
	d.dml += (fi<<2 - d.dml) >> 7
	switch {
	case tr:
		d.ap = 256
	case y < 1536, d.td, abs(d.dms<<2-d.dml) >= d.dml>>3:
		d.ap += (512 - d.ap) >> 4
	default:
		d.ap += -d.ap >> 4
	}
}

// threshold is how large a difference must be to end a tone.
func (d *Decoder) threshold() int {
	whole, fraction := d.yl>>15, d.yl>>10&31
	t := 31 << 10
	if whole <= 9 {
		t = (32 + fraction) << whole
	}
	return (t + t>>1) >> 1
}

// adaptPoles moves the coefficients of the poles against the gradient and keeps them stable (§2.7).
func (d *Decoder) adaptPoles(pk0, dqsez int) {
	a2 := d.a[1] - d.a[1]>>7
	same := pk0 == d.pk[0]
	if dqsez != 0 {
		fa := d.a[0]
		if same {
			fa = -fa
		}
		switch {
		case fa < -8191:
			a2 -= 256
		case fa > 8191:
			a2 += 255
		default:
			a2 += fa >> 5
		}
		step := 128
		if pk0 != d.pk[1] {
			step = -128
		}
		a2 = max(-12288, min(12288, a2+step))
	}
	d.a[1] = a2
	a1 := d.a[0] - d.a[0]>>8
	if dqsez != 0 {
		if same {
			a1 += 192
		} else {
			a1 -= 192
		}
	}
	limit := 15360 - a2
	d.a[0] = max(-limit, min(limit, a1))
}

func (d *Decoder) adaptZeros(dq int, negative bool) {
	for i := range d.b {
		d.b[i] -= d.b[i] >> d.leak
		switch {
		case dq == 0:
		case negative == (d.dq[i] < 0):
			d.b[i] += 128
		default:
			d.b[i] -= 128
		}
	}
}

// float makes exponent and mantissa of a magnitude; the sign makes it negative by 1024.
func float(magnitude int, negative bool) int {
	f := 32
	if magnitude > 0 {
		e := bits.Len(uint(magnitude))
		f = e<<6 + magnitude<<6>>e
	}
	if negative {
		f -= 1024
	}
	return f
}

// multiply multiplies a coefficient by a float (§4.2.6, FMULT).
func multiply(an, srn int) int {
	magnitude := an
	if an <= 0 {
		magnitude = -an & 0x1fff
	}
	exponent, mantissa := bits.Len(uint(magnitude))-6, 32
	switch {
	case magnitude == 0:
	case exponent >= 0:
		mantissa = magnitude >> exponent
	default:
		mantissa = magnitude << -exponent
	}
	e := exponent + srn>>6&15 - 13
	m := (mantissa*(srn&63) + 48) >> 4
	if e >= 0 {
		m = m << e & 0x7fff
	} else {
		m >>= -e
	}
	if (an < 0) != (srn < 0) {
		return -m
	}
	return m
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
