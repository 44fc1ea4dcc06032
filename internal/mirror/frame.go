package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	headerSize      = 64
	frameHeaderSize = 24
	maxPayload      = 64 << 20

	magicSnapshot = "VIGIEMS1"
	magicJournal  = "VIGIEMJ1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the common head of snapshots and journals.
type header struct {
	magic      string
	uuid       [16]byte
	branch     uint64
	generation uint64
	createdMs  int64
	imageSize  int64
}

func (h *header) marshal() []byte {
	b := make([]byte, headerSize)
	copy(b, h.magic)
	copy(b[8:], h.uuid[:])
	binary.BigEndian.PutUint64(b[24:], h.branch)
	binary.BigEndian.PutUint64(b[32:], h.generation)
	binary.BigEndian.PutUint64(b[40:], uint64(h.createdMs))
	binary.BigEndian.PutUint64(b[48:], uint64(h.imageSize))
	binary.BigEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func (h *header) unmarshal(b []byte, magic string) error {
	if len(b) < headerSize {
		return errors.New("shorter than its header")
	}
	if string(b[:8]) != magic {
		return fmt.Errorf("magic is %q, not %q", b[:8], magic)
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.BigEndian.Uint32(b[60:]) {
		return errors.New("header fails its CRC")
	}
	h.magic = magic
	copy(h.uuid[:], b[8:])
	h.branch = binary.BigEndian.Uint64(b[24:])
	h.generation = binary.BigEndian.Uint64(b[32:])
	h.createdMs = int64(binary.BigEndian.Uint64(b[40:]))
	h.imageSize = int64(binary.BigEndian.Uint64(b[48:]))
	if h.imageSize < 0 {
		return errors.New("image size is negative")
	}
	return nil
}

// frame is one committed update.
type frame struct {
	generation uint64
	timeMs     int64
	payload    []byte
}

// mark tells whether the frame is a mark: an update without operations is not journalled.
func (f *frame) mark() bool { return len(f.payload) == 0 }

// appendTo encodes f for the journal with header h.
func (f *frame) appendTo(b []byte, h *header) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHeaderSize)...)
	b = append(b, f.payload...)
	p := b[start:]
	binary.BigEndian.PutUint32(p, uint32(len(f.payload)))
	binary.BigEndian.PutUint64(p[8:], f.generation)
	binary.BigEndian.PutUint64(p[16:], uint64(f.timeMs))
	binary.BigEndian.PutUint32(p[4:], frameCRC(p, h))
	return b
}

// frameCRC covers the whole of an encoded frame but the CRC itself, and says which journal it belongs to.
func frameCRC(p []byte, h *header) uint32 {
	var salt [24]byte
	copy(salt[:], h.uuid[:])
	binary.BigEndian.PutUint64(salt[16:], h.branch)
	c := crc32.Checksum(salt[:], castagnoli)
	c = crc32.Update(c, castagnoli, p[8:24])
	c = crc32.Update(c, castagnoli, p[:4])
	return crc32.Update(c, castagnoli, p[frameHeaderSize:])
}

// errTorn: the bytes are not a whole intact frame.
var errTorn = errors.New("not an intact frame")

// parseFrame decodes the frame at the start of b; n is its length. The payload aliases b.
func parseFrame(b []byte, h *header) (f frame, n int, err error) {
	if len(b) < frameHeaderSize {
		return f, 0, errTorn
	}
	size := binary.BigEndian.Uint32(b)
	if size > maxPayload || int(size) > len(b)-frameHeaderSize {
		return f, 0, errTorn
	}
	n = frameHeaderSize + int(size)
	if frameCRC(b[:n], h) != binary.BigEndian.Uint32(b[4:]) {
		return f, 0, errTorn
	}
	f.generation = binary.BigEndian.Uint64(b[8:])
	f.timeMs = int64(binary.BigEndian.Uint64(b[16:]))
	f.payload = b[frameHeaderSize:n:n]
	return f, n, nil
}

// journal is what reading the bytes of a journal file gives.
type journal struct {
	header header
	frames []frame
	intact int64 // bytes up to the end of the last frame that counts
	// damage says that what follows the intact part is not just a torn tail: a mark behind the bad place says that it was
	// on disk once.
	damage error
}

// parseJournal reads a whole journal. An error means that not even the header can be used. Frames alias b.
func parseJournal(b []byte) (*journal, error) {
	var j journal
	if err := j.header.unmarshal(b, magicJournal); err != nil {
		return nil, err
	}
	at, next := headerSize, j.header.generation+1
	for at < len(b) {
		f, n, err := parseFrame(b[at:], &j.header)
		if err == nil && f.mark() && f.generation == next-1 {
			at += n
			continue
		}
		if err != nil || f.mark() || f.generation != next || checkOps(f.payload) != nil {
			break
		}
		j.frames = append(j.frames, f)
		at += n
		next++
	}
	j.intact = int64(at)
	if at < len(b) {
		if g := laterMark(b[at:], &j.header, next); g != 0 {
			j.damage = fmt.Errorf("damaged at byte %d: generations %d to %d cannot be read", at, next, g)
		}
	}
	return &j, nil
}

// laterMark looks behind a bad place for a mark that says that a generation, or one after it, was on disk; 0 when there
// is none.
func laterMark(b []byte, h *header, generation uint64) uint64 {
	const lookahead = 1 << 20 // a plausible number of frames in one journal
	for i := 1; i+frameHeaderSize <= len(b); i++ {
		g := binary.BigEndian.Uint64(b[i+8:])
		if g < generation || g > generation+lookahead || binary.BigEndian.Uint32(b[i:]) != 0 {
			continue
		}
		if _, _, err := parseFrame(b[i:], h); err == nil {
			return g
		}
	}
	return 0
}

// Kinds of operations in a payload.
const (
	opPut    = 1
	opDelete = 2
	opClear  = 3
)

type op struct {
	kind               byte
	bucket, key, value []byte
}

func appendOp(b []byte, o op) []byte {
	b = append(b, o.kind)
	b = appendBytes(b, o.bucket)
	if o.kind != opClear {
		b = appendBytes(b, o.key)
	}
	if o.kind == opPut {
		b = appendBytes(b, o.value)
	}
	return b
}

func appendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

var errOps = errors.New("malformed operations")

// nextOp decodes the operation at the start of b and returns the rest.
func nextOp(b []byte) (o op, rest []byte, err error) {
	if len(b) == 0 {
		return o, nil, errOps
	}
	o.kind, b = b[0], b[1:]
	if o.kind < opPut || o.kind > opClear {
		return o, nil, errOps
	}
	if o.bucket, b, err = cutBytes(b); err != nil || len(o.bucket) == 0 {
		return o, nil, errOps
	}
	if o.kind != opClear {
		if o.key, b, err = cutBytes(b); err != nil || len(o.key) == 0 {
			return o, nil, errOps
		}
	}
	if o.kind == opPut {
		if o.value, b, err = cutBytes(b); err != nil {
			return o, nil, errOps
		}
	}
	return o, b, nil
}

func cutBytes(b []byte) (p, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, errOps
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// checkOps tells whether a payload decodes wholly.
func checkOps(b []byte) error {
	for len(b) > 0 {
		_, rest, err := nextOp(b)
		if err != nil {
			return err
		}
		b = rest
	}
	return nil
}
