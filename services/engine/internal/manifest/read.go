package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Errors of Read, ReadBundle and Find.
var (
	ErrNone      = errors.New("there is no manifest")
	ErrMalformed = errors.New("the manifest is damaged or not one of Vigie's")
	ErrSignature = errors.New("the manifest has been changed: its signature is wrong")
)

// MaxLength bounds a manifest that is read: ten days of seconds.
const MaxLength = 100 << 20

// Find reads the manifest that a file of the given size ends with. ErrNone: it does not end with one.
func Find(r io.ReaderAt, size int64) ([]byte, error) {
	if size < int64(tailLength) {
		return nil, ErrNone
	}
	tail := make([]byte, tailLength)
	if err := readFull(r, tail, size-int64(tailLength)); err != nil {
		return nil, err
	}
	_, length, ok := parseTail(tail)
	if !ok || length > size || length > MaxLength {
		return nil, ErrNone
	}
	b := make([]byte, length)
	if err := readFull(r, b, size-length); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(b, []byte("{\n\"format\":\"vigie-")) {
		return nil, ErrNone
	}
	return b, nil
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parseTail reads the last line.
func parseTail(b []byte) (signature []byte, length int64, ok bool) {
	const before, between = `"signature":"`, `","length":"`
	if len(b) != tailLength || string(b[:len(before)]) != before {
		return nil, 0, false
	}
	signature = make([]byte, ed25519.SignatureSize)
	at := len(before)
	if _, err := hex.Decode(signature, b[at:at+128]); err != nil {
		return nil, 0, false
	}
	at += 128
	if string(b[at:at+len(between)]) != between {
		return nil, 0, false
	}
	at += len(between)
	length, err := strconv.ParseInt(string(b[at:at+10]), 10, 64)
	return signature, length, err == nil && length >= int64(tailLength) && string(b[at+10:]) == "\"}\n"
}

// raw is a manifest of either kind as JSON has it.
type raw struct {
	Format    string `json:"format"`
	Software  string `json:"software"`
	Appliance struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	} `json:"appliance"`
	Export  Export            `json:"export"`
	Camera  Camera            `json:"camera"`
	File    File              `json:"file"`
	Because Because           `json:"because"`
	Key     PublicKey         `json:"key"`
	Front   Part              `json:"front"`
	Back    Part              `json:"back"`
	Seconds []json.RawMessage `json:"seconds"`
	Chain   Digest            `json:"chain"`
	Files   []struct {
		Name  string `json:"name"`
		Bytes int64  `json:"bytes"`
		Sum   Digest `json:"sha256"`
	} `json:"files"`
	Signature string `json:"signature"`
	Length    string `json:"length"`
}

// open checks a manifest's signature and decodes it. With ErrSignature the key that it names comes too.
func open(b []byte, format string) (*raw, error) {
	if len(b) < tailLength {
		return nil, ErrMalformed
	}
	body := b[:len(b)-tailLength]
	signature, length, ok := parseTail(b[len(body):])
	var m raw
	if !ok || length != int64(len(b)) || json.Unmarshal(b, &m) != nil || m.Format != format {
		return nil, ErrMalformed
	}
	if !m.Key.verify(sha256.Sum256(body), signature) {
		return &m, ErrSignature
	}
	return &m, nil
}

// Read checks and decodes the manifest of a file. When the signature is wrong the error is ErrSignature, and what the
// manifest says comes with it, not to be believed.
func Read(b []byte) (*Manifest, error) {
	r, err := open(b, FileFormat)
	if r == nil {
		return nil, err
	}
	m := &Manifest{About: About{r.Software, r.Appliance.Name, r.Export}, Camera: r.Camera, File: r.File, Because: r.Because,
		Front: r.Front, Back: r.Back, Chain: r.Chain, Key: r.Key}
	if err != nil {
		return m, err
	}
	for _, e := range r.Seconds {
		s, err := parseSecond(e)
		if err != nil {
			return nil, err
		}
		m.Seconds = append(m.Seconds, s)
	}
	if len(m.Seconds) != m.File.Seconds() || m.Front.Bytes < 0 || m.Back.Bytes < 0 || Chain(m.Front, m.Seconds, m.Back) != m.Chain || m.length() != m.File.BodyBytes {
		return nil, fmt.Errorf("%w: it contradicts itself", ErrMalformed)
	}
	return m, nil
}

// length is that of the body.
func (m *Manifest) length() int64 {
	n := m.Front.Bytes + m.Back.Bytes
	for i := range m.Seconds {
		n += m.Seconds[i].Bytes
	}
	return n
}

func parseSecond(b []byte) (s Second, err error) {
	var head string
	e := []any{&s.OffsetMs, &s.Bytes, &s.Damaged, &head, &s.Sum}
	if json.Unmarshal(b, &e) != nil || len(e) != 5 {
		return s, ErrMalformed
	}
	h, err := strconv.ParseUint(head, 16, 32)
	if err != nil || len(head) != 8 || s.Bytes < 0 || s.OffsetMs < 0 || s.Bytes > 1<<40 {
		return s, ErrMalformed
	}
	s.Head = uint32(h)
	return s, nil
}

// ReadBundle checks and decodes the manifest of a bundle; errors are as those of Read.
func ReadBundle(b []byte) (*Bundle, error) {
	r, err := open(b, BundleFormat)
	if r == nil {
		return nil, err
	}
	out := &Bundle{About: About{r.Software, r.Appliance.Name, r.Export}, Key: r.Key}
	for _, f := range r.Files {
		out.Files = append(out.Files, BundleFile{f.Name, f.Bytes, f.Sum})
	}
	return out, err
}
