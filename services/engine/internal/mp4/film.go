// Package mp4 lays out plain MP4 files (ISO 14496-12), which every player and editor opens: what tells where everything is
// stands in front.
//
//	ftyp
//	moov { mvhd
//	       trak { tkhd  edts { elst }  mdia { mdhd hdlr minf { vmhd|smhd dinf stbl { stsd stts ctts stss stsc stsz co64 } } } } ...
//	       udta { chpl  meta { hdlr ilst { ©nam } } } }
//	mdat { chunks: samples of the first track, of the second, and so on by turns }
//
// A Film is told of every sample before the first is written: it knows sizes and times, not bytes. ctts is there when
// pictures are decoded in another order than they are shown, stss when not every picture can be decoded alone, edts when a
// track does not begin with its first sample at 0. Times are exact in each track's clock.
//
// How a codec's samples look and how they are described is package fmp4's. A Film is for one goroutine.
package mp4

import (
	"fmt"

	"vigie/services/engine/internal/media"
)

// Film is a file's tables.
type Film struct {
	About
	run    *media.Run
	tracks []track
	open   int   // the track whose chunk goes on; -1: a new one begins
	bytes  int64 // of all samples
}

// About is what a film says of itself. Instants are UTC, in ns.
type About struct {
	Title          string
	StartNs, EndNs int64
	// FromNs and ToNs are what was asked for; players show it as a chapter.
	FromNs, ToNs int64
}

// track is a track's samples.
type track struct {
	pts      []int64 // in its clock, from the film's start
	sizes    []uint32
	keys     []uint32 // numbers of those that can be decoded alone, from 1
	chunks   []chunk
	duration int64 // of the last sample; 0: not known
	total    int64 // bytes
}

// chunk is samples of a track that stand together.
type chunk struct {
	offset int64 // from the film's first sample
	count  uint32
}

// New begins a film of a run's tracks.
func New(run *media.Run, about About) *Film {
	return &Film{About: about, run: run, tracks: make([]track, len(run.Tracks)), open: -1}
}

// Add notes a sample of a track, shown so many ticks of the track's clock after the film's start. Samples are added in the
// order in which they stand in the file, which is decoding order within a track. durationTicks may be 0 for pictures.
func (f *Film) Add(n int, ptsTicks, durationTicks int64, size int, key bool) {
	t := &f.tracks[n]
	if f.open != n {
		t.chunks, f.open = append(t.chunks, chunk{offset: f.bytes}), n
	}
	t.chunks[len(t.chunks)-1].count++
	t.pts, t.sizes, t.duration = append(t.pts, ptsTicks), append(t.sizes, uint32(size)), durationTicks
	if key {
		t.keys = append(t.keys, uint32(len(t.pts)))
	}
	t.total += int64(size)
	f.bytes += int64(size)
}

// EndChunk lets new chunks begin with the next samples.
func (f *Film) EndChunk() { f.open = -1 }

// Bytes is how long all samples are together.
func (f *Film) Bytes() int64 { return f.bytes }

// Front returns what stands before the samples.
func (f *Film) Front() ([]byte, error) {
	// Where samples are depends on how long this is, but not the other way round.
	b, err := f.front(0)
	if err != nil {
		return nil, fmt.Errorf("lay out MP4: %w", err)
	}
	return f.front(int64(len(b)))
}
