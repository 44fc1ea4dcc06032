// Package systemimage is the form of system.img, one version of Vigie as one file: a squashfs that GRUB reads, and
// behind it a seal, which says what it is and who vouches for it. Slots of a system disk, the ISO's payload and update
// bundles are these bytes.
//
//	offset  size
//	     0     s  squashfs 4.0, of which bytes 40 to 47 (little-endian) are its length s before padding
//	     p        p = s rounded up to a multiple of 4096: the seal
//	   p+0     8  magic "VIGIESYS"
//	   p+8     4  version of the seal, 1                         (big-endian, as all of the seal)
//	  p+12     4  length n of the manifest, 65,536 at most
//	  p+16     n  manifest: JSON, of which the hash covers bytes 0 to p-1 of the file
//	p+16+n    64  Ed25519 signature (RFC 8032) of "vigie system image 1\n" and the manifest
//	              zeros up to a multiple of 4096
//
// Open believes nothing before the signature: it reads two numbers, and has the manifest's bytes checked before they are
// parsed. What it returns is vouched for; the squashfs itself only once Copy or Verify has hashed it to the end.
//
// Everything here is data, and an Image may be used from many goroutines.
package systemimage

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	magic     = "VIGIESYS"
	version   = 1
	context   = "vigie system image 1\n"
	header    = 16
	signature = ed25519.SignatureSize
	// Block is what everything in the file is aligned to.
	Block = 4096
	// maxManifest bounds the manifest, release notes included.
	maxManifest = 64 << 10
	// MaxBytes bounds a whole image: that of a slot.
	MaxBytes = 512 << 20
)

var (
	// ErrNotImage is wrapped when a file is no system image at all, or not whole.
	ErrNotImage = errors.New("this is not a system image of Vigie, or only a part of one")
	// ErrUntrusted is wrapped when no trusted key signed the image.
	ErrUntrusted = errors.New("the image is not signed by a key that this machine trusts")
	// ErrDamaged is wrapped when the content is not what was signed.
	ErrDamaged = errors.New("the image is damaged: its content is not what was signed")
)

// What these images are for; one that does not say is of a build before the manifest had it.
const (
	Product      = "vigie"
	Architecture = "amd64"
)

// Manifest says what an image is.
type Manifest struct {
	Product string `json:"product,omitempty"`
	Arch    string `json:"arch,omitempty"`
	Version string `json:"version"`
	BuiltS  int64  `json:"builtS"` // seconds since the Unix epoch; a later version is the one built later
	Kernel  string `json:"kernel"` // as in uname -r
	Notes   string `json:"notes,omitempty"`
	Bytes   int64  `json:"bytes"`  // of what is hashed, a multiple of Block
	SHA256  string `json:"sha256"` // hexadecimal
}

// Built is the time of the build.
func (m Manifest) Built() time.Time { return time.Unix(m.BuiltS, 0).UTC() }

func (m Manifest) validate() error {
	sum, err := hex.DecodeString(m.SHA256)
	switch {
	case err != nil || len(sum) != sha256.Size:
		return errors.New("its hash is none")
	case m.Bytes <= 0 || m.Bytes%Block != 0 || m.Bytes > MaxBytes:
		return fmt.Errorf("its length of %d is none", m.Bytes)
	case m.Version == "" || len(m.Version) > 128 || !utf8.ValidString(m.Version):
		return errors.New("it names no version")
	case m.BuiltS <= 0:
		return errors.New("it names no time of build")
	}
	return nil
}

// Image is an image whose seal was checked.
type Image struct {
	Manifest
	r    io.ReaderAt
	size int64
}

// Size is the length of the image, seal included.
func (i *Image) Size() int64 { return i.size }

// Reader reads the image as it lies, unchecked.
func (i *Image) Reader() *io.SectionReader { return io.NewSectionReader(i.r, 0, i.size) }

// Seal makes the seal of a squashfs: its manifest gets length and hash.
func Seal(squashfs io.ReaderAt, size int64, m Manifest, key ed25519.PrivateKey) ([]byte, error) {
	start, err := sealAt(squashfs)
	if err != nil {
		return nil, err
	}
	if size != start {
		return nil, fmt.Errorf("the squashfs has %d bytes, and says %d", size, start)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(squashfs, 0, size)); err != nil {
		return nil, fmt.Errorf("hash the squashfs: %w", err)
	}
	m.Bytes, m.SHA256 = size, hex.EncodeToString(sum.Sum(nil))
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("seal the image: %w", err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("seal the image: %w", err)
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("seal the image: the manifest has %d bytes, %d at most", len(text), maxManifest)
	}
	seal := append([]byte(magic), make([]byte, 8)...)
	binary.BigEndian.PutUint32(seal[8:], version)
	binary.BigEndian.PutUint32(seal[12:], uint32(len(text)))
	seal = append(seal, text...)
	seal = append(seal, ed25519.Sign(key, signed(text))...)
	return append(seal, make([]byte, padding(len(seal)))...), nil
}

func signed(manifest []byte) []byte { return append([]byte(context), manifest...) }

func padding(n int) int { return (Block - n%Block) % Block }

// sealAt is where the seal of the squashfs at the beginning of r is.
func sealAt(r io.ReaderAt) (int64, error) {
	var super [96]byte
	if _, err := r.ReadAt(super[:], 0); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, ErrNotImage
		}
		return 0, fmt.Errorf("read the image: %w", err)
	}
	le := binary.LittleEndian
	used := le.Uint64(super[40:])
	if string(super[:4]) != "hsqs" || le.Uint16(super[28:]) != 4 || le.Uint16(super[30:]) != 0 || used < uint64(len(super)) || used > MaxBytes {
		return 0, ErrNotImage
	}
	return int64(used) + int64(padding(int(used))), nil
}

// Open reads and checks the seal of the image at the beginning of r, which has size bytes or more: a partition may go
// on behind it.
func Open(r io.ReaderAt, size int64, trusted []ed25519.PublicKey) (*Image, error) {
	start, err := sealAt(r)
	if err != nil {
		return nil, err
	}
	if start > size-header-signature {
		return nil, ErrNotImage
	}
	seal := make([]byte, min(size-start, header+maxManifest+signature))
	if n, err := r.ReadAt(seal, start); n < len(seal) {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	text, sig, err := split(seal)
	if err != nil {
		return nil, err
	}
	message, ours := signed(text), false
	for _, key := range trusted {
		ours = ours || ed25519.Verify(key, message, sig)
	}
	if !ours {
		return nil, ErrUntrusted
	}
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	length := header + len(text) + signature
	i := &Image{Manifest: m, r: r, size: start + int64(length+padding(length))}
	if m.Bytes != start || i.size > size || i.size > MaxBytes {
		return nil, ErrDamaged
	}
	rest := make([]byte, padding(length))
	if n, err := r.ReadAt(rest, i.size-int64(len(rest))); n < len(rest) {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	if slices.ContainsFunc(rest, func(b byte) bool { return b != 0 }) {
		return nil, ErrDamaged
	}
	return i, nil
}

// split takes a seal apart.
func split(seal []byte) (manifest, sig []byte, err error) {
	if len(seal) < header+signature || string(seal[:8]) != magic {
		return nil, nil, ErrNotImage
	}
	if v := binary.BigEndian.Uint32(seal[8:]); v != version {
		return nil, nil, fmt.Errorf("%w: its seal is of version %d, which this version of Vigie does not know", ErrNotImage, v)
	}
	n := int64(binary.BigEndian.Uint32(seal[12:]))
	if n > maxManifest || header+n+signature > int64(len(seal)) {
		return nil, nil, ErrNotImage
	}
	return seal[header : header+n], seal[header+n:][:signature], nil
}

// parse reads a manifest that was signed. Fields of later versions are passed over: an update comes from one.
func parse(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: its manifest: %w", ErrNotImage, err)
	}
	if err := m.validate(); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotImage, err)
	}
	return m, nil
}

// Verify reads the whole image from r, where a copy of it may lie, and says whether it is what was signed.
func (i *Image) Verify(r io.ReaderAt, progress func(done int64)) error {
	return i.Copy(io.Discard, r, progress)
}

// Copy writes the image as r has it to w, seal included, and is successful only if it is what was signed. progress, if
// not nil, is told how many bytes have been written.
func (i *Image) Copy(w io.Writer, r io.ReaderAt, progress func(done int64)) error {
	check := i.Check()
	buffer := make([]byte, min(1<<20, i.size))
	for done := int64(0); done < i.size; {
		part := buffer[:min(int64(len(buffer)), i.size-done)]
		if n, err := r.ReadAt(part, done); n < len(part) {
			return fmt.Errorf("read the image at %d: %w", done, err)
		}
		if _, err := check.Write(part); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		done += int64(len(part))
		if progress != nil {
			progress(done)
		}
	}
	return check.Whole()
}

// Check is told an image from its beginning on, and says whether it is what was signed. It serves one goroutine.
type Check struct {
	image *Image
	sum   hash.Hash
	at    int64
}

// Check begins a check.
func (i *Image) Check() *Check { return &Check{image: i, sum: sha256.New()} }

// Write implements io.Writer: it hashes b, and holds what of it is seal against the seal that was checked.
func (c *Check) Write(b []byte) (int, error) {
	if c.at+int64(len(b)) > c.image.size {
		return 0, ErrDamaged
	}
	body := max(0, min(int64(len(b)), c.image.Bytes-c.at))
	c.sum.Write(b[:body])
	if seal := b[body:]; len(seal) > 0 {
		want := make([]byte, len(seal))
		if n, err := c.image.r.ReadAt(want, c.at+body); n < len(want) {
			return 0, fmt.Errorf("read the image at %d: %w", c.at+body, err)
		}
		if !bytes.Equal(seal, want) {
			return 0, ErrDamaged
		}
	}
	c.at += int64(len(b))
	return len(b), nil
}

// Whole says whether all of the image has come, and was what was signed.
func (c *Check) Whole() error {
	if c.at != c.image.size || hex.EncodeToString(c.sum.Sum(nil)) != c.image.SHA256 {
		return ErrDamaged
	}
	return nil
}
