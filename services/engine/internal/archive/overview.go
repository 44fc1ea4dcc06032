package archive

import (
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
)

// Overview is what the API tells of a camera between two instants when single files do not show: what is less than
// resolutionMs apart is merged. Running are the gaps that run now.
func (a *Archive) Overview(camera string, fromMs, toMs, resolutionMs int64, running []index.Gap) (api.Overview, error) {
	o := api.Overview{FromMs: fromMs, ToMs: toMs, ResolutionMs: resolutionMs, Rebuilding: a.Rebuilding(), Spans: []api.FootageSpan{}, Gaps: []api.Gap{}}
	open := a.open(camera) // first: a segment that closes meanwhile is then in the index
	spans, err := a.idx.Spans(camera, fromMs, toMs, resolutionMs)
	if err != nil {
		return o, err
	}
	for _, s := range open {
		if s.StartMs < toMs && s.EndMs > fromMs {
			spans = append(spans, index.Span{Stream: s.Shows(), Kind: s.Kind, StartMs: s.StartMs, EndMs: s.EndMs})
		}
	}
	for _, s := range index.Merge(spans, resolutionMs) {
		o.Spans = append(o.Spans, api.FootageSpan{Stream: s.Stream, Kind: api.FootageSpanKind(s.Kind), StartMs: s.StartMs, EndMs: s.EndMs})
	}
	gaps, err := a.idx.Gaps(camera, fromMs, toMs)
	if err != nil {
		return o, err
	}
	last := map[string]int{} // stream → its last one in o.Gaps
	for _, g := range append(gaps, running...) {
		if g.StartMs >= toMs || g.EndMs <= fromMs {
			continue
		}
		i, any := last[g.Stream]
		if any && o.Gaps[i].Cause == api.GapCause(g.Cause) && g.StartMs-o.Gaps[i].EndMs < resolutionMs {
			o.Gaps[i].EndMs = max(o.Gaps[i].EndMs, g.EndMs)
		} else if g.EndMs-g.StartMs >= resolutionMs {
			last[g.Stream] = len(o.Gaps)
			o.Gaps = append(o.Gaps, apiGap(g))
		}
	}
	o.FirstMs, o.LastMs, _, err = a.Bounds(camera)
	return o, err
}

func apiGap(g index.Gap) api.Gap {
	return api.Gap{StartMs: g.StartMs, EndMs: g.EndMs, Stream: api.StreamName(g.Stream), Cause: api.GapCause(g.Cause), Message: g.Cause.Words()}
}

// Days returns the days of which there is footage; midnights are their starts, and the end of the last.
func (a *Archive) Days(camera string, midnights []int64, zone *time.Location) ([]api.FootageDay, error) {
	open := a.open(camera)
	kinds, err := a.idx.Kinds(camera, midnights)
	if err != nil {
		return nil, err
	}
	out := []api.FootageDay{}
	for i, k := range kinds {
		day := api.FootageDay{StartMs: midnights[i], EndMs: midnights[i+1], Standard: k[index.Standard], Alarm: k[index.Alarm]}
		for _, s := range open {
			if s.StartMs < day.EndMs && s.EndMs > day.StartMs {
				day.Standard = day.Standard || s.Kind == index.Standard
				day.Alarm = day.Alarm || s.Kind == index.Alarm
			}
		}
		if !day.Standard && !day.Alarm {
			continue
		}
		day.Date = time.UnixMilli(day.StartMs).In(zone).Format(time.DateOnly)
		out = append(out, day)
	}
	return out, nil
}
