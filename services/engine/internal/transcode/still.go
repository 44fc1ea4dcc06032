package transcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
)

// stillWithin is how long one picture may take, waiting for the processor included.
const stillWithin = 8 * time.Second

// Still makes a JPEG of a keyframe, of the video's own width or, if that is less, of the one asked for; 0: its own. Errors
// for people are an *answer.Problem. A JPEG of the camera is returned as it is.
func (t *Transcoder) Still(ctx context.Context, f *media.Frame, width int) ([]byte, error) {
	track := f.Run.Tracks[f.Track]
	if track.Codec == media.MJPEG {
		return f.Payload, nil
	}
	if !t.Available() {
		return nil, noDecoder()
	}
	ctx, cancel := context.WithTimeout(ctx, stillWithin)
	defer cancel()
	select {
	case t.stills <- struct{}{}:
		defer func() { <-t.stills }()
	case <-ctx.Done():
		p := answer.Refuse(http.StatusServiceUnavailable, "too_many_decoders", "Too many pictures are being decoded. Try again.")
		p.Detail.RetryAfterMs = 1000
		return nil, p
	}
	alone := *f.Run
	alone.Tracks = []media.Track{track}
	m, err := fmp4.Options{MPEG4: true}.NewMuxer(&alone)
	if err != nil {
		return nil, fmt.Errorf("hand over to the decoder: %w", err)
	}
	bytes, err := m.Init()
	if err != nil {
		return nil, err
	}
	g := *f
	g.Run, g.Track = &alone, 0
	bytes = m.Fragment(bytes, []*media.Frame{&g}, 0)

	scale := "scale=out_range=full"
	if width > 0 {
		scale = fmt.Sprintf("scale=w=min(iw\\,%d):h=-2:out_range=full", width)
	}
	var picture []byte
	p, err := t.run(ctx, []string{"-vf", scale + ",format=yuvj420p", "-frames:v", "1"}, func(_ time.Duration, jpeg []byte) { picture = jpeg })
	if err != nil {
		return nil, err
	}
	written := p.write(bytes)
	err = p.finish()
	if picture == nil {
		return nil, fmt.Errorf("make a picture of a keyframe: %w", errors.Join(errNoPicture, err, written, ctx.Err()))
	}
	return picture, nil
}

var errNoPicture = errors.New("the decoder made none")

func noDecoder() error {
	return answer.Refuse(http.StatusNotImplemented, "no_decoder", "This appliance has no decoder that could make pictures of this video.")
}
