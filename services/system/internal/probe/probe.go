// Package probe tells what is on a disk from its bytes alone: partition tables, file systems, members of arrays and
// pools. It reads, and never writes, through an io.ReaderAt, so that a bad disk costs its caller a goroutine and
// nothing else.
//
// Two mistakes are not the same: to take a disk with content for a blank one loses data, to take a blank one for one
// with content costs a click. So Blank is true only when nothing is recognised and the first and the last MiB hold
// nothing but zeros; and a read error is returned, never taken for zeros.
//
// Everything here is data; what is read is foreign and any of it may be nonsense. Offsets and sizes are in bytes.
package probe

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Content is one thing that was recognised.
type Content struct {
	Kind  string // "xfs", "ext4", "gpt", "md", …: for programs
	Name  string // "XFS file system": for people
	Label string // printable; empty when there is none
	UUID  string // lower case with hyphens, or as the format has it; empty when there is none
}

// Part is one partition.
type Part struct {
	Number      int
	Start, Size int64
	Contents    []Content
	Member      *Member // of an array, where the partition is one
}

// Result is what a disk holds.
type Result struct {
	Contents []Content // on the disk itself, partition tables included
	Parts    []Part
	Blank    bool
	Member   *Member // of an array, where the whole disk is one
}

// maxParts bounds the partitions looked at.
const maxParts = 128

// Probe reads a disk of the given size.
func Probe(r io.ReaderAt, size int64) (Result, error) {
	d := &disk{r: r, size: size}
	var res Result
	res.Contents, res.Member = d.superblocks(), d.member
	table, parts := d.partitions(res.Contents)
	res.Contents = append(table, res.Contents...)
	for _, p := range parts {
		section := &disk{r: io.NewSectionReader(r, p.Start, p.Size), size: p.Size}
		p.Contents, p.Member = section.superblocks(), section.member
		if section.err != nil && d.err == nil {
			d.err = fmt.Errorf("partition %d: %w", p.Number, section.err)
		}
		res.Parts = append(res.Parts, p)
	}
	if d.err == nil && len(res.Contents) == 0 {
		res.Blank = d.zero()
	}
	return res, d.err
}

// Find returns the first content of a kind, and the partition it is on (nil: the disk itself).
func (r Result) Find(match func(Content) bool) (c Content, p *Part, ok bool) {
	for _, c := range r.Contents {
		if match(c) {
			return c, nil, true
		}
	}
	for i := range r.Parts {
		for _, c := range r.Parts[i].Contents {
			if match(c) {
				return c, &r.Parts[i], true
			}
		}
	}
	return Content{}, nil, false
}

// Members returns the members of arrays on the disk: itself, or its partitions.
func (r Result) Members() []*Member {
	var all []*Member
	if r.Member != nil {
		all = append(all, r.Member)
	}
	for i := range r.Parts {
		if r.Parts[i].Member != nil {
			all = append(all, r.Parts[i].Member)
		}
	}
	return all
}

// disk reads windows and keeps the first error.
type disk struct {
	r      io.ReaderAt
	size   int64
	err    error
	member *Member // set by what recognises one
}

// at returns n bytes at off, or nil where the disk does not reach or cannot be read.
func (d *disk) at(off int64, n int) []byte {
	if off < 0 || off > d.size-int64(n) {
		return nil
	}
	b := make([]byte, n)
	if got, err := d.r.ReadAt(b, off); got < n {
		if d.err == nil {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			d.err = fmt.Errorf("read at %d: %w", off, err)
		}
		return nil
	}
	return b
}

const mib = 1 << 20

// zero tells whether the first and the last MiB are all zeros.
func (d *disk) zero() bool {
	if d.size <= 0 {
		return false
	}
	for _, start := range []int64{0, max(0, d.size-mib)} {
		const step = 64 << 10
		for off := start; off < min(start+mib, d.size); off += step {
			b := d.at(off, int(min(step, d.size-off)))
			if b == nil {
				return false
			}
			for _, v := range b {
				if v != 0 {
					return false
				}
			}
		}
	}
	return true
}

// text makes a label printable: up to the first NUL, without padding, without what would upset a terminal.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// uuid formats 16 bytes in RFC 9562 order; all zeros are no UUID.
func uuid(b []byte) string {
	for _, v := range b {
		if v != 0 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
		}
	}
	return ""
}
