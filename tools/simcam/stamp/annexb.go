package stamp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const maxNALU = 16 << 20

// NALUs calls f with each NAL unit of an Annex B byte stream in order, until the end or f's first error. The slice
// is valid during the call only. A NAL unit over 16 MiB is an error. Sections of MPEG-4 part 2 lie between the same codes.
func NALUs(r io.Reader, f func(nalu []byte) error) error {
	return units(r, splitAt([]byte{0, 0, 1}), f)
}

// JPEGs calls f with each picture of a row of JPEG files, without its end marker, likewise.
func JPEGs(r io.Reader, f func(picture []byte) error) error {
	return units(r, splitAt([]byte{0xff, 0xd9}), f)
}

func units(r io.Reader, split bufio.SplitFunc, f func([]byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<20), maxNALU)
	s.Split(split)
	for s.Scan() {
		n := bytes.TrimRight(s.Bytes(), "\x00") // trailing_zero_8bits
		if len(n) == 0 {
			continue
		}
		if err := f(n); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read byte stream: %w", err)
	}
	return nil
}

func splitAt(code []byte) bufio.SplitFunc {
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		if i := bytes.Index(data, code); i >= 0 {
			return i + len(code), data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	}
}

// Read returns the stamps of a raw stream (Annex B, MPEG-4 part 2, a row of JPEG files) in the order of the stream.
func Read(r io.Reader, c Codec) ([]Stamp, error) {
	var all []Stamp
	each := NALUs
	if c == MJPEG {
		each = JPEGs
	}
	err := each(r, func(n []byte) error {
		s, err := Parse(c, n)
		if errors.Is(err, ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	return all, err
}
