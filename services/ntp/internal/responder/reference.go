package responder

import (
	"time"

	"vigie/services/ntp/internal/packet"
)

const (
	// drift is what the clock is taken to lose of its exactness, in seconds a second (RFC 5905, PHI).
	drift = 15e-6
	// distanceMost is the root distance from which on the clock is not synchronised any more: clients do not believe
	// what is farther away.
	distanceMost = 1500 * time.Millisecond
	// unsynchronised is the stratum of a clock that follows nothing.
	unsynchronised = 16
)

// orphanID is the reference id of a clock that follows itself, as 127.127.1.1: the way in which NTP's own implementation
// names an undisciplined local clock.
func orphanID() [4]byte { return [4]byte{127, 127, 1, 1} }

// State is what this machine's clock follows, as of an instant.
type State struct {
	Synchronised              bool // all but Orphan is void otherwise
	Leap                      packet.Leap
	Stratum                   int
	RootDelay, RootDispersion time.Duration
	ID                        [4]byte
	At                        time.Time // by the wall clock
	// Orphan is the stratum that is told while the clock is not synchronised; 0: none.
	Orphan int
}

// Told is what clients are told of the clock.
type Told struct {
	Leap                      packet.Leap
	Stratum                   int
	RootDelay, RootDispersion time.Duration
	ID                        [4]byte
	Reference                 time.Time // zero: never
}

// Tell is what can be said now: the error grows since the clock was last looked after, until it says nothing any more.
func (s State) Tell(now time.Time) Told {
	if s.Synchronised && s.Stratum < unsynchronised {
		grown := s.RootDispersion + time.Duration(drift*float64(max(now.Sub(s.At), 0)))
		if s.RootDelay/2+grown <= distanceMost {
			return Told{s.Leap, s.Stratum, s.RootDelay, grown, s.ID, s.At}
		}
	}
	if s.Orphan > 0 {
		return Told{Stratum: s.Orphan, ID: orphanID(), Reference: now}
	}
	t := Told{Leap: packet.LeapUnsynchronised, Stratum: unsynchronised}
	if s.Synchronised {
		t.Reference = s.At
	}
	return t
}
