package mpeg4

import "math/bits"

// Clock reads at which times pictures are shown, as they say themselves (§6.3.5): seconds since a reference or a group's
// time code, and a part of one. Where it begins is arbitrary; only differences mean something. Every picture has to pass
// by it, in order of the stream. The zero value knows no time.
type Clock struct {
	resolution int   // parts of a second; 0: unknown
	seconds    int64 // up to the newest reference
	before     int64 // up to the one before, from which B-VOPs count
}

// Time returns when the first picture in b, behind headers or not, is shown, in units of 1/hz s.
func (c *Clock) Time(b []byte, hz int64) (t int64, ok bool) {
	sections(b, func(code byte, s []byte) bool {
		switch {
		case code >= 0x20 && code < 0x30:
			if v, err := parseVOL(s[4:]); err == nil {
				c.resolution = v.resolution
			}
		case code == 0xb3: // group of VOPs, §6.2.4
			r := reader{b: s[4:]}
			seconds := r.read(5)*3600 + r.read(6)*60
			r.skip(1)
			if seconds += r.read(6); !r.short {
				c.seconds = int64(seconds)
			}
		case code == 0xb6:
			t, ok = c.picture(s[4:], hz)
			return false
		}
		return true
	})
	return t, ok
}

// maxSeconds bounds the time from one reference to the next; more is nonsense.
const maxSeconds = 60

// picture reads the beginning of a VOP (§6.2.5).
func (c *Clock) picture(b []byte, hz int64) (t int64, ok bool) {
	r := reader{b: b}
	kind := r.read(2)
	n := int64(0)
	for r.read(1) == 1 { // modulo_time_base
		if n++; n > maxSeconds {
			return 0, false
		}
	}
	r.skip(1)
	part := r.read(incrementBits(c.resolution))
	if r.short || c.resolution == 0 {
		return 0, false
	}
	if kind == 2 {
		return (c.before+n)*hz + int64(part)*hz/int64(c.resolution), true
	}
	c.before = c.seconds
	c.seconds += n
	return c.seconds*hz + int64(part)*hz/int64(c.resolution), true
}

// incrementBits is the length of a vop_time_increment.
func incrementBits(resolution int) int { return max(1, bits.Len(uint(max(1, resolution)-1))) }
