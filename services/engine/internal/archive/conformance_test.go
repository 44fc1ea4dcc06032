package archive

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
)

// origin is something that a lost index can be rebuilt from. It joins the suite with what makes it the only one there
// is, and what it cannot know.
type origin struct {
	name string
	// damage is done to the site, whose archive is stopped, so that nothing but this source is left.
	damage func(t *testing.T, s *site)
	// looksInside: it reads the files, so that what is not what its name says is found out.
	looksInside bool
	// knowsGaps: it holds what no file does.
	knowsGaps bool
	// remembers is how many recordings are known before a volume is there.
	remembers int
}

var origins = []origin{
	{
		name: "names",
		damage: func(t *testing.T, s *site) {
			s.loseDatabase(t)
			s.cfg.KeepEvery = time.Hour // it is looked into files at this pace
		},
	},
	{
		name:        "headers",
		damage:      func(t *testing.T, s *site) { s.loseDatabase(t) },
		looksInside: true,
	},
	{
		name: "clusters",
		damage: func(t *testing.T, s *site) {
			s.loseDatabase(t)
			for _, seg := range s.segments { // headers as a file has them that was never closed
				path := filepath.Join(s.volumes[seg.Volume].Path, relPath(seg))
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				at := bytes.Index(b[:64], []byte{0x18, 0x53, 0x80, 0x67}) // Segment
				copy(b[at+4:], []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
				if err := os.WriteFile(path, b, 0o640); err != nil {
					t.Fatal(err)
				}
			}
		},
		looksInside: true,
	},
	{
		name: "mirror",
		damage: func(t *testing.T, s *site) {
			s.mirrors = s.copies
			s.loseRAM(t)
		},
		looksInside: true,
		knowsGaps:   true,
		remembers:   24,
	},
	{
		name: "a mirror of before", // its disk was away: what came since is found by names and headers
		damage: func(t *testing.T, s *site) {
			s.mirrors = []mirror.Dir{{ID: "a", Path: s.before}}
			s.loseRAM(t)
		},
		looksInside: true,
		remembers:   8,
	},
}

// site is an archive with recordings of all sorts, stopped, with strange files among them.
type site struct {
	*rig
	volumes  map[string]Volume
	copies   []mirror.Dir
	before   string // a copy as it was when the first recordings were made
	segments []index.Segment
	gap      index.Gap
	torn     index.Segment     // was being written when the power went
	strange  map[string][]byte // path → content
	ids      []string          // of what strange files pass for
	nameless int               // of them whose names or places are wrong
}

func (s *site) loseRAM(t *testing.T) {
	if err := os.Remove(filepath.Join(s.dir, "engine.db")); err != nil {
		t.Fatal(err)
	}
}

func (s *site) loseDatabase(t *testing.T) {
	s.loseRAM(t)
	s.mirrors = nil
}

func newSite(t *testing.T) *site {
	s := &site{rig: newRig(t), volumes: map[string]Volume{}, strange: map[string][]byte{}}
	s.stop()
	for _, id := range []string{"a", "b"} {
		s.volumes[id] = s.volume(id)
		s.copies = append(s.copies, mirror.Dir{ID: id, Path: filepath.Join(s.volumes[id].Path, "index")})
	}
	s.mirrors = s.copies
	s.open()
	add := func(camera, stream string, kind index.Kind, start time.Time, seconds int) index.Segment {
		src := newSource(camera, start)
		src.run.Stream = stream
		f := src.next()
		seg, err := s.arch.Create(src.run, kind, f.TimeNs())
		if err != nil {
			t.Fatal(err)
		}
		for range seconds * 10 {
			if err := seg.Write(context.Background(), f); err != nil {
				t.Fatal(err)
			}
			f = src.next()
		}
		seg.Close()
		var row index.Segment
		await(t, "segment is indexed", func() (found bool) {
			row, found, _ = s.idx.Get(seg.Key())
			return found
		})
		return row
	}
	day := s.start.Add(-48 * time.Hour)
	for i := range 3 { // each with one of the volumes alone
		s.use(s.volumes[[]string{"a", "b"}[i%2]])
		for _, camera := range []string{"k3f9x2ab", "k3f9x2ac"} {
			at := day.Add(time.Duration(i) * 20 * time.Hour)
			s.segments = append(s.segments, add(camera, "main", index.Standard, at, 3), add(camera, "sub", index.Standard, at, 2),
				add(camera, "main", index.Alarm, at, 1), add(camera, "main", index.Standard, at.Add(3*time.Second), 2))
		}
		if i == 0 {
			await(t, "the copy has all of it", func() bool { return s.db.Copies()[0].Generation == s.db.Generation() })
			s.before = filepath.Join(t.TempDir(), "before")
			if err := os.CopyFS(s.before, os.DirFS(s.copies[0].Path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.use(s.volumes["a"])
	s.torn = add("k3f9x2ab", "main", index.Standard, s.start, 5)
	s.gap = index.Gap{Camera: "k3f9x2ab", Stream: "main", StartMs: s.segments[0].EndMs + 5000, EndMs: s.segments[0].EndMs + 9000, Cause: index.Network}
	if err := s.idx.AddGap(s.gap); err != nil {
		t.Fatal(err)
	}
	s.use(s.volumes["a"], s.volumes["b"])
	s.stop()

	file := func(seg index.Segment) string { return filepath.Join(s.volumes[seg.Volume].Path, relPath(seg)) }
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(path string, content []byte) {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o640); err != nil {
			t.Fatal(err)
		}
		s.strange[path] = content
	}
	open := filepath.Join(s.volumes["a"].Path, openPath(s.torn.Key))
	if err := os.Rename(file(s.torn), open); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(open, s.torn.SizeBytes-100); err != nil {
		t.Fatal(err)
	}
	first := s.segments[0]
	dir := filepath.Dir(file(first))
	put(filepath.Join(dir, "notes.txt"), []byte("hello"))
	put(filepath.Join(dir, "holiday.mkv"), read(file(first)))
	put(filepath.Join(filepath.Dir(dir), "19990101", filepath.Base(file(first))), read(file(first)))
	put(filepath.Join(s.volumes["b"].Path, relPath(first)), read(file(first))) // the same, on another volume
	s.nameless = len(s.strange)
	passes := func(k index.Key, content []byte) { // for a recording that it is not
		s.ids = append(s.ids, k.ID())
		put(filepath.Join(s.volumes["a"].Path, closedPath(k, 3000)), content)
	}
	passes(index.Key{Camera: "k3f9x2ad", Stream: "main", Kind: index.Standard, StartMs: first.StartMs}, read(file(first)))
	passes(index.Key{Camera: first.Camera, Stream: "sub", Kind: index.Alarm, StartMs: first.StartMs}, read(file(first)))
	passes(index.Key{Camera: first.Camera, Stream: "main", Kind: index.Standard, StartMs: first.StartMs - 60_000}, read(file(first)))
	passes(index.Key{Camera: first.Camera, Stream: "main", Kind: index.Standard, StartMs: first.StartMs - 120_000}, []byte("not a recording"))
	passes(index.Key{Camera: first.Camera, Stream: "main", Kind: index.Standard, StartMs: first.StartMs - 180_000}, read(file(first))[:200])
	return s
}

// known counts the recordings that are in the index now.
func (s *site) known() (n int) {
	for _, seg := range s.segments {
		if _, found, err := s.idx.Get(seg.Key); err == nil && found {
			n++
		}
	}
	return n
}

// settled brings the volumes, one after the other, and waits until both passes that the source has are over.
func (s *site) settled(src origin) {
	for _, list := range [][]Volume{{s.volumes["a"]}, {s.volumes["a"], s.volumes["b"]}} {
		s.use(list...)
		await(s.t, "the rebuild is over", func() bool {
			return !slices.ContainsFunc(s.arch.present(), func(v *volume) bool {
				v.mu.Lock()
				defer v.mu.Unlock()
				return v.rebuild.since.IsZero() || v.rebuild.phase == byNames || src.looksInside && v.rebuild.phase != ""
			})
		})
	}
}

func TestAnIndexIsRebuiltFromEachSource(t *testing.T) {
	for _, src := range origins {
		t.Run(src.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			src.damage(t, s)
			for _, round := range []string{"at first", "done again"} {
				s.open()
				if n := s.known(); round == "at first" && n != src.remembers {
					t.Errorf("%d recordings are known from the start, want %d", n, src.remembers)
				}
				s.settled(src)
				for _, p := range promises {
					if why := p.holds(s, src); why != "" {
						t.Errorf("%s: %s: %s", round, p.name, why)
					}
				}
				s.stop()
			}
		})
	}
}

// promises are what each source keeps; holds says what is wrong.
var promises = []struct {
	name  string
	holds func(s *site, src origin) string
}{
	{"every recording is there, as it was", func(s *site, src origin) string {
		for _, want := range s.segments {
			got, found, err := s.idx.Get(want.Key)
			got.Unchecked = got.Unchecked && src.looksInside
			if want == s.segments[0] && !src.knowsGaps { // two volumes have it, and nobody knows which had it first
				got.Volume = want.Volume
			}
			if err != nil || !found || got != want {
				return "lacks " + want.ID()
			}
		}
		return ""
	}},
	{"what was being written is there but for its torn end", func(s *site, _ origin) string {
		got, found, err := s.idx.Get(s.torn.Key)
		if err != nil || !found || got.EndMs < s.torn.EndMs-1500 || got.EndMs > s.torn.EndMs || got.Suspect {
			return "lacks it"
		}
		return ""
	}},
	{"nothing else is there", func(s *site, src origin) string {
		n := int64(len(s.segments) + 1)
		if !src.looksInside {
			n += int64(len(s.ids))
		}
		if got := s.idx.Totals("a").Segments + s.idx.Totals("b").Segments; got != n {
			return "too many or too few"
		}
		for _, id := range s.ids {
			k, _ := index.ParseID(id)
			if row, found, _ := s.idx.Get(k); found && (src.looksInside || !row.Unchecked) {
				return "takes a strange file for " + id
			}
		}
		return ""
	}},
	{"totals are those of the rows", func(s *site, _ origin) string {
		if n, err := s.idx.Verify(context.Background()); err != nil || n != 0 {
			return "they had to be mended"
		}
		return ""
	}},
	{"the timeline begins and ends as it did", func(s *site, src origin) string {
		first, last, found, err := s.arch.Bounds("k3f9x2ac")
		if err != nil || !found || first != s.segments[4].StartMs || last != s.segments[len(s.segments)-1].EndMs {
			return "it does not"
		}
		return ""
	}},
	{"gaps are there when anything knew them", func(s *site, src origin) string {
		gaps, err := s.idx.Gaps(s.gap.Camera, 0, math.MaxInt64)
		if err != nil || slices.Contains(gaps, s.gap) != src.knowsGaps {
			return "the gap"
		}
		for _, g := range gaps {
			if g.Cause == index.LostFile {
				return "something is called lost"
			}
		}
		return ""
	}},
	{"strange files are told and left as they are", func(s *site, src origin) string {
		told := int64(0)
		r := s.arch.Recording()
		for _, v := range r.Volumes {
			told += v.StrangeFiles
		}
		want := int64(s.nameless)
		if src.looksInside {
			want = int64(len(s.strange))
		}
		if told != want || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "left as they are") }) {
			return "not all are told"
		}
		for path, content := range s.strange {
			if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, content) {
				return path + " was touched"
			}
		}
		return ""
	}},
	{"recordings can be played", func(s *site, _ origin) string {
		for _, seg := range s.segments {
			f, err := s.arch.Open(seg.ID())
			if err != nil {
				return err.Error()
			}
			f.File.Close()
		}
		return ""
	}},
}
