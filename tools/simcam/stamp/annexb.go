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
// is valid during the call only. A NAL unit over 16 MiB is an error.
func NALUs(r io.Reader, f func(nalu []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<20), maxNALU)
	s.Split(splitNALU)
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

func splitNALU(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.Index(data, []byte{0, 0, 1}); i >= 0 {
		return i + 3, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// Read returns the stamps of an Annex B byte stream in the order of the stream.
func Read(r io.Reader, c Codec) ([]Stamp, error) {
	var all []Stamp
	err := NALUs(r, func(n []byte) error {
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
