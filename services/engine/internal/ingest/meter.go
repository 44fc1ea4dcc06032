package ingest

import (
	"time"

	"vigie/services/engine/internal/history"
)

// meterSeconds is the time over which rates are averaged.
const meterSeconds = 5

// meter measures a stream. Times are on one monotonic clock. Not safe for concurrent use.
type meter struct {
	buckets  [meterSeconds + 1]struct{ second, bytes, frames int64 }
	begun    bool
	first    int64 // second in which it began: not a whole one
	lastKey  int64 // ticks
	haveKey  bool
	gopTicks int64

	since time.Duration // when the session's first frame came
	total history.Counters
}

// frame counts one access unit; audio counts as bytes only.
func (m *meter) frame(now time.Duration, bytes int, video bool) {
	second := int64(now / time.Second)
	if !m.begun {
		m.begun, m.first, m.since = true, second, now
	}
	b := &m.buckets[second%int64(len(m.buckets))]
	if b.second != second {
		b.second, b.bytes, b.frames = second, 0, 0
	}
	b.bytes += int64(bytes)
	m.total.Bytes += int64(bytes)
	if video {
		b.frames++
		m.total.Frames++
	}
}

// keyframe notes a keyframe's time in ticks.
func (m *meter) keyframe(ticks int64, sameRun bool) {
	if m.haveKey && sameRun && ticks > m.lastKey {
		m.gopTicks = ticks - m.lastKey
		m.total.GOPs++
		m.total.GOP += time.Duration(m.gopTicks) * time.Second / 90_000
	}
	m.haveKey, m.lastKey = true, ticks
}

// end notes that the session has ended.
func (m *meter) end(now time.Duration) { m.total.Online += now - m.since }

// restart begins again, so that the time without a stream does not count.
func (m *meter) restart() { m.begun = false }

// rates returns bits and video frames a second over the last whole seconds.
func (m *meter) rates(now time.Duration) (bps int64, fps float64) {
	second := int64(now / time.Second)
	span := min(meterSeconds, second-m.first-1)
	if !m.begun || span <= 0 {
		return 0, 0
	}
	var bytes, frames int64
	for _, b := range m.buckets {
		if b.second >= second-span && b.second < second {
			bytes += b.bytes
			frames += b.frames
		}
	}
	return bytes * 8 / span, float64(frames) / float64(span)
}
