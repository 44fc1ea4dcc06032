package manifest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// Kind is what was done to a part of a file.
type Kind string

// The kinds. Of Inserted, Repeated and the two that are no footage FromMs and ToMs are where it is seen.
const (
	Changed   Kind = "changed"   // the same length, other content
	Replaced  Kind = "replaced"  // by something of another length
	CutOut    Kind = "cut"       // not there
	Truncated Kind = "truncated" // not there, nor anything behind
	Moved     Kind = "moved"     // elsewhere in the file
	Repeated  Kind = "repeated"  // footage that stands in the file once more
	Inserted  Kind = "inserted"  // bytes that are not of this export
	Header    Kind = "header"    // the bytes before the footage are others
	Trailer   Kind = "trailer"   // the bytes behind it are
)

// Finding is a stretch of footage and what was done to it. Times are ms since the Unix epoch, UTC.
type Finding struct {
	Kind   Kind
	FromMs int64
	ToMs   int64
	Bytes  int64 // that do not belong there, of Inserted and Replaced
}

// state is what has become of a second.
type state byte

const (
	unseen state = iota
	whole
	moved
	changed
	replaced
	cut
	truncated
)

var kinds = map[state]Kind{moved: Moved, changed: Changed, replaced: Replaced, cut: CutOut, truncated: Truncated}

// checker walks a file.
type checker struct {
	ctx      context.Context
	r        io.ReaderAt
	size     int64
	m        *Manifest
	buf      []byte
	heads    map[uint32][]int // seconds by their heads; nil: not needed yet
	bloom    []uint64
	states   []state
	foreign  map[int]int64 // bytes that stand in place of a run of replaced seconds, by its first
	wasted   int64         // bytes that were hashed for a head that was like another's
	findings []Finding
	err      error
}

// Check holds a file against its manifest, whose signature Read has checked, and returns what was done to it; nothing:
// it is as it was exported. size is the body's: without the manifest that the file ends with, if it does.
func Check(ctx context.Context, r io.ReaderAt, size int64, m *Manifest) ([]Finding, error) {
	c := &checker{ctx: ctx, r: r, size: size, m: m, buf: make([]byte, 1<<20), states: make([]state, len(m.Seconds)), foreign: map[int]int64{}}
	c.back(c.seconds(c.front()))
	c.collect()
	return c.findings, c.err
}

// front checks the part before the footage and returns where that begins.
func (c *checker) front() int64 {
	if c.is(0, c.m.Front) {
		return c.m.Front.Bytes
	}
	c.find(Header, 0, 0, 0)
	first := c.skip(0)
	if first == len(c.m.Seconds) || c.at(c.m.Front.Bytes, first) {
		return c.m.Front.Bytes
	}
	if j, p, ok := c.search(0); ok {
		c.pass(first, j, 0)
		return p
	}
	return min(c.m.Front.Bytes, c.size)
}

// skip returns the next second that has bytes and is still to come.
func (c *checker) skip(i int) int {
	for i < len(c.m.Seconds) && (c.m.Seconds[i].Bytes == 0 || c.states[i] == moved || c.states[i] == cut) {
		if c.m.Seconds[i].Bytes == 0 {
			c.states[i] = whole
		}
		i++
	}
	return i
}

// seconds walks the footage from pos on and returns where it ends.
func (c *checker) seconds(pos int64) int64 {
	n := len(c.m.Seconds)
	for next := c.skip(0); c.err == nil; next = c.skip(next) {
		if c.at(pos, next) {
			if next == n {
				break
			}
			c.states[next] = whole
			pos += c.m.Seconds[next].Bytes
			next++
			continue
		}
		j, p, ok := c.search(pos)
		if !ok {
			if next < n {
				return c.rest(next, pos)
			}
			break
		}
		limit := n
		if j < next {
			limit = next
		}
		end, after := c.run(p, j, limit)
		switch {
		// Out of order, and it is less that has moved than what it has been moved before.
		case j < next, after-j <= j-next && c.at(end, next):
			if p > pos {
				c.find(Inserted, next, next, p-pos)
			}
			c.misplaced(j, after)
			pos = end
		case j == next:
			c.find(Inserted, next, next, p-pos)
			pos = p
		default:
			c.pass(next, j, p-pos)
			pos, next = p, j
		}
	}
	return pos
}

// misplaced notes that seconds j to after stand where others should.
func (c *checker) misplaced(j, after int) {
	for k := j; k < after; k++ {
		switch c.states[k] {
		case whole, moved:
			if c.m.Seconds[k].Bytes > 0 {
				c.find(Repeated, k, k+1, 0)
			}
		default:
			c.states[k] = moved
		}
	}
}

// pass notes that seconds from to to are not there, but so many other bytes.
func (c *checker) pass(from, to int, foreign int64) {
	missing := int64(0)
	for k := from; k < to; k++ {
		missing += c.m.Seconds[k].Bytes
	}
	s := replaced
	switch foreign {
	case 0:
		s = cut
	case missing:
		s = changed
	default:
		c.foreign[from] = foreign
	}
	c.mark(from, to, s)
}

func (c *checker) mark(from, to int, s state) {
	for k := from; k < to; k++ {
		if c.states[k] != moved && c.m.Seconds[k].Bytes > 0 {
			c.states[k] = s
		}
	}
}

// rest deals with a file in which no second is found any more from pos on.
func (c *checker) rest(next int, pos int64) int64 {
	n := len(c.m.Seconds)
	if end := c.size - c.m.Back.Bytes; end >= pos && c.m.Back.Bytes > 0 && c.is(end, c.m.Back) {
		c.pass(next, n, end-pos)
		return end
	}
	missing := int64(0)
	for _, s := range c.m.Seconds[next:] {
		missing += s.Bytes
	}
	left := c.size - pos
	switch {
	case left == missing+c.m.Back.Bytes:
		c.mark(next, n, changed)
		return pos + missing
	case left < missing+c.m.Back.Bytes:
		// What is left of a second that was cut short is not told from something else; longer than that, it is.
		if first := next; left >= c.m.Seconds[first].Bytes {
			for ; next < n && left >= c.m.Seconds[next].Bytes; next = c.skip(next + 1) {
				left -= c.m.Seconds[next].Bytes
			}
			c.mark(first, next, changed)
		}
		c.mark(next, n, truncated)
		return c.size
	}
	c.pass(next, n, left)
	return c.size
}

// back checks what follows the footage.
func (c *checker) back(pos int64) {
	left := c.size - pos
	switch {
	case c.err != nil || left == c.m.Back.Bytes && c.is(pos, c.m.Back):
	case left > c.m.Back.Bytes && c.is(c.size-c.m.Back.Bytes, c.m.Back):
		c.find(Inserted, len(c.m.Seconds), len(c.m.Seconds), left-c.m.Back.Bytes)
	case left < c.m.Back.Bytes:
		if n := len(c.states); n == 0 || c.states[n-1] != truncated {
			c.find(Truncated, n, n, 0)
		}
	default:
		c.find(Trailer, len(c.m.Seconds), len(c.m.Seconds), 0)
	}
}

// find adds a finding about seconds from to to, or one that lies before the second from.
func (c *checker) find(kind Kind, from, to int, bytes int64) {
	f := Finding{kind, c.ms(from), c.ms(to), bytes}
	if n := len(c.findings); n > 0 && kind == Repeated && c.findings[n-1].Kind == Repeated && c.findings[n-1].ToMs == f.FromMs {
		c.findings[n-1].ToMs = f.ToMs
		return
	}
	c.findings = append(c.findings, f)
}

// ms is the instant at which a second begins.
func (c *checker) ms(i int) int64 { return min(c.m.File.StartMs+int64(i)*1000, c.m.File.EndMs) }

// collect turns the states into findings.
func (c *checker) collect() {
	for i := 0; i < len(c.states); {
		to := i + 1
		for to < len(c.states) && (c.states[to] == c.states[i] && c.foreign[to] == 0 || c.m.Seconds[to].Bytes == 0) {
			to++
		}
		if kind, bad := kinds[c.states[i]]; bad {
			c.findings = append(c.findings, Finding{kind, c.ms(i), c.ms(to), c.foreign[i]})
		}
		i = to
	}
}

// run returns how far seconds from j on, and before limit, follow one another from p on, and the second after them.
func (c *checker) run(p int64, j, limit int) (end int64, after int) {
	for p += c.m.Seconds[j].Bytes; ; p += c.m.Seconds[j].Bytes {
		for j++; j < limit && c.m.Seconds[j].Bytes == 0; j++ {
		}
		if j >= limit || !c.at(p, j) {
			return p, j
		}
	}
}

// at tells whether a second's bytes are at pos.
func (c *checker) at(pos int64, i int) bool {
	if i == len(c.m.Seconds) {
		return c.is(pos, c.m.Back)
	}
	return c.is(pos, Part{c.m.Seconds[i].Bytes, c.m.Seconds[i].Sum})
}

// is tells whether a part is at pos.
func (c *checker) is(pos int64, p Part) bool {
	if c.err != nil || pos < 0 || p.Bytes > c.size-pos {
		return false
	}
	sum := sha256.New()
	for end := pos + p.Bytes; pos < end; {
		if c.err = c.ctx.Err(); c.err != nil {
			return false
		}
		b := c.buf[:min(int64(len(c.buf)), end-pos)]
		if err := readFull(c.r, b, pos); err != nil {
			c.err = fmt.Errorf("read at byte %d: %w", pos, err)
			return false
		}
		sum.Write(b)
		pos += int64(len(b))
	}
	var d Digest
	sum.Sum(d[:0])
	return d == p.Sum
}
