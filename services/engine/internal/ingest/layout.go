package ingest

import (
	"time"

	"vigie/services/engine/internal/media"
)

const (
	// maxWait is how long a stream's first units wait for the configuration of audio that has it in band.
	maxWait = time.Second
	// maxWaiting bounds them.
	maxWaiting = 512
)

// layout joins picture and sound to the tracks of one stream. What a stream consists of changes with a keyframe: when the
// picture's parameters have changed, or those of the sound. Units of sound are passed on while they are what the tracks
// say; others find no place.
type layout struct {
	sound   *audio // nil: none
	deliver func(unit)

	picture *media.Track // that tracks was made of
	version int          // of sound, ditto; -1: without
	tracks  []media.Track
	begun   bool
	waiting []unit // until it is known what the sound is
	since   time.Duration
	done    bool // waiting is over
}

// known tells whether the sound can be described.
func (l *layout) known() bool { return l.sound == nil || l.sound.track.Codec != "" }

// add takes a unit.
func (l *layout) add(u unit) {
	if !l.done {
		if l.waiting == nil {
			l.since = u.arrival
		}
		if !l.known() && u.arrival-l.since < maxWait && len(l.waiting) < maxWaiting {
			l.waiting = append(l.waiting, u)
			return
		}
		l.done = true
		waiting := l.waiting
		l.waiting = nil
		for _, w := range waiting {
			l.pass(w)
		}
	}
	l.pass(u)
}

func (l *layout) pass(u unit) {
	if u.track == 1 {
		if l.begun && l.version == l.sound.version {
			l.deliver(u)
		}
		return
	}
	if u.key || !l.begun {
		l.join(u.tracks)
	}
	u.tracks = l.tracks
	l.deliver(u)
}

// join makes the tracks, if they are not those in force.
func (l *layout) join(picture []media.Track) {
	version := -1
	if l.sound != nil && l.known() {
		version = l.sound.version
	}
	if l.begun && l.picture == &picture[0] && l.version == version {
		return
	}
	l.begun, l.picture, l.version = true, &picture[0], version
	l.tracks = picture[:1:1]
	if version >= 0 {
		l.tracks = append(l.tracks, l.sound.track)
	}
}
