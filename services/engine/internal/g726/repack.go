package g726

// Repack turns codes packed as RFC 3551 §4.5.4 has them (the first in the lowest bits) into the other order, in a new
// buffer. A rest that makes no whole group of codes (3 or 5 bytes at 24 and 40 kbit/s, else 1) is left out.
func Repack(packed []byte, codeBits int) []byte {
	return regroup(packed, codeBits, func(i, _ int) int { return i }, func(i, group int) int { return group - 1 - i })
}

// Unpack is the way back of Repack.
func Unpack(packed []byte, codeBits int) []byte {
	return regroup(packed, codeBits, func(i, group int) int { return group - 1 - i }, func(i, _ int) int { return i })
}

// regroup turns the order of the codes in each group round. in and out give the place in a number, counted from its lowest
// byte, of each byte of a group.
func regroup(packed []byte, codeBits int, in, out func(i, group int) int) []byte {
	group := codeBits // bytes that hold 8 codes
	if codeBits == 2 || codeBits == 4 {
		group = 1
	}
	codes := group * 8 / codeBits
	b := make([]byte, 0, len(packed))
	for ; len(packed) >= group; packed = packed[group:] {
		var number, turned uint64
		for i, c := range packed[:group] {
			number |= uint64(c) << (8 * in(i, group))
		}
		for range codes {
			turned = turned<<codeBits | number&(1<<codeBits-1)
			number >>= codeBits
		}
		for i := range group {
			b = append(b, byte(turned>>(8*out(i, group))))
		}
	}
	return b
}
