// Package packet is the NTP packet: its header to and from bytes, and whether what follows it is in order.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+---+-----+-----+---------------+---------------+---------------+
//	| L | Ver | Mode|    Stratum    |     Poll      |   Precision   |  0
//	+---+-----+-----+---------------+---------------+---------------+
//	|                 Root delay, seconds, 16.16                    |  4
//	|               Root dispersion, seconds, 16.16                 |  8
//	|                       Reference id                            | 12
//	|       Reference time, seconds since 1900 mod 2^32, 32.32      | 16
//	|                        Origin time                            | 24
//	|                       Receive time                            | 32
//	|                       Transmit time                           | 40
//	+---------------------------------------------------------------+
//	|    extension fields (version 4), message authentication code  | 48
//
// Specification: RFC 5905, sections 6 and 7; RFC 7822 (extension fields). Everything here is data: no state, no clock.
package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Size is that of the header, in bytes.
const Size = 48

// The modes that this service has to do with.
const (
	ModeClient = 3
	ModeServer = 4
)

// Leap says what the last minute of the month will be like.
type Leap uint8

// The leaps.
const (
	LeapNone Leap = iota
	LeapAdd
	LeapDelete
	LeapUnsynchronised
)

// Packet is a header.
type Packet struct {
	Leap            Leap
	Version, Mode   uint8
	Stratum         uint8
	Poll, Precision int8 // log2 of seconds
	RootDelay       Short
	RootDispersion  Short
	ReferenceID     [4]byte
	Reference       Timestamp
	Origin          Timestamp
	Receive         Timestamp
	Transmit        Timestamp
}

var errShort = errors.New("shorter than a header")

// Parse reads a header, and refuses a packet in which what follows it is neither extension fields nor a code.
func Parse(b []byte) (Packet, error) {
	if len(b) < Size {
		return Packet{}, errShort
	}
	be := binary.BigEndian
	p := Packet{
		Leap: Leap(b[0] >> 6), Version: b[0] >> 3 & 7, Mode: b[0] & 7,
		Stratum: b[1], Poll: int8(b[2]), Precision: int8(b[3]),
		RootDelay: Short(be.Uint32(b[4:])), RootDispersion: Short(be.Uint32(b[8:])), ReferenceID: [4]byte(b[12:16]),
		Reference: Timestamp(be.Uint64(b[16:])), Origin: Timestamp(be.Uint64(b[24:])),
		Receive: Timestamp(be.Uint64(b[32:])), Transmit: Timestamp(be.Uint64(b[40:])),
	}
	return p, trailer(b[Size:], p.Version)
}

// longestCode is the longest message authentication code: a key's number and a SHA-1.
const longestCode = 4 + 20

// trailer checks what follows the header.
func trailer(b []byte, version uint8) error {
	for version >= 4 && len(b) > longestCode {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 16 || n%4 != 0 || n > len(b) {
			return fmt.Errorf("an extension field of %d bytes where there are %d", n, len(b))
		}
		b = b[n:]
	}
	switch len(b) {
	case 0, 4, 12, 20, longestCode: // none; crypto-NAK; DES, MD5 and SHA-1 with the key's number
		return nil
	}
	return fmt.Errorf("%d bytes that are no authentication code", len(b))
}

// Append adds the header's bytes to b.
func (p Packet) Append(b []byte) []byte {
	be := binary.BigEndian
	b = append(b, byte(p.Leap)<<6|p.Version&7<<3|p.Mode&7, p.Stratum, byte(p.Poll), byte(p.Precision))
	b = be.AppendUint32(b, uint32(p.RootDelay))
	b = be.AppendUint32(b, uint32(p.RootDispersion))
	b = append(b, p.ReferenceID[:]...)
	for _, t := range [...]Timestamp{p.Reference, p.Origin, p.Receive, p.Transmit} {
		b = be.AppendUint64(b, uint64(t))
	}
	return b
}

// Short is a span in seconds, 16.16.
type Short uint32

// ShortOf rounds up, so that an error that is told is never less than it is; what does not fit becomes the most.
func ShortOf(d time.Duration) Short {
	if d <= 0 {
		return 0
	}
	if d >= 1<<16*time.Second {
		return math.MaxUint32
	}
	s, ns := uint64(d/time.Second), uint64(d%time.Second)
	v := s<<16 + (ns<<16+uint64(time.Second)-1)/uint64(time.Second)
	return Short(min(v, math.MaxUint32))
}

// Duration is the span.
func (s Short) Duration() time.Duration {
	return time.Duration(s>>16)*time.Second + time.Duration(uint64(s&0xffff)*uint64(time.Second)>>16)
}

// Timestamp is an instant, in seconds since 1900, 32.32. It begins anew every 136 years, next in 2036.
type Timestamp uint64

// unix1970 is the Unix epoch as seconds since 1900.
const unix1970 = 2_208_988_800

// TimestampOf is an instant's.
func TimestampOf(t time.Time) Timestamp {
	if t.IsZero() {
		return 0
	}
	s := uint64(uint32(t.Unix() + unix1970))
	return Timestamp(s<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second))
}

// Near is the instant that is nearest to another one: of the many that a Timestamp may mean, within 68 years.
func (t Timestamp) Near(other time.Time) time.Time {
	d := int64(t - TimestampOf(other))
	s, frac := d>>32, uint64(uint32(d))
	return other.Add(time.Duration(s)*time.Second + time.Duration(frac*uint64(time.Second)>>32))
}
