// Package source is how whoever sends streams on (live, the relay, the transcoder) finds them: as they are now, and when
// to look again. Who offers them is the cameras, and the transcoder once more, for pictures made of theirs.
package source

import (
	"vigie/internal/api"
	"vigie/services/engine/internal/ring"
)

// View is what there is of a stream at one moment.
type View struct {
	Ring    *ring.Ring // nil: the stream is not fetched
	State   api.CameraState
	Changed <-chan struct{} // closed once Ring or State.Status may have changed, or the camera is gone; then look again
}

// Streams is where streams are found. Errors are for people, an *answer.Problem.
type Streams interface {
	// View must not block.
	View(camera, stream string) (View, error)
	// Watch has a stream fetched until leave is called.
	Watch(camera, stream string) (leave func(), err error)
}
