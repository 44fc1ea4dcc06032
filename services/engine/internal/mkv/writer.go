package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"vigie/services/engine/internal/media"
)

// Writer builds one segment. Make one with NewWriter; the header is the first thing that Take gives. It keeps the frames
// that it was given, which nobody may change anyway, until they were taken and given back.
type Writer struct {
	run    *media.Run
	meta   Meta
	layout *layout
	video  int // index of the video track, or -1

	heads  []byte  // what stands before payloads: of whole clusters not yet taken, then of the one being built
	blocks []block // likewise
	size   int     // of all that
	whole  extent  // the part of it that is whole
	offset int64   // of its first byte in the file
	spare  Batch   // its memory is used again

	open     bool   // a cluster is being built, behind whole
	sum      uint32 // CRC of what follows its CRC-32 element
	start    int64  // its timestamp in ticks
	cues     []cue
	listed   int64   // offset of the newest cluster whose mark lists cues; 0: none
	last     []int64 // newest timestamp of each track, -1 for none
	duration []int64 // newest distance of each track's blocks
	frames   int64
	dropped  int64
}

// block is a payload and what stands before it.
type block struct {
	end     int // in heads, where the block before ends this one's begins
	payload []byte
}

// extent is a length in three measures.
type extent struct{ heads, blocks, bytes int }

// Batch is what is to be written next: pieces, one behind the other, from an offset of the file on. Payloads are the
// frames' own, so that a frame is not copied on its way to the disk.
type Batch struct {
	Offset int64
	Size   int
	Pieces [][]byte

	heads []byte
}

// ErrNotKeyframe: a segment must begin with a video keyframe.
var ErrNotKeyframe = errors.New("segment does not begin with a keyframe")

const (
	clusterHead = timeEnd + 3    // and a Void that says whether the cluster begins a write; behind it may be a mark
	timeEnd     = 4 + 4 + 6 + 10 // ID, size, CRC-32, Timestamp
	crcEnd      = 4 + 4 + 6
	blockHead   = 1 + 4 + 4 // ID, size, track, relative timestamp, flags

	maxSpare = 32 << 10 // bytes of heads whose memory is kept for the next batch
)

// NewWriter starts a segment of a run at meta.StartNs.
func NewWriter(run *media.Run, meta Meta) (*Writer, error) {
	if len(run.Tracks) == 0 || len(run.Tracks) > 126 {
		return nil, fmt.Errorf("%d tracks", len(run.Tracks))
	}
	head, l, err := buildHeader(run, &meta)
	if err != nil {
		return nil, err
	}
	w := &Writer{run: run, meta: meta, layout: l, video: run.Video(),
		heads: head, blocks: []block{{end: len(head)}}, size: len(head), whole: extent{len(head), 1, len(head)},
		last: make([]int64, len(run.Tracks)), duration: make([]int64, len(run.Tracks))}
	for i := range w.last {
		w.last[i] = -1
	}
	return w, nil
}

// Meta returns what the segment says about itself.
func (w *Writer) Meta() Meta { return w.meta }

// Add appends a frame. It begins a new cluster where one is due, so that whole clusters may be ready to take afterwards.
// A frame from before the segment's start (audio that belongs to the picture before the keyframe) is left out.
func (w *Writer) Add(f *media.Frame) error {
	if f.Run != w.run && (!f.Run.SameFormat(w.run)) {
		return errors.New("frame of another format")
	}
	tick := roundDiv(f.TimeNs()-w.meta.StartNs, tickNs)
	isKey := f.Keyframe && f.Track == w.video
	if w.frames == 0 && w.video >= 0 && !isKey {
		if f.Track == w.video {
			return ErrNotKeyframe
		}
		w.dropped++
		return nil
	}
	if tick < 0 {
		w.dropped++
		return nil
	}
	if w.open {
		age := tick - w.start
		cued := isKey && (len(w.cues) == 0 || tick-w.cues[len(w.cues)-1].tick >= keyframeTicks)
		if age >= clusterTicks || cued || age < -maxBlockRel || w.size-w.whole.bytes+len(f.Payload) > clusterBytes {
			w.EndCluster()
		}
	}
	if !w.open {
		w.beginCluster(tick, isKey)
	}
	w.appendBlock(f, tick-w.start)
	if last := w.last[f.Track]; tick > last {
		if last >= 0 {
			w.duration[f.Track] = tick - last
		}
		w.last[f.Track] = tick
	}
	if f.DurationTicks > 0 {
		w.duration[f.Track] = roundDiv(f.DurationTicks*1e9/int64(w.run.Tracks[f.Track].ClockRate), tickNs)
	}
	w.frames++
	return nil
}

func (w *Writer) beginCluster(tick int64, isKey bool) {
	at := w.offset + int64(w.whole.bytes)
	b := appendID(w.heads, idCluster)
	b = append(b, 0x10, 0, 0, 0, idCRC32, 0x84, 0, 0, 0, 0, idTimestamp, 0x88)
	b = binary.BigEndian.AppendUint64(b, uint64(tick))
	if w.whole.bytes == 0 { // what comes before it will have been taken, and so be on disk, before it is
		b = w.appendMark(append(b, idVoid, 0x81, 1), at)
	} else {
		b = append(b, idVoid, 0x81, 0)
	}
	w.size += len(b) - len(w.heads)
	w.sum = crc32.ChecksumIEEE(b[len(w.heads)+crcEnd:])
	w.heads = b
	w.open, w.start = true, tick
	if isKey || w.video < 0 {
		w.cues = append(w.cues, cue{tick, at})
	}
}

func (w *Writer) appendBlock(f *media.Frame, rel int64) {
	flags := byte(0)
	if f.Keyframe || f.Track != w.video {
		flags = 0x80
	}
	b := append(w.heads, idSimpleBlock)
	b = binary.BigEndian.AppendUint32(b, 1<<28|uint32(len(f.Payload)+4))
	w.heads = append(b, 0x81+byte(f.Track), byte(rel>>8), byte(rel), flags)
	w.blocks = append(w.blocks, block{len(w.heads), f.Payload})
	w.size += blockHead + len(f.Payload)
	w.sum = crc32.Update(w.sum, crc32.IEEETable, w.heads[len(w.heads)-blockHead:])
	w.sum = crc32.Update(w.sum, crc32.IEEETable, f.Payload)
}

// EndCluster makes what was added so far ready to take.
func (w *Writer) EndCluster() {
	if !w.open {
		return
	}
	c := w.heads[w.whole.heads:]
	binary.BigEndian.PutUint32(c[4:], 1<<28|uint32(w.size-w.whole.bytes-8))
	binary.LittleEndian.PutUint32(c[10:], w.sum)
	w.whole, w.open = extent{len(w.heads), len(w.blocks), w.size}, false
}

// Ready is the number of bytes ready to take.
func (w *Writer) Ready() int { return w.whole.bytes }

// Take hands over what is ready; the caller gives it back with Recycle once it is written. Nothing ready: its size is 0.
func (w *Writer) Take() Batch {
	b := Batch{Offset: w.offset, Size: w.whole.bytes}
	if b.Size == 0 {
		return b
	}
	b.heads, b.Pieces = w.heads, w.spare.Pieces[:0]
	from := 0
	for _, k := range w.blocks[:w.whole.blocks] {
		b.Pieces = append(b.Pieces, w.heads[from:k.end])
		if len(k.payload) > 0 {
			b.Pieces = append(b.Pieces, k.payload)
		}
		from = k.end
	}
	w.heads = append(w.spare.heads[:0], w.heads[w.whole.heads:]...)
	n := copy(w.blocks, w.blocks[w.whole.blocks:])
	clear(w.blocks[n:])
	w.blocks = w.blocks[:n]
	for i := range w.blocks {
		w.blocks[i].end -= w.whole.heads
	}
	w.spare = Batch{}
	w.offset += int64(b.Size)
	w.size -= b.Size
	w.whole = extent{}
	return b
}

// Recycle gives back what Take gave.
func (w *Writer) Recycle(b Batch) {
	clear(b.Pieces) // the frames are not ours to keep
	if cap(b.heads) > cap(w.spare.heads) && cap(b.heads) <= maxSpare {
		w.spare = b
	}
}

// Size is the length of the file with all that has been taken, and with what is ready.
func (w *Writer) Size() int64 { return w.offset + int64(w.size) }

// Frames is the number of frames added.
func (w *Writer) Frames() int64 { return w.frames }

// Dropped is the number of frames left out for coming from before the segment's start.
func (w *Writer) Dropped() int64 { return w.dropped }

// StartNs is the instant of the first frame, UTC in ns.
func (w *Writer) StartNs() int64 { return w.meta.StartNs }

// EndNs is the instant at which the newest frame ends, UTC in ns: of the video, if there is any.
func (w *Writer) EndNs() int64 { return w.meta.StartNs + w.durationTicks()*tickNs }

func (w *Writer) durationTicks() int64 {
	if w.video >= 0 {
		return max(w.last[w.video], 0) + w.duration[w.video]
	}
	var end int64
	for i, t := range w.last {
		end = max(end, t+w.duration[i])
	}
	return end
}

// Close returns what is to be written, in this order, to close the file; all that Take gives, after EndCluster, must
// have been written before.
func (w *Writer) Close() []Patch {
	end := w.durationTicks()
	for i, t := range w.last { // the file's Duration covers every track
		end = max(end, t+w.duration[i])
	}
	return w.layout.closing(w.cues, end, w.offset, max(w.video, 0))
}

// roundDiv divides, rounding half away from zero.
func roundDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b/2) / b)
	}
	return (a + b/2) / b
}
