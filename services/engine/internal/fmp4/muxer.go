// Package fmp4 turns frames of one run into fragmented MP4 that browsers play: an initialisation segment, then
// fragments (ISO 14496-12 §8.8). Live and playback use it; it knows nothing of either.
//
// Decode times (tfdt) are UTC since the Unix epoch in the track's timescale, which is its clock rate: so fragments of
// different runs, of live and of the past fit on one timeline. G.711 and G.726 become FLAC, since browsers play neither.
// MPEG-4 part 2 and Motion JPEG are refused, since they show neither: UnplayableError. Both pass for those who ask.
//
// A fragment is written here rather than by a library, in one pass into the caller's buffer, as live makes one for each
// frame and viewer:
//
//	moof { mfhd  traf { tfhd  tfdt v1  trun v1 (per sample: duration, size, flags, composition offset) } ... }
//	mdat { payloads of the first track, of the second }
//
// A Muxer is not safe for concurrent use. It must not change payloads, which are shared.
package fmp4

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"vigie/services/engine/internal/media"
)

// Muxer writes one run, or runs of the same format: see Switch.
type Muxer struct {
	options  Options
	run      *media.Run
	base     []int64 // per track: tick 0 of the run in ticks since the Unix epoch
	mime     string
	samples  []*Samples // by track; nil: it is not taken
	sequence uint32
	lastGap  int64 // last distance of video frames in ticks, as an estimate of the next; 0: unknown
	scratch  []byte
	sizes    []int
}

// Options say what a viewer takes.
type Options struct {
	NoAudio bool // leave sound out
	JPEG    bool // Motion JPEG too: no player of a browser shows it, but a page can draw its pictures
	MPEG4   bool // MPEG-4 part 2 too: for programs that are no browsers
}

// NewMuxer prepares to write a run. It fails for codecs and parameters that cannot be put into MP4.
func NewMuxer(run *media.Run) (*Muxer, error) { return Options{}.NewMuxer(run) }

// NewMuxer is NewMuxer for a viewer of these wishes; see Takes.
func (o Options) NewMuxer(run *media.Run) (*Muxer, error) {
	m := &Muxer{options: o, run: run, samples: make([]*Samples, len(run.Tracks))}
	kind, names := "audio/mp4", make([]string, 0, len(run.Tracks))
	for i := range run.Tracks {
		t := &run.Tracks[i]
		if !m.Takes(i) {
			continue
		}
		name, err := codecString(t)
		switch {
		case o.JPEG && t.Codec == media.MJPEG:
			name, err = jpegString, nil
		case o.MPEG4 && t.Codec == media.MPEG4:
			name, err = mpeg4String, nil
		}
		if err != nil {
			return nil, fmt.Errorf("name codec of track %d: %w", i, err)
		}
		names = append(names, name)
		if t.Codec.IsVideo() {
			kind = "video/mp4"
		}
		if m.samples[i], err = NewSamples(t); err != nil {
			return nil, err
		}
	}
	m.mime = kind + `; codecs="` + strings.Join(names, ",") + `"`
	m.Switch(run)
	return m, nil
}

// Switch goes on with another run of the same format (media.Run.SameFormat): the initialisation segment stays valid.
func (m *Muxer) Switch(run *media.Run) {
	m.run, m.base = run, make([]int64, len(run.Tracks))
	for i := range run.Tracks {
		rate := int64(run.Tracks[i].ClockRate)
		m.base[i] = run.StartNs/int64(time.Second)*rate + run.StartNs%int64(time.Second)*rate/int64(time.Second)
	}
}

// Takes tells whether frames of a track are to be written; others must not be given to Fragment. A run of sound alone is
// written whatever the options say.
func (m *Muxer) Takes(track int) bool {
	return !m.options.NoAudio || m.run.Tracks[track].Codec.IsVideo() || m.run.Video() < 0
}

// Run returns the run being written.
func (m *Muxer) Run() *media.Run { return m.run }

// Mime returns the type for MediaSource.addSourceBuffer.
func (m *Muxer) Mime() string { return m.mime }

// Init returns the initialisation segment (ftyp, moov).
func (m *Muxer) Init() ([]byte, error) {
	var init fmp4.Init
	for i := range m.run.Tracks {
		t := &m.run.Tracks[i]
		if !m.Takes(i) {
			continue
		}
		codec, err := description(t)
		if err != nil {
			return nil, err
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate), Codec: codec})
	}
	var buf seekablebuffer.Buffer
	if err := init.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("write initialisation segment: %w", err)
	}
	return buf.Bytes(), nil
}

// CanEstimate tells whether the duration of a batch's last video frame could be told without knowing the next one:
// either the batch has two, or an earlier one had.
func (m *Muxer) CanEstimate(frames []*media.Frame) bool {
	n := 0
	for _, f := range frames {
		if m.run.Tracks[f.Track].Codec.IsVideo() {
			n++
		}
	}
	return n != 1 || m.lastGap > 0
}

// Fragment appends one fragment of frames of the run, in their order, to dst. A video frame lasts until the next one;
// nextDTS is the decode time, in ticks, of the video frame that follows the last, or 0 when it is not known yet: then
// the distance before is taken, which later fragments, having their own decode time, correct.
func (m *Muxer) Fragment(dst []byte, frames []*media.Frame, nextDTS int64) []byte {
	if len(frames) == 0 {
		return dst
	}
	m.sequence++
	m.scratch, m.sizes = m.scratch[:0], m.sizes[:0]
	start := len(dst)
	dst = box(dst, "moof")
	dst = binary.BigEndian.AppendUint32(full(dst, 16, "mfhd", 0, 0), m.sequence)
	var offsets [8]int
	for track := range m.run.Tracks {
		dst, offsets[track] = m.traf(dst, frames, track, nextDTS)
	}
	end(dst, start)
	// Data offsets count from the start of moof.
	at := len(dst) - start + 8
	mdat := len(dst)
	dst = box(dst, "mdat")
	for track := range m.run.Tracks {
		if offsets[track] == 0 {
			continue
		}
		binary.BigEndian.PutUint32(dst[offsets[track]:], uint32(at))
		before := len(dst)
		for _, f := range frames {
			if f.Track == track && !m.isFLAC(track) {
				dst = append(append(dst, m.before(f)...), f.Payload...)
			}
		}
		if m.isFLAC(track) {
			dst = append(dst, m.scratch...)
		}
		at += len(dst) - before
	}
	end(dst, mdat)
	return dst
}

// traf writes a track's part and returns where its data offset is; 0 when it has no frame.
func (m *Muxer) traf(dst []byte, frames []*media.Frame, track int, nextDTS int64) (_ []byte, offset int) {
	count, first := 0, (*media.Frame)(nil)
	for _, f := range frames {
		if f.Track == track {
			if count++; first == nil {
				first = f
			}
		}
	}
	if count == 0 {
		return dst, 0
	}
	const (
		baseIsMoof = 0x020000
		perSample  = 0x000f01 // data offset; duration, size, flags, composition offset of each sample
	)
	start := len(dst)
	dst = box(dst, "traf")
	dst = binary.BigEndian.AppendUint32(full(dst, 16, "tfhd", 0, baseIsMoof), uint32(track+1))
	dst = binary.BigEndian.AppendUint64(full(dst, 20, "tfdt", 1, 0), uint64(max(0, m.base[track]+first.DTSTicks)))
	dst = binary.BigEndian.AppendUint32(full(dst, uint32(20+16*count), "trun", 1, perSample), uint32(count))
	offset = len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for i, f := range frames {
		if f.Track != track {
			continue
		}
		size := len(m.before(f)) + len(f.Payload)
		if m.isFLAC(track) {
			before := len(m.scratch)
			m.scratch = m.samples[track].Append(m.scratch, f.Payload, f.Keyframe, f.DTSTicks)
			size = len(m.scratch) - before
		}
		flags := uint32(0x02000000) // sample_depends_on 2: on no other
		if !f.Keyframe && m.run.Tracks[track].Codec.IsVideo() {
			flags = 0x01010000 // depends on others, is no sync sample
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(m.duration(f, frames[i+1:], nextDTS)))
		dst = binary.BigEndian.AppendUint32(dst, uint32(size))
		dst = binary.BigEndian.AppendUint32(dst, flags)
		dst = binary.BigEndian.AppendUint32(dst, uint32(int32(f.PTSTicks-f.DTSTicks)))
	}
	end(dst, start)
	return dst, offset
}

// duration is the time to the track's next frame, in ticks.
func (m *Muxer) duration(f *media.Frame, later []*media.Frame, nextDTS int64) int64 {
	video := m.run.Tracks[f.Track].Codec.IsVideo()
	next := f.DTSTicks // none known
	if video && nextDTS != 0 {
		next = nextDTS
	}
	for _, l := range later {
		if l.Track == f.Track {
			next = l.DTSTicks
			break
		}
	}
	if next > f.DTSTicks {
		gap := min(next-f.DTSTicks, math.MaxUint32)
		if video {
			m.lastGap = gap
		}
		return gap
	}
	if f.DurationTicks > 0 {
		return f.DurationTicks
	}
	if m.lastGap > 0 {
		return m.lastGap
	}
	return int64(m.run.Tracks[f.Track].ClockRate / 25)
}

func (m *Muxer) isFLAC(track int) bool { return m.run.Tracks[track].Codec.CodeBits() > 0 }

// before is what goes in front of a frame.
func (m *Muxer) before(f *media.Frame) []byte { return m.samples[f.Track].before(f.Keyframe) }

// box begins a box whose size end fills in.
func box(dst []byte, name string) []byte {
	return append(append(dst, 0, 0, 0, 0), name...)
}

// full begins a box of known size that has version and flags.
func full(dst []byte, size uint32, name string, version byte, flags uint32) []byte {
	dst = append(binary.BigEndian.AppendUint32(dst, size), name...)
	return binary.BigEndian.AppendUint32(dst, uint32(version)<<24|flags)
}

func end(dst []byte, start int) {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
}
