package cameratest

import (
	"time"

	"vigie/services/engine/internal/media"
)

// Frames returns n frames of video, and what audio goes with them, as ingest would make them of the clips played over
// and over. Decode times are those of an encoder that sends a frame as soon as it can be decoded.
func Frames(start time.Time, v *Video, a *Audio, n int) []*media.Frame {
	run := &media.Run{Camera: "k3f9x2ab", Stream: "main", StartNs: start.UnixNano(), Tracks: []media.Track{v.Track()}}
	if a != nil {
		run.Tracks = append(run.Tracks, a.Track())
	}
	var out []*media.Frame
	step := int64(90000 / v.Rate)
	delay := int64(0) // of presentation after decoding
	for i, u := range v.Units {
		delay = max(delay, int64(i)*step-u.PTS)
	}
	audio := 0
	for i := range n {
		u := v.Units[i%len(v.Units)]
		dts := int64(i) * step
		f := &media.Frame{Run: run, Keyframe: u.Key, DTSTicks: dts, PTSTicks: u.PTS + int64(i/len(v.Units))*v.Duration() + delay}
		f.Payload = v.Payload(u)
		f.ArrivalNs = run.TimeNs(0, dts)
		out = append(out, f)
		for ; a != nil && run.TimeNs(1, int64(audio*a.Samples)) < run.TimeNs(0, dts+step); audio++ {
			at := int64(audio * a.Samples)
			out = append(out, &media.Frame{Run: run, Track: 1, Keyframe: true, PTSTicks: at, DTSTicks: at, DurationTicks: int64(a.Samples),
				ArrivalNs: run.TimeNs(1, at), Payload: a.Units[audio%len(a.Units)]})
		}
	}
	return out
}
