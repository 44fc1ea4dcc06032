package systemimage

import (
	"crypto/ed25519"
	"fmt"
	"io"
)

// HeadBytes is how much of an image's beginning says where its seal is.
const HeadBytes = 96

// MaxParts bounds what OpenParts needs to be given.
const MaxParts = HeadBytes + header + maxManifest + signature + Block

// OpenParts opens an image of which only two parts have come: its first HeadBytes, and behind them its seal, from where it
// begins to the end of the file. So an update is judged before it is sent. The image that is returned can verify what comes; it
// has nothing to read itself.
func OpenParts(b []byte, trusted []ed25519.PublicKey) (*Image, error) {
	if len(b) <= HeadBytes || len(b) > MaxParts {
		return nil, ErrNotImage
	}
	p := &parts{head: b[:HeadBytes], seal: b[HeadBytes:]}
	start, err := sealAt(p)
	if err != nil {
		return nil, err
	}
	p.at = start
	i, err := Open(p, start+int64(len(p.seal)), trusted)
	if err == nil && i.size != start+int64(len(p.seal)) {
		return nil, ErrDamaged
	}
	return i, err
}

// ReadParts reads of a file of the given size what OpenParts needs.
func ReadParts(r io.ReaderAt, size int64) ([]byte, error) {
	start, err := sealAt(r)
	if err != nil {
		return nil, err
	}
	if start >= size || size-start > MaxParts-HeadBytes {
		return nil, ErrNotImage
	}
	b := make([]byte, HeadBytes+size-start)
	if _, err := r.ReadAt(b[:HeadBytes], 0); err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	if n, err := r.ReadAt(b[HeadBytes:], start); int64(n) < size-start {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	return b, nil
}

// parts is a file of which the middle is missing.
type parts struct {
	head, seal []byte
	at         int64 // of the seal
}

func (p *parts) ReadAt(b []byte, off int64) (int, error) {
	from := p.head
	if off >= p.at && p.at > 0 {
		from, off = p.seal, off-p.at
	}
	if off < 0 || off >= int64(len(from)) {
		return 0, io.EOF
	}
	n := copy(b, from[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
