package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"vigie/services/engine/internal/media"
)

// Writer builds one segment. Make one with NewWriter; the header is the first thing that Take gives.
type Writer struct {
	run    *media.Run
	meta   Meta
	layout *layout
	video  int // index of the video track, or -1

	buf    []byte // whole clusters not yet taken, then the one being built
	spare  []byte
	whole  int   // length of the part of buf that is whole
	offset int64 // of buf[0] in the file

	open     bool  // a cluster is being built, at whole
	start    int64 // its timestamp in ticks
	cues     []cue
	last     []int64 // newest timestamp of each track, -1 for none
	duration []int64 // newest distance of each track's blocks
	frames   int64
	dropped  int64
}

// ErrNotKeyframe: a segment must begin with a video keyframe.
var ErrNotKeyframe = errors.New("segment does not begin with a keyframe")

const (
	clusterHead = 4 + 4 + 6 + 10 // ID, size, CRC-32, Timestamp
	blockHead   = 1 + 4 + 4      // ID, size, track, relative timestamp, flags
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
	w := &Writer{run: run, meta: meta, layout: l, video: run.Video(), buf: head, whole: len(head),
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
		if age >= clusterTicks || cued || age < -maxBlockRel || len(w.buf)-w.whole+len(f.Payload) > clusterBytes {
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
	if isKey || w.video < 0 {
		w.cues = append(w.cues, cue{tick, w.offset + int64(w.whole)})
	}
	b := appendID(w.buf, idCluster)
	b = append(b, 0x10, 0, 0, 0, idCRC32, 0x84, 0, 0, 0, 0, idTimestamp, 0x88)
	w.buf = binary.BigEndian.AppendUint64(b, uint64(tick))
	w.open, w.start = true, tick
}

func (w *Writer) appendBlock(f *media.Frame, rel int64) {
	flags := byte(0)
	if f.Keyframe || f.Track != w.video {
		flags = 0x80
	}
	b := append(w.buf, idSimpleBlock)
	b = binary.BigEndian.AppendUint32(b, 1<<28|uint32(len(f.Payload)+4))
	b = append(b, 0x81+byte(f.Track), byte(rel>>8), byte(rel), flags)
	w.buf = append(b, f.Payload...)
}

// EndCluster makes what was added so far ready to take.
func (w *Writer) EndCluster() {
	if !w.open {
		return
	}
	c := w.buf[w.whole:]
	binary.BigEndian.PutUint32(c[4:], 1<<28|uint32(len(c)-8))
	binary.LittleEndian.PutUint32(c[10:], crc32.ChecksumIEEE(c[14:]))
	w.whole, w.open = len(w.buf), false
}

// Ready is the number of bytes ready to take.
func (w *Writer) Ready() int { return w.whole }

// Take hands over what is ready and the offset at which it belongs in the file; the caller gives the buffer back with
// Recycle once it is written. Nothing ready: nil.
func (w *Writer) Take() (b []byte, offset int64) {
	if w.whole == 0 {
		return nil, w.offset
	}
	b, offset = w.buf[:w.whole:w.whole], w.offset
	rest := w.buf[w.whole:]
	w.buf = append(w.spare[:0], rest...)
	w.spare = nil
	w.offset += int64(w.whole)
	w.whole = 0
	return b, offset
}

// Recycle gives back a buffer from Take.
func (w *Writer) Recycle(b []byte) {
	if cap(b) > cap(w.spare) && cap(b) <= 4*clusterBytes {
		w.spare = b[:0]
	}
}

// Size is the length of the file with all that has been taken, and with what is ready.
func (w *Writer) Size() int64 { return w.offset + int64(len(w.buf)) }

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
