package engine

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/coverage"
	"vigie/services/engine/internal/index"
)

// ledger answers what is recorded and what is missing, from what archive, index and cameras know.
type ledger struct {
	archive *archive.Archive
	index   *index.Index
	cameras *camera.Set
	zone    func() *time.Location
}

// zone is the machine's time zone; UTC when it has none that is known.
func (m *machine) zone() *time.Location {
	s, _ := m.get()
	zone, err := time.LoadLocation(s.Clock.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// running are the gaps of a camera that run now.
func (l ledger) running(id string, now time.Time) (out []index.Gap) {
	for _, o := range l.cameras.Owed(id, now) {
		out = append(out, o.Running...)
	}
	return out
}

// Overview answers GET /cameras/{camera}/overview.
func (l ledger) Overview(id string, fromMs, toMs, resolutionMs int64) (api.Overview, error) {
	return l.archive.Overview(id, fromMs, toMs, resolutionMs, l.running(id, time.Now()))
}

// Days answers GET /cameras/{camera}/days. The first and the last day are whole ones.
func (l ledger) Days(id string, fromMs, toMs int64) ([]api.FootageDay, error) {
	zone := l.zone()
	const week = 7 * index.DayMs
	all := coverage.Midnights(fromMs-week, toMs+week, zone)
	first, found := slices.BinarySearch(all, fromMs)
	if !found {
		first--
	}
	last, _ := slices.BinarySearch(all, toMs)
	return l.archive.Days(id, all[max(first, 0):last+1], zone)
}

// Coverage answers GET /cameras/{camera}/coverage.
func (l ledger) Coverage(id string, fromMs, toMs int64) (api.Coverage, error) {
	now := time.Now()
	owed := l.cameras.Owed(id, now)
	names, err := l.index.Streams(id)
	if err != nil {
		return api.Coverage{}, err
	}
	for _, o := range owed {
		names = append(names, o.Stream)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	const margin = int64(coverage.Margin / time.Millisecond)
	footage, err := l.archive.Segments(id, max(fromMs-margin, 0), toMs+margin)
	if err != nil {
		return api.Coverage{}, err
	}
	gaps, err := l.index.Gaps(id, fromMs, toMs)
	if err != nil {
		return api.Coverage{}, err
	}
	var streams []coverage.Stream
	for _, name := range names {
		s := coverage.Stream{}
		for _, f := range footage {
			if f.Shows() == name {
				s.Recorded = append(s.Recorded, coverage.Span{StartMs: f.StartMs, EndMs: f.EndMs})
			}
		}
		for _, g := range gaps {
			if g.Stream == name {
				s.Gaps = append(s.Gaps, g)
			}
		}
		first, last, found, err := l.index.LedgerBounds(id, name)
		if err != nil {
			return api.Coverage{}, err
		}
		note := func(startMs, endMs int64) { // what is not in the index yet
			if !found || startMs < first {
				first = startMs
			}
			last, found = max(last, endMs), true
		}
		for _, f := range footage {
			if f.Shows() == name && f.Open && f.Kind == index.Standard {
				note(f.StartMs, f.EndMs)
			}
		}
		i := slices.IndexFunc(owed, func(o camera.Owed) bool { return o.Stream == name })
		if i >= 0 {
			for _, g := range owed[i].Running {
				note(g.StartMs, g.EndMs)
				s.Gaps = append(s.Gaps, g)
			}
		}
		if !found {
			continue
		}
		if s.SinceMs = first; i < 0 {
			s.UntilMs = last
		}
		streams = append(streams, s)
	}
	return api.Coverage{Camera: id, FromMs: fromMs, ToMs: toMs, Rebuilding: l.archive.Rebuilding(), Days: coverage.Days(fromMs, toMs, now.UnixMilli(), l.zone(), streams)}, nil
}

// AllCoverage answers GET /coverage.
func (l ledger) AllCoverage(fromMs, toMs int64) ([]api.Coverage, error) {
	cameras, err := l.cameras.List()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(cameras, func(a, b api.Camera) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	out := make([]api.Coverage, 0, len(cameras))
	for _, c := range cameras {
		one, err := l.Coverage(c.ID, fromMs, toMs)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// noteEvery is how often the outages that run are put into the index: what a kill or a power cut takes of one is no more.
const noteEvery = 10 * time.Second

// ringLasts is how long a disk that does not answer may still get all there was, from the rings.
const ringLasts = time.Minute

// keepLedger puts the outages that run into the index, all in one transaction, until ctx ends: where none runs nothing is
// written. When footage resumes, its recorder replaces them by what they were in the end.
func keepLedger(ctx context.Context, cameras *camera.Set, idx *index.Index, log *slog.Logger) {
	t := time.NewTicker(noteEvery)
	defer t.Stop()
	for {
		var now time.Time
		select {
		case now = <-t.C:
		case <-ctx.Done():
			now = time.Now() // the last word of this process
		}
		gaps := slices.DeleteFunc(cameras.Running(now), func(g index.Gap) bool {
			return g.Cause == index.Disk && g.EndMs-g.StartMs < ringLasts.Milliseconds()
		})
		if len(gaps) > 0 {
			if err := idx.AddGap(gaps...); err != nil && ctx.Err() == nil {
				log.Error("outages cannot be put into the index", "err", err)
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// resume tells the outages that ran when the engine died up to that moment: the newest instant of any camera, for those
// that recorded did so within a second of the end.
func resume(idx *index.Index) error {
	ids, err := idx.Ledgers()
	if err != nil {
		return err
	}
	var died int64
	for _, l := range ids {
		_, last, _, err := idx.LedgerBounds(l.Camera, l.Stream)
		if err != nil {
			return err
		}
		died = max(died, last)
	}
	var gaps []index.Gap
	for _, l := range ids {
		g, found, err := idx.LastGap(l.Camera, l.Stream)
		if err != nil {
			return err
		}
		_, last, _, err := idx.LedgerBounds(l.Camera, l.Stream)
		if err != nil {
			return err
		}
		if found && g.Cause != index.Deleted && g.EndMs == last && g.EndMs < died && died-g.EndMs <= 2*noteEvery.Milliseconds() {
			g.EndMs = died
			gaps = append(gaps, g)
		}
	}
	if len(gaps) == 0 {
		return nil
	}
	return idx.AddGap(gaps...)
}
