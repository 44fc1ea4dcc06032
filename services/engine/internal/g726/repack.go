package g726

// Repack turns codes packed as RFC 3551 §4.5.4 has them (the first in the lowest bits) into the other order, or back, in
// a new buffer. A rest that makes no whole group of codes (3 or 5 bytes at 24 and 40 kbit/s, else 1) is left out.
func Repack(packed []byte, codeBits int) []byte {
	group := codeBits // bytes that hold 8 codes
	if codeBits == 2 || codeBits == 4 {
		group = 1
	}
	codes := group * 8 / codeBits
	out := make([]byte, 0, len(packed))
	for ; len(packed) >= group; packed = packed[group:] {
		var in, turned uint64
		for i, c := range packed[:group] {
			in |= uint64(c) << (8 * i)
		}
		for range codes {
			turned = turned<<codeBits | in&(1<<codeBits-1)
			in >>= codeBits
		}
		for i := group - 1; i >= 0; i-- {
			out = append(out, byte(turned>>(8*i)))
		}
	}
	return out
}
