package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const gb = 1 << 30

// now is the instant of the tests: day 100.
const now = 100 * DayMs

// line makes one with a segment of a gigabyte a day, from so many days ago until today; letters name the deletions.
func line(camera string, daysBack, target, promise int) Line {
	l := Line{Camera: camera, Kind: "standard", Days: target, MinDays: promise}
	for d := daysBack; d >= 1; d-- {
		l.Segments = append(l.Segments, Segment{StartMs: now - int64(d)*DayMs, EndMs: now - int64(d-1)*DayMs, SizeBytes: gb})
	}
	return l
}

// over is a volume of 100 TB (its slack is a gigabyte, one segment) that is n gigabytes over its limit.
func over(n int64) Volume {
	v := Volume{SizeBytes: 100_000 * gb, LimitPercent: 50}
	v.FreeBytes = v.SizeBytes - v.Limit() - n*gb
	return v
}

// spell writes deletions as camera and age in days: "a9".
func spell(s Situation, v Verdict) string {
	var out []string
	for _, d := range v.Deletions {
		seg := s.Lines[d.Line].Segments[d.Segment]
		out = append(out, fmt.Sprintf("%s%d", s.Lines[d.Line].Camera, (now-seg.StartMs)/DayMs))
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	alarm := func(l Line) Line { l.Kind = "alarm"; return l }
	protect := func(l Line, spans ...Span) Line { l.Protected = spans; return l }
	head := func(l Line, n int) Line { l.Segments, l.More = l.Segments[:n], true; return l }
	days := func(from, to int64) Span { return Span{now - from*DayMs, now - to*DayMs} }
	for _, c := range []struct {
		name string
		s    Situation
		want string
		rest Verdict
	}{
		{name: "under the limit nothing goes", s: Situation{Volume: over(0), Lines: []Line{line("a", 9, 0, 0)}}},
		{name: "over it, the oldest until a little under", s: Situation{Volume: over(2), Lines: []Line{line("a", 9, 0, 0)}}, want: "a9 a8 a7"},
		{name: "without targets the oldest of all", s: Situation{Volume: over(3), Lines: []Line{line("a", 4, 0, 0), line("b", 6, 0, 0)}}, want: "b6 b5 a4 b4"},
		{name: "what is as old goes in order of camera", s: Situation{Volume: over(2), Lines: []Line{line("b", 3, 0, 0), line("a", 3, 0, 0)}}, want: "a3 b3 a2"},
		{name: "in proportion to the targets", s: Situation{Volume: over(8), Lines: []Line{line("a", 10, 10, 0), line("b", 30, 30, 0)}},
			want: "b30 a10 b29 b28 b27 a9 b26 b25 b24"},
		{name: "without a target, as the longest of the volume", s: Situation{Volume: over(3), Lines: []Line{line("a", 10, 10, 0), line("b", 29, 30, 0), line("c", 30, 0, 0)}},
			want: "c30 a10 b29 c29"},
		{name: "without a target, as the longest of its own kind", s: Situation{Volume: over(1), Lines: []Line{line("a", 10, 10, 0), alarm(line("b", 90, 100, 0)), line("c", 10, 0, 0)}},
			want: "a10 c10"},
		{name: "without a target in a kind that has none, as the longest of the other", s: Situation{Volume: over(1), Lines: []Line{line("a", 10, 10, 0), alarm(line("b", 11, 0, 0))}},
			want: "b11 a10"},
		{name: "by age whatever the room", s: Situation{Volume: over(0), ByAge: true, Lines: []Line{line("a", 9, 7, 0), line("b", 9, 0, 0), alarm(line("c", 5, 3, 0))}},
			want: "a9 a8 c5 c4"},
		{name: "not by age when the clock is not to be trusted", s: Situation{Volume: over(0), Lines: []Line{line("a", 9, 7, 0)}}},
		{name: "what goes by age makes room", s: Situation{Volume: over(1), ByAge: true, Lines: []Line{line("a", 9, 7, 0), line("b", 20, 0, 0)}}, want: "a9 a8"},
		{name: "a part within the target keeps the whole segment", s: Situation{Volume: over(0), ByAge: true, NowMs: now - DayMs/2, Lines: []Line{line("a", 9, 7, 0)}}, want: "a9"},
		{name: "what is promised stays while anything else is left", s: Situation{Volume: over(3), Lines: []Line{line("a", 9, 0, 7), line("b", 3, 0, 0)}}, want: "a9 a8 b3 b2"},
		{name: "and then it stays too", s: Situation{Volume: over(6), Lines: []Line{line("a", 9, 0, 7), line("b", 3, 0, 0)}}, want: "a9 a8 b3 b2 b1",
			rest: Verdict{ShortBytes: gb, Promised: true}},
		{name: "unless nothing else can take recordings: promises shrink alike", s: Situation{Volume: over(6), Breaking: true, Lines: []Line{line("a", 4, 0, 4), line("b", 8, 0, 8)}},
			want: "b8 a4 b7 b6 a3 b5"},
		{name: "a promise is broken just as far as needed", s: Situation{Volume: over(1), Breaking: true, Lines: []Line{line("a", 4, 0, 4)}}, want: "a4"},
		{name: "the slack breaks no promise", s: Situation{Volume: over(2), Breaking: true, Lines: []Line{line("a", 4, 0, 2)}}, want: "a4 a3"},
		{name: "protected stays", s: Situation{Volume: over(3), ByAge: true, Breaking: true, Lines: []Line{protect(line("a", 5, 2, 0), days(5, 3))}}, want: "a3 a2 a1",
			rest: Verdict{}},
		{name: "a protection covers what it only touches", s: Situation{Volume: over(9), Lines: []Line{protect(line("a", 5, 0, 0), Span{now - 4*DayMs - 1, now - 4*DayMs + 1})}},
			want: "a3 a2 a1", rest: Verdict{ShortBytes: 6 * gb}},
		{name: "and nothing beside it", s: Situation{Volume: over(9), Lines: []Line{protect(line("a", 4, 0, 0), days(3, 2))}}, want: "a4 a2 a1", rest: Verdict{ShortBytes: 6 * gb}},
		{name: "nothing is left", s: Situation{Volume: over(3), Breaking: true, Lines: []Line{line("a", 1, 0, 1)}}, want: "a1", rest: Verdict{ShortBytes: 2 * gb}},
		{name: "no line at all", s: Situation{Volume: over(3), Breaking: true}, rest: Verdict{ShortBytes: 3 * gb}},
		{name: "no more than so many at a time", s: Situation{Volume: over(3), Most: 2, Lines: []Line{line("a", 9, 0, 0)}}, want: "a9 a8", rest: Verdict{More: true}},
		{name: "a list that ends is asked for again", s: Situation{Volume: over(5), Lines: []Line{head(line("a", 9, 0, 0), 2), line("b", 3, 0, 0)}}, want: "a9 a8", rest: Verdict{More: true}},
		{name: "also by age", s: Situation{Volume: over(0), ByAge: true, Lines: []Line{head(line("a", 9, 2, 0), 3)}}, want: "a9 a8 a7", rest: Verdict{More: true}},
		{name: "a list that ends in promises is enough", s: Situation{Volume: over(2), Lines: []Line{head(line("a", 3, 0, 3), 1), line("b", 2, 0, 0)}}, want: "b2 b1"},
		{name: "what comes from the future goes last", s: Situation{Volume: over(1), NowMs: now - 5*DayMs, Lines: []Line{line("a", 2, 0, 0), line("b", 6, 0, 0)}}, want: "b6 b5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.s.NowMs == 0 {
				c.s.NowMs = now
			}
			got := Plan(c.s)
			if s := spell(c.s, got); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
			if got.Deletions = nil; !gocmp.Equal(got, c.rest) {
				t.Errorf("left %+v, want %+v", got, c.rest)
			}
		})
	}
}

// situation makes one up. Segments of a line follow one another, as a stream's do.
func situation(r *rand.Rand) Situation {
	s := Situation{NowMs: now, ByAge: r.IntN(2) == 0, Breaking: r.IntN(2) == 0}
	var all int64
	for i := range 1 + r.IntN(6) {
		l := Line{Camera: fmt.Sprintf("camera%d", i/2), Kind: []string{"standard", "alarm"}[i%2]}
		if r.IntN(3) > 0 {
			l.Days = 1 + r.IntN(60)
		}
		if r.IntN(2) == 0 {
			l.MinDays = r.IntN(60)
			if l.Days > 0 {
				l.MinDays = min(l.MinDays, l.Days)
			}
		}
		at := now - r.Int64N(60*DayMs)
		for range r.IntN(30) {
			end := at + 1 + r.Int64N(DayMs)
			l.Segments = append(l.Segments, Segment{at, end, 1 + r.Int64N(2*gb)})
			all += l.Segments[len(l.Segments)-1].SizeBytes
			at = end + r.Int64N(3)*r.Int64N(DayMs)
		}
		for from := now - r.Int64N(70*DayMs); from < now && r.IntN(3) > 0; {
			to := from + 1 + r.Int64N(4*DayMs)
			l.Protected = append(l.Protected, Span{from, to})
			from = to + r.Int64N(9*DayMs)
		}
		s.Lines = append(s.Lines, l)
	}
	s.Volume = Volume{SizeBytes: all + r.Int64N(all+gb), LimitPercent: 10 + r.IntN(90)}
	s.Volume.FreeBytes = max(0, s.Volume.SizeBytes-all)
	return s
}

// check holds a verdict over whole lists against the promises, one deletion after the other.
func check(t *testing.T, s Situation, v Verdict) {
	t.Helper()
	goal := targets(s.Lines)
	gone := map[Deletion]bool{}
	var freed int64
	excess := s.Volume.Excess()
	left := func(fn func(l int, seg Segment)) {
		for i, l := range s.Lines {
			for j, seg := range l.Segments {
				protected := slices.ContainsFunc(l.Protected, func(p Span) bool { return seg.StartMs < p.ToMs && seg.EndMs > p.FromMs })
				if !gone[Deletion{Line: i, Segment: j}] && !protected {
					fn(i, seg)
				}
			}
		}
	}
	promised := func(l int, seg Segment) bool {
		return s.Lines[l].MinDays > 0 && seg.EndMs > s.NowMs-int64(s.Lines[l].MinDays)*DayMs
	}
	tooOld := func(l int, seg Segment) bool {
		return s.ByAge && s.Lines[l].Days > 0 && seg.EndMs <= s.NowMs-int64(s.Lines[l].Days)*DayMs
	}
	for _, d := range v.Deletions {
		seg := s.Lines[d.Line].Segments[d.Segment]
		for _, p := range s.Lines[d.Line].Protected {
			if seg.StartMs < p.ToMs && seg.EndMs > p.FromMs {
				t.Fatalf("%+v is protected by %+v", seg, p)
			}
		}
		if gone[Deletion{Line: d.Line, Segment: d.Segment}] {
			t.Fatalf("%+v goes twice", d)
		}
		age := s.NowMs - seg.StartMs
		switch d.Why {
		case TooOld:
			if !tooOld(d.Line, seg) {
				t.Fatalf("%+v is not too old", seg)
			}
		case Room:
			if promised(d.Line, seg) || freed >= excess+s.Volume.Slack() {
				t.Fatalf("%+v goes for room: promised %v, freed %d of %d", seg, promised(d.Line, seg), freed, excess)
			}
			left(func(l int, o Segment) {
				if !promised(l, o) && (s.NowMs-o.StartMs)*goal[d.Line] > age*goal[l] {
					t.Fatalf("%+v of line %d goes before %+v of line %d", seg, d.Line, o, l)
				}
			})
		case Breaking:
			if !s.Breaking || freed >= excess {
				t.Fatalf("%+v: a promise is broken without need", seg)
			}
			left(func(l int, o Segment) {
				if !promised(l, o) {
					t.Fatalf("%+v, promised, goes before %+v", seg, o)
				}
				if (s.NowMs-o.StartMs)*int64(s.Lines[d.Line].MinDays) > age*int64(s.Lines[l].MinDays) {
					t.Fatalf("promises do not shrink alike: %+v of line %d goes before %+v of line %d", seg, d.Line, o, l)
				}
			})
		}
		gone[Deletion{Line: d.Line, Segment: d.Segment}] = true
		freed += seg.SizeBytes
	}
	deletable := false
	left(func(l int, seg Segment) {
		if tooOld(l, seg) {
			t.Fatalf("%+v is too old and stays", seg)
		}
		deletable = deletable || !promised(l, seg) || s.Breaking
	})
	if freed < excess && deletable {
		t.Fatalf("only %d of %d are freed, though more could go", freed, excess)
	}
	if v.ShortBytes != max(0, excess-freed) || v.More {
		t.Fatalf("short of %d, more %v; freed %d of %d", v.ShortBytes, v.More, freed, excess)
	}
}

func TestPlanKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	deletions := map[Why]int{}
	for range 4000 {
		s := situation(r)
		v := Plan(s)
		check(t, s, v)
		if !gocmp.Equal(v, Plan(s)) {
			t.Fatal("the same situation has another plan")
		}
		for _, d := range v.Deletions {
			deletions[d.Why]++
		}
	}
	for _, why := range []Why{TooOld, Room, Breaking} {
		if deletions[why] < 1000 {
			t.Errorf("only %d deletions: %v", deletions[why], why)
		}
	}
}

// TestPlanFromHeadsIsThatFromAll carries plans out as the archive does, from a few segments of each line and some
// deletions at a time, and compares with what goes when all is listed.
func TestPlanFromHeadsIsThatFromAll(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		s := situation(r)
		want := map[Segment]bool{}
		for _, d := range Plan(s).Deletions {
			want[s.Lines[d.Line].Segments[d.Segment]] = true
		}
		got := map[Segment]bool{}
		all := slices.Clone(s.Lines)
		heads := s
		heads.Most = 1 + r.IntN(5)
		for round := 0; ; round++ {
			if round > 1000 {
				t.Fatal("no end")
			}
			heads.Lines = nil
			for _, l := range all {
				h := l
				h.Segments = nil
				for _, seg := range l.Segments {
					if l.protects(seg) {
						continue
					}
					if h.More = len(h.Segments) == 3; h.More {
						break
					}
					h.Segments = append(h.Segments, seg)
				}
				heads.Lines = append(heads.Lines, h)
			}
			v := Plan(heads)
			for _, d := range v.Deletions {
				seg := heads.Lines[d.Line].Segments[d.Segment]
				got[seg] = true
				heads.Volume.FreeBytes += seg.SizeBytes
				l := &all[d.Line]
				l.Segments = slices.DeleteFunc(slices.Clone(l.Segments), func(o Segment) bool { return o == seg })
			}
			if !v.More {
				break
			}
		}
		// The slack of the last batch is not asked for again once the volume is under its limit.
		for seg := range got {
			if !want[seg] {
				t.Fatalf("%+v goes, though not when all is listed", seg)
			}
		}
		if heads.Volume.Excess() > 0 && len(got) != len(want) {
			t.Fatalf("%d go, %d when all is listed", len(got), len(want))
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	s := Situation{Volume: over(10), NowMs: now, ByAge: true, Most: 16}
	for i := range 200 {
		s.Lines = append(s.Lines, line(fmt.Sprintf("c%d", i), 8, 8+i%7, 3))
	}
	for b.Loop() {
		if v := Plan(s); len(v.Deletions) != 11 {
			b.Fatal(len(v.Deletions))
		}
	}
}
