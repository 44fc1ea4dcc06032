package coverage

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
)

func gap(start, end int64, c index.Cause) index.Gap {
	return index.Gap{Camera: "aaaaaaa1", Stream: "main", StartMs: start, EndMs: end, Cause: c}
}

func inside(start, end int64, c index.Cause) index.Gap {
	g := gap(start, end, c)
	g.Inside = true
	return g
}

func TestEachInstantHasOneState(t *testing.T) {
	const s = 1000
	for _, c := range []struct {
		name        string
		from, to    int64
		now         int64
		streams     []Stream
		recorded    int64
		unscheduled int64
		causes      map[index.Cause]int64
	}{
		{name: "recorded throughout", to: 100 * s, now: 200 * s, recorded: 100 * s,
			streams: []Stream{{Recorded: []Span{{0, 60 * s}, {60 * s, 200 * s}}}}},
		{name: "a hole shorter than two seconds is a frame's time", to: 100 * s, now: 200 * s, recorded: 100 * s,
			streams: []Stream{{Recorded: []Span{{0, 60 * s}, {61999, 200 * s}}}}},
		{name: "unless its cause is known", to: 100 * s, now: 200 * s, recorded: 98001, causes: map[index.Cause]int64{index.Overload: 1999},
			streams: []Stream{{Recorded: []Span{{0, 60 * s}, {61999, 200 * s}}, Gaps: []index.Gap{gap(60*s, 61999, index.Overload)}}}},
		{name: "a longer one is unknown", to: 100 * s, now: 200 * s, recorded: 98 * s, causes: map[index.Cause]int64{index.Unknown: 2 * s},
			streams: []Stream{{Recorded: []Span{{0, 60 * s}, {62 * s, 200 * s}}}}},
		{name: "a hole at the end of the range is judged by what follows", to: 61 * s, now: 200 * s, recorded: 61 * s,
			streams: []Stream{{Recorded: []Span{{0, 60 * s}, {61500, 200 * s}}}}},
		{name: "the newest seconds are on their way", to: 100 * s, now: 100 * s, recorded: 100 * s,
			streams: []Stream{{Recorded: []Span{{0, 91 * s}}}}},
		{name: "but not for long", to: 100 * s, now: 100 * s, recorded: 90 * s, causes: map[index.Cause]int64{index.Unknown: 10 * s},
			streams: []Stream{{Recorded: []Span{{0, 90 * s}}}}},
		{name: "nor when something is known to be wrong", to: 100 * s, now: 100 * s, recorded: 95 * s, causes: map[index.Cause]int64{index.CameraOffline: 5 * s},
			streams: []Stream{{Recorded: []Span{{0, 95 * s}}, Gaps: []index.Gap{gap(95*s, 100*s, index.CameraOffline)}}}},
		{name: "nothing is owed before the first row", to: 100 * s, now: 200 * s, recorded: 60 * s, unscheduled: 40 * s,
			streams: []Stream{{SinceMs: 40 * s, Recorded: []Span{{40 * s, 200 * s}}}}},
		{name: "nor by a stream that is not recorded any more", to: 100 * s, now: 105 * s, recorded: 60 * s, unscheduled: 40 * s,
			streams: []Stream{{UntilMs: 60 * s, Recorded: []Span{{0, 60 * s}}}}},
		{name: "nor outside the calendar, whatever was recorded", to: 100 * s, now: 200 * s, recorded: 30 * s, unscheduled: 70 * s,
			streams: []Stream{{Recorded: []Span{{0, 60 * s}}, Gaps: []index.Gap{gap(30*s, 100*s, index.Unscheduled)}}}},
		{name: "frames missing within a segment", to: 100 * s, now: 200 * s, recorded: 97 * s, causes: map[index.Cause]int64{index.Network: 3 * s},
			streams: []Stream{{Recorded: []Span{{0, 200 * s}}, Gaps: []index.Gap{inside(50*s, 53*s, index.Network)}}}},
		{name: "an alarm recording fills a standard one's place", to: 100 * s, now: 200 * s, recorded: 90 * s, causes: map[index.Cause]int64{index.Disk: 10 * s},
			streams: []Stream{{Recorded: []Span{{0, 40 * s}, {60 * s, 200 * s}, {45 * s, 55 * s}}, Gaps: []index.Gap{gap(40*s, 60*s, index.Disk)}}}},
		{name: "a lost file's own gaps keep their causes", to: 100 * s, now: 200 * s, recorded: 40 * s, causes: map[index.Cause]int64{index.LostFile: 57 * s, index.Network: 3 * s},
			streams: []Stream{{Recorded: []Span{{60 * s, 200 * s}, {0, 0}}, Gaps: []index.Gap{inside(20*s, 23*s, index.Network), gap(0, 60*s, index.LostFile)}}}},
		{name: "a sliver beside a gap is part of it", to: 100 * s, now: 200 * s, recorded: 80 * s, causes: map[index.Cause]int64{index.CameraDisabled: 20 * s},
			streams: []Stream{{Recorded: []Span{{0, 40 * s}, {60 * s, 200 * s}}, Gaps: []index.Gap{gap(40001, 50*s, index.CameraDisabled), gap(50500, 60*s, index.CameraDisabled)}}}},
		{name: "both streams are asked for", to: 100 * s, now: 200 * s, recorded: 80 * s, causes: map[index.Cause]int64{index.Disk: 10 * s, index.CameraOffline: 10 * s},
			streams: []Stream{
				{Recorded: []Span{{0, 40 * s}, {50 * s, 200 * s}}, Gaps: []index.Gap{gap(40*s, 50*s, index.Disk)}},
				{Recorded: []Span{{0, 45 * s}, {60 * s, 200 * s}}, Gaps: []index.Gap{gap(45*s, 60*s, index.CameraOffline)}}}},
		{name: "a stream outside its calendar does not count", to: 100 * s, now: 200 * s, recorded: 100 * s,
			streams: []Stream{{Recorded: []Span{{0, 200 * s}}}, {Gaps: []index.Gap{gap(0, 200*s, index.Unscheduled)}}}},
		{name: "the future is no part of it", to: 100 * s, now: 50 * s, recorded: 50 * s, streams: []Stream{{Recorded: []Span{{0, 50 * s}}}}},
		{name: "no stream", to: 100 * s, now: 200 * s, unscheduled: 100 * s},
	} {
		days := Days(c.from, c.to, c.now, time.UTC, c.streams)
		if len(days) != 1 {
			t.Errorf("%s: got %d days", c.name, len(days))
			continue
		}
		d := days[0]
		causes := map[index.Cause]int64{}
		for _, k := range d.Causes {
			causes[index.Cause(k.Cause)] = k.Ms
		}
		if c.causes == nil {
			c.causes = map[index.Cause]int64{}
		}
		if diff := cmp.Diff(c.causes, causes); diff != "" || d.RecordedMs != c.recorded || d.UnscheduledMs != c.unscheduled {
			t.Errorf("%s: recorded %d, want %d; unscheduled %d, want %d\n%s", c.name, d.RecordedMs, c.recorded, d.UnscheduledMs, c.unscheduled, diff)
		}
	}
}

func TestDaysAreThoseOfTheTimeZone(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string, zone *time.Location) int64 {
		v, err := time.ParseInLocation(time.DateTime, s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMilli()
	}
	days := Days(at("2026-10-23 12:00:00", paris), at("2026-10-27 06:00:00", paris), 1<<50, paris, nil)
	var got []string
	for _, d := range days {
		got = append(got, d.Date+" "+(time.Duration(d.EndMs-d.StartMs)*time.Millisecond).String())
	}
	if d := cmp.Diff([]string{"2026-10-23 12h0m0s", "2026-10-24 24h0m0s", "2026-10-25 25h0m0s", "2026-10-26 24h0m0s", "2026-10-27 6h0m0s"}, got); d != "" {
		t.Error(d)
	}
	beirut, err := time.LoadLocation("Asia/Beirut") // the clock goes from 0:00 to 1:00
	if err != nil {
		t.Fatal(err)
	}
	days = Days(at("2026-03-28 00:00:00", beirut), at("2026-03-30 00:00:00", beirut), 1<<50, beirut, nil)
	if len(days) != 2 || days[1].Date != "2026-03-29" || days[1].EndMs-days[1].StartMs != 23*3_600_000 {
		t.Errorf("got %+v", days)
	}
}

// TestSumsAreExact holds random ledgers against one that looks at each instant by itself.
func TestSumsAreExact(t *testing.T) {
	causes := []index.Cause{index.CameraOffline, index.Network, index.Disk, index.Overload, index.EngineRestart, index.Power, index.ClockStep, index.Unscheduled, "what a newer version knows"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		const length = 40_000
		now := int64(length - 5000 + r.IntN(10_000))
		var streams []Stream
		for range r.IntN(3) {
			s := Stream{SinceMs: int64(r.IntN(length / 2))}
			if r.IntN(3) == 0 {
				s.UntilMs = length/2 + int64(r.IntN(length/2))
			}
			for at := int64(0); at < length; {
				end := at + 1 + int64(r.IntN(6000))
				if r.IntN(4) > 0 {
					s.Recorded = append(s.Recorded, Span{at, end})
				}
				at = end + int64(r.IntN(2))*int64(r.IntN(4000))
			}
			for at := int64(0); at < length; {
				end := at + 1 + int64(r.IntN(3000))
				if r.IntN(3) == 0 {
					g := gap(at, end, causes[r.IntN(len(causes))])
					g.Inside = r.IntN(3) == 0
					s.Gaps = append(s.Gaps, g)
				}
				at = end
			}
			r.Shuffle(len(s.Recorded), func(i, j int) { s.Recorded[i], s.Recorded[j] = s.Recorded[j], s.Recorded[i] })
			streams = append(streams, s)
		}
		from := int64(r.IntN(length / 4))
		to := from + 1 + int64(r.IntN(length))
		zone := time.FixedZone("odd", r.IntN(24*3600))
		want := map[index.Cause]int64{}
		each := make([][]index.Cause, len(streams))
		for i, s := range streams {
			for at := from; at < min(to, now); at++ {
				each[i] = append(each[i], s.plainly(at, now))
			}
			settlePlainly(each[i])
		}
		for i := range max(min(to, now)-from, 0) {
			want[plainly(each, int(i))]++
		}
		got := map[index.Cause]int64{}
		at := from
		for _, d := range Days(from, to, now, zone, streams) {
			var sum int64
			for _, c := range d.Causes {
				got[index.Cause(c.Cause)] += c.Ms
				sum += c.Ms
			}
			got[recorded] += d.RecordedMs
			got[unscheduled] += d.UnscheduledMs
			if d.ScheduledMs != d.RecordedMs+sum || d.EndMs-d.StartMs != d.ScheduledMs+d.UnscheduledMs || d.StartMs != at {
				t.Fatalf("seed %d: %+v does not sum up", seed, d)
			}
			at = d.EndMs
		}
		if at != max(min(to, now), from) {
			t.Fatalf("seed %d: ends at %d, want %d", seed, at, min(to, now))
		}
		for c, ms := range got {
			if ms == 0 {
				delete(got, c)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// plainly is the state of one instant.
func plainly(streams [][]index.Cause, at int) index.Cause {
	out := unscheduled
	for _, s := range streams {
		switch c := s[at]; {
		case c == unscheduled:
		case out == unscheduled, c != recorded && out == recorded:
			out = c
		case c != recorded && slices.Index(append(slices.Clone(gravity), c), c) < slices.Index(append(slices.Clone(gravity), out), out):
			out = c
		}
	}
	return out
}

func (s Stream) plainly(at, now int64) index.Cause {
	var here *index.Gap
	for i, g := range s.Gaps {
		if at >= g.StartMs && at < g.EndMs {
			here = &s.Gaps[i]
		}
	}
	before, after := int64(-1), int64(-1) // end and start of the footage around a hole
	for _, r := range s.Recorded {
		switch {
		case at >= r.StartMs && at < r.EndMs:
			if here != nil && (here.Inside || here.Cause == unscheduled) {
				return here.Cause
			}
			return recorded
		case r.EndMs <= at:
			before = max(before, r.EndMs)
		case after < 0 || r.StartMs < after:
			after = r.StartMs
		}
	}
	switch {
	case here != nil:
		return here.Cause
	case before >= 0 && after >= 0 && after-before < Join.Milliseconds():
		return recorded
	case before >= 0 && after < 0 && s.UntilMs == 0 && now-before < OnItsWay.Milliseconds():
		return recorded
	case at < s.SinceMs, s.UntilMs != 0 && at >= s.UntilMs:
		return unscheduled
	}
	return index.Unknown
}

// settlePlainly puts slivers of nothing to their neighbours.
func settlePlainly(state []index.Cause) {
	for at := 0; at < len(state); at++ {
		end := at
		for end < len(state) && state[end] == index.Unknown {
			end++
		}
		if n := end - at; n == 0 {
			continue
		} else if n < int(Join.Milliseconds()) {
			c := index.Unknown
			if at > 0 {
				c = state[at-1]
			}
			if end < len(state) && state[end] != recorded {
				c = state[end]
			}
			for ; at < end; at++ {
				state[at] = c
			}
		}
		at = end - 1
	}
}

func BenchmarkMonth(b *testing.B) {
	var s Stream
	for i := range int64(31 * 288) {
		s.Recorded = append(s.Recorded, Span{i * 300_000, (i + 1) * 300_000})
		if i%10 == 0 {
			s.Gaps = append(s.Gaps, gap(i*300_000, i*300_000+5000, index.Network))
		}
	}
	var days []api.CoverageDay
	for b.Loop() {
		days = Days(0, 31*86_400_000, 1<<50, time.UTC, []Stream{s, s})
	}
	if len(days) != 31 {
		b.Fatal(len(days))
	}
}
