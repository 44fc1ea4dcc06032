package history

import (
	"fmt"
	"math"

	"vigie/internal/api"
	"vigie/internal/mirror"
)

// Steps of an answer by how long a time is asked for: a picture has no use for more points than these give.
const (
	minutesFor  = 3 * hourMs // whatever is there of them
	minutesUpTo = 24 * hourMs
	slotsUpTo   = 4 * 24 * hourMs
)

// MaxSpanMs is the longest time that can be asked for.
const MaxSpanMs = keepDays * 24 * hourMs

// Query returns how a stream was in a span of time (UTC, ms), which must not be longer than MaxSpanMs.
func (h *History) Query(camera, streamName string, fromMs, toMs int64) (api.History, error) {
	out := api.History{Camera: camera, Stream: streamName, StepMs: minuteMs, Points: []api.HistoryPoint{}}
	h.mu.Lock()
	st := h.streams[name{camera, streamName}]
	var recent []dot
	var open point
	var openSlot int64
	if st != nil {
		open, openSlot = st.open, st.slot
		if span := toMs - fromMs; len(st.minutes) > 0 && (span <= minutesFor && int64(st.minutes[0].minute)*minuteMs < toMs ||
			span <= minutesUpTo && int64(st.minutes[0].minute)*minuteMs <= fromMs) {
			recent = append(recent, st.minutes...)
		}
	}
	h.mu.Unlock()
	for _, d := range recent {
		if at := int64(d.minute) * minuteMs; at+minuteMs > fromMs && at < toMs {
			out.Points = append(out.Points, d.point().api(at))
		}
	}
	if recent != nil {
		return out, nil
	}

	out.StepMs = slotMs
	if toMs-fromMs > slotsUpTo {
		out.StepMs = hourMs
	}
	var sum point // of the step under way
	step := fromMs / out.StepMs
	flush := func() {
		if sum.span > 0 {
			out.Points = append(out.Points, sum.api(step*out.StepMs))
		}
		sum = point{}
	}
	err := h.db.View(func(tx *mirror.Tx) error {
		for hour := fromMs / hourMs; hour*hourMs < toMs; hour++ {
			k := key(hour, camera, streamName)
			var r row
			if v := tx.Get(bucket, k); v != nil {
				var err error
				if r, err = decode(v); err != nil {
					return fmt.Errorf("row %x: %w", k, err)
				}
			}
			for i, p := range r {
				n := hour*rowPoints + int64(i)
				if n == openSlot {
					p.add(open)
				}
				at := n * slotMs
				if at+slotMs <= fromMs || at >= toMs {
					continue
				}
				if at/out.StepMs != step {
					flush()
					step = at / out.StepMs
				}
				sum.add(p)
			}
		}
		return nil
	})
	flush()
	if err != nil {
		return api.History{}, fmt.Errorf("history of %s %s: %w", camera, streamName, err)
	}
	return out, nil
}

// api is the point as the API shows it.
func (p point) api(atMs int64) api.HistoryPoint {
	out := api.HistoryPoint{AtMs: atMs, LostFrames: p.lost, Reconnects: p.reconnects}
	if p.span > 0 {
		out.OnlinePercent = int(min(100, (p.online*100+p.span/2)/p.span))
	}
	if p.online > 0 { // rates are those while it was online
		out.BitrateBps = p.bytes * 8 * 1000 / p.online
		out.FramesPerSecond = math.Round(float64(p.frames)*100_000/float64(p.online)) / 100
	}
	if p.gops > 0 {
		out.GopMs = p.gop / p.gops
	}
	return out
}
