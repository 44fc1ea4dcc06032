package history

import "time"

// Counters are what a stream has come to since its ingest began; they only grow.
type Counters struct {
	Began      time.Time     // when the ingest did: with another one counting starts again
	Online     time.Duration // with frames coming
	Bytes      int64         // of frames, video and audio
	Frames     int64         // of video
	GOPs       int64         // that ended
	GOP        time.Duration // their lengths together
	Lost       int64         // packets or frames known to be missing
	Reconnects int64
}

// Sample is what a stream's counters say now.
type Sample struct {
	Camera, Stream string
	Counters
}

// point is what happened in some time.
type point struct {
	span       int64 // of it that was looked at, ms
	online     int64 // ms
	bytes      int64
	frames     int64
	gops       int64
	gop        int64 // ms
	lost       int64
	reconnects int64
}

// since returns what happened from one look at counters to the next.
func (c Counters) since(before Counters, span time.Duration) point {
	if !c.Began.Equal(before.Began) {
		before = Counters{}
	}
	return point{
		span: span.Milliseconds(), online: min((c.Online - before.Online).Milliseconds(), span.Milliseconds()),
		bytes: c.Bytes - before.Bytes, frames: c.Frames - before.Frames,
		gops: c.GOPs - before.GOPs, gop: (c.GOP - before.GOP).Milliseconds(),
		lost: c.Lost - before.Lost, reconnects: c.Reconnects - before.Reconnects,
	}
}

// add joins two points.
func (p *point) add(o point) {
	p.span += o.span
	p.online += o.online
	p.bytes += o.bytes
	p.frames += o.frames
	p.gops += o.gops
	p.gop += o.gop
	p.lost += o.lost
	p.reconnects += o.reconnects
}
