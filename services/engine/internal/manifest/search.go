package manifest

import "fmt"

// bloomBits is the size of the sieve that keeps most positions of a search from being looked up.
const bloomBits = 1 << 20

// sieve prepares to search: it files all seconds by their heads.
func (c *checker) sieve() {
	c.heads, c.bloom = map[uint32][]int{}, make([]uint64, bloomBits/64)
	for i := range c.m.Seconds {
		if s := &c.m.Seconds[i]; s.Bytes >= headLength {
			c.heads[s.Head] = append(c.heads[s.Head], i)
			k := sieveKey(s.Head)
			c.bloom[k/64] |= 1 << (k % 64)
		}
	}
}

func sieveKey(head uint32) uint32 { return (head ^ head>>13) % bloomBits }

// search finds the first place at or after pos at which some second begins. Of several that begin there alike the one
// whose content is there counts.
func (c *checker) search(pos int64) (second int, at int64, ok bool) {
	if c.heads == nil {
		c.sieve()
	}
	const block = 1 << 20
	buf := make([]byte, block+headLength)
	for ; pos+headLength <= c.size && c.err == nil; pos += block {
		if c.err = c.ctx.Err(); c.err != nil {
			break
		}
		b := buf[:min(int64(len(buf)), c.size-pos)]
		if err := readFull(c.r, b, pos); err != nil {
			c.err = fmt.Errorf("read at byte %d: %w", pos, err)
			break
		}
		h := head(b)
		sum, weighted := h&0xffff, h>>16
		for k := 0; ; k++ {
			h = weighted<<16 | sum&0xffff
			if key := sieveKey(h); c.bloom[key/64]&(1<<(key%64)) != 0 {
				for _, i := range c.heads[h] {
					if c.at(pos+int64(k), i) {
						return i, pos + int64(k), true
					}
					// A file can be made so that every place looks like a beginning.
					if c.wasted += c.m.Seconds[i].Bytes; c.wasted > 4*c.size+1<<28 {
						return 0, 0, false
					}
				}
			}
			if k == block-1 || k+headLength >= len(b) {
				break
			}
			// The window goes on by one byte: one leaves, each of the others weighs one more, one comes.
			sum += uint32(b[k+headLength]) - uint32(b[k])
			weighted += sum&0xffff - headLength*uint32(b[k])
			weighted &= 0xffff
		}
	}
	return 0, 0, false
}
