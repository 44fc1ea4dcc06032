// Package media is what the rest of the engine speaks: codecs, tracks, runs and frames.
//
// A frame belongs to a run: frames of one session with one clock mapping and one set of codec parameters. When the
// camera reconnects, its parameters change or a clock steps, a new run starts; so a frame carries all that is needed to
// store or show it, and comparing run pointers tells a reader when to start a new file or a new initialisation segment.
//
// Frames are immutable once pushed into a ring and are shared by every reader; nobody may change a payload.
//
// Time: PTSTicks and DTSTicks count in the track's ClockRate from the run's origin, Run.StartNs (UTC, nanoseconds since
// the Unix epoch). They never go back within a track's DTS. Run.TimeNs converts.
package media

import (
	"bytes"
	"slices"
	"time"
)

// Track describes one elementary stream of a run. It is comparable except for its byte slices; use Run.SameFormat.
type Track struct {
	Codec     Codec
	ClockRate int // ticks a second: 90000 for video, the sample rate for audio

	// Video. Parameter sets are without start codes. Width and Height are those of the cropped picture.
	VPS, SPS, PPS []byte
	MoreSets      [][]byte // further parameter sets, of other ids than the three: they count as much
	Width, Height int

	// Audio.
	SampleRate int
	Channels   int

	// Config is what a decoder needs besides. AAC: AudioSpecificConfig (ISO 14496-3 §1.6.2.1). MPEG-4 part 2: the headers
	// of visual object sequence, visual object and video object layer (ISO 14496-2 §6.2), with start codes.
	Config []byte
}

// Run is a span of frames with one clock mapping and one set of tracks.
type Run struct {
	Camera  string // camera id
	Stream  string // "main", "sub"
	StartNs int64  // UTC of tick 0 of every track
	// ClockSetNs is by how much this machine's clock was set between the run before, of the same stream, and this one; 0: it
	// was not.
	ClockSetNs int64
	Tracks     []Track
}

// TimeNs returns the UTC instant, in nanoseconds since the Unix epoch, of a tick of a track.
func (r *Run) TimeNs(track int, ticks int64) int64 {
	rate := int64(r.Tracks[track].ClockRate)
	return r.StartNs + ticks/rate*int64(time.Second) + ticks%rate*int64(time.Second)/rate
}

// Video returns the index of the video track, or -1.
func (r *Run) Video() int {
	for i := range r.Tracks {
		if r.Tracks[i].Codec.IsVideo() {
			return i
		}
	}
	return -1
}

// SameFormat tells whether frames of both runs can follow one another under the same decoder configuration.
func (r *Run) SameFormat(o *Run) bool {
	if len(r.Tracks) != len(o.Tracks) {
		return false
	}
	for i := range r.Tracks {
		if !r.Tracks[i].equal(&o.Tracks[i]) {
			return false
		}
	}
	return true
}

func (t *Track) equal(o *Track) bool {
	return t.Codec == o.Codec && t.ClockRate == o.ClockRate && t.Width == o.Width && t.Height == o.Height &&
		t.SampleRate == o.SampleRate && t.Channels == o.Channels && string(t.VPS) == string(o.VPS) &&
		string(t.SPS) == string(o.SPS) && string(t.PPS) == string(o.PPS) && string(t.Config) == string(o.Config) &&
		slices.EqualFunc(t.MoreSets, o.MoreSets, bytes.Equal)
}

// Frame is one access unit of video or one packet's worth of audio.
type Frame struct {
	Run           *Run
	Track         int // index into Run.Tracks
	Keyframe      bool
	PTSTicks      int64
	DTSTicks      int64 // equals PTSTicks for audio
	DurationTicks int64 // audio: exact; video: 0 when not known yet
	ArrivalNs     int64 // UTC at which its last byte was read here; for latency, never for order
	Payload       []byte
}

// TimeNs returns the UTC presentation instant in nanoseconds since the Unix epoch.
func (f *Frame) TimeNs() int64 { return f.Run.TimeNs(f.Track, f.PTSTicks) }
