package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// joint is the longest distance between the end of one segment and the start of the next that is no gap.
const joint = int64(150 * time.Millisecond)

// longest is how long a file may be, which bounds what is held of it in memory: 86,400 digests.
const longest = 24 * time.Hour

// Footage is one recorded segment.
type Footage struct {
	ID      string
	StartMs int64
	EndMs   int64
}

// Segment is an open segment.
type Segment interface {
	io.ReaderAt
	io.Closer
	Size() int64   // bytes that count
	Growing() bool // it is still being written
}

// Archive is where footage is found.
type Archive interface {
	// Footage returns a stream's segments that overlap [fromMs, toMs), in order of start.
	Footage(camera, stream string, fromMs, toMs int64) ([]Footage, error)
	// Open opens one.
	Open(id string) (Segment, error)
	// Nearest returns the footage of a stream that is nearest to an instant; found is false when there is none.
	Nearest(camera, stream string, atMs int64) (fromMs, toMs int64, found bool, err error)
	// Hold keeps recordings of a range from being deleted until it is released.
	Hold(camera string, fromMs, toMs int64) (release func())
	// Behind is how long frames have been waiting for their disk.
	Behind() time.Duration
}

// container is the kind of a file.
type container string

// The containers. Matroska is what is recorded, but for where it is cut.
const (
	matroska container = "matroska"
	mp4File  container = "mp4"
)

// suffix is that of a file's name.
func (c container) suffix() string {
	if c == mp4File {
		return ".mp4"
	}
	return ".mkv"
}

// mediaType is what a file is called in an answer.
func (c container) mediaType() string {
	if c == mp4File {
		return "video/mp4"
	}
	return "video/x-matroska"
}

// part is clusters of one segment.
type part struct {
	segment  string
	from, to int64 // offsets in its file
	size     int64 // of what is made of it
	delta    int64 // of timestamps
}

// file is one file of a plan.
type file struct {
	name                   string
	container              container
	camera                 manifest.Camera
	because                manifest.Because
	startNs                int64
	endNs                  int64
	askedFromNs, askedToNs int64
	parts                  []part

	run      *media.Run
	meta     mkv.Meta
	clusters int64
	points   []mkv.Point // Offset counts from the first cluster
	head     []byte      // of an MP4 file, its front, if that is held
	front    int64       // bytes
	back     int64
	manifest int64
}

// size is the file's length.
func (f *file) size() int64 { return f.front + f.clusters + f.back + f.manifest }

// wish is what is asked of a plan.
type wish struct {
	cameras      []camera
	fromMs, toMs int64
	splitMs      int64 // 0: not by time
	splitBytes   int64 // 0: not by size
	container    container
}

// plan is what an export is made of.
type plan struct {
	wish     wish
	files    []*file
	warnings []string
	points   int
}

// mostPoints bounds the keyframes of a plan, each of which takes 16 bytes: a month of a camera with one a second.
const mostPoints = 2_700_000

var errTooLarge = errors.New("too many keyframes for one export")

// makePlan finds the footage. It reads the headers of the segments, and keeps no file open.
func makePlan(ctx context.Context, a Archive, w wish) (*plan, error) {
	w.container = cmp.Or(w.container, matroska)
	p := &plan{wish: w}
	for _, c := range w.cameras {
		if err := p.add(ctx, a, c); err != nil {
			return nil, err
		}
	}
	if w.container == mp4File {
		if err := p.measure(ctx, a); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add plans the files of a camera.
func (p *plan) add(ctx context.Context, a Archive, c camera) error {
	fromNs, toNs := p.wish.fromMs*1e6+999_999, p.wish.toMs*1e6 // a picture of that very millisecond is the first
	if c.UntilNs > 0 {
		toNs = c.UntilNs
	}
	list, err := a.Footage(c.ID, c.Stream, p.wish.fromMs, ceil(toNs, 1e6))
	if err != nil {
		return fmt.Errorf("look up footage: %w", err)
	}
	b := builder{plan: p, camera: c.Camera, because: manifest.Start}
	pos := fromNs
	for i := next(&list, pos); i >= 0; i = next(&list, pos) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := list[i]
		list[i].EndMs = 0 // not again
		end, err := b.take(a, s, pos, toNs)
		switch {
		case errors.Is(err, mkv.ErrNoFootage):
		case err != nil:
			p.warnings = append(p.warnings, fmt.Sprintf("%s from %s to %s cannot be read and is missing: %v", c.Name, clock(s.StartMs), clock(s.EndMs), err))
		default:
			pos = max(pos, end)
		}
		if p.points > mostPoints {
			return errTooLarge
		}
		if pos >= toNs {
			break
		}
	}
	b.end()
	return nil
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 MST") }

// next chooses the segment to go on with at pos: of several that go on there the one that goes furthest, else the first
// that begins later; -1: there is none. So what was recorded twice is taken once. Segments at the head of the list that
// lie behind are dropped.
func next(list *[]Footage, pos int64) int {
	for len(*list) > 0 && (*list)[0].EndMs*1e6 <= pos {
		*list = (*list)[1:]
	}
	best := -1
	for i, s := range *list {
		begins := s.StartMs*1e6 <= pos+joint
		if s.EndMs*1e6 > pos && (best < 0 || begins && s.EndMs > (*list)[best].EndMs) {
			best = i
		}
		if !begins && best >= 0 {
			break
		}
	}
	return best
}

// builder makes the files of a camera.
type builder struct {
	plan    *plan
	camera  manifest.Camera
	because manifest.Because // of the file to be begun
	file    *file
}

// take adds what a segment has of a range and returns where that ends.
func (b *builder) take(a Archive, s Footage, fromNs, toNs int64) (endNs int64, err error) {
	segment, err := a.Open(s.ID)
	if err != nil {
		return 0, err
	}
	defer segment.Close()
	f, err := mkv.Open(segment, segment.Size())
	if err != nil {
		return 0, err
	}
	cut, err := f.Cut(fromNs, toNs, segment.Growing())
	if err != nil {
		return 0, err
	}
	if b.file != nil {
		switch d := cut.StartNs - b.file.endNs; {
		case !b.file.run.SameFormat(f.Run()):
			b.begin(manifest.Format)
		case d > joint:
			b.begin(manifest.Gap)
		case d < -joint: // it goes on in mid-GOP there, but perhaps a later one fits
			i := 0
			for i < len(cut.Points) && cut.Points[i].Ns < b.file.endNs-joint {
				i++
			}
			if i == len(cut.Points) || cut.Points[i].Ns > b.file.endNs+joint {
				b.begin(manifest.Gap)
				break
			}
			cut.Points = cut.Points[i:]
			cut.From, cut.StartNs = cut.Points[0].Offset, cut.Points[0].Ns
		}
	}
	for i, k := range cut.Points {
		to, end := cut.To, cut.EndNs
		if i+1 < len(cut.Points) {
			to, end = cut.Points[i+1].Offset, cut.Points[i+1].Ns
		}
		if b.file != nil && b.full(to-k.Offset, end) {
			b.begin(manifest.Split)
		}
		if b.file == nil {
			b.file = &file{container: b.plan.wish.container, camera: b.camera, because: b.because, startNs: k.Ns, askedFromNs: b.plan.wish.fromMs * 1e6, askedToNs: b.plan.wish.toMs * 1e6, run: f.Run(), meta: f.Meta()}
			b.file.run.StartNs = k.Ns
		}
		b.append(s.ID, k, to, f.Delta(b.file.startNs))
		b.file.endNs = end
	}
	return cut.EndNs, nil
}

// full tells whether the file has no room for so many bytes more, up to an instant.
func (b *builder) full(bytes, endNs int64) bool {
	w := b.plan.wish
	d := (endNs - b.file.startNs) / 1e6
	most := longest.Milliseconds()
	const fixed, perPoint = 32 << 10, 40 // with perSecond more than header, manifest and index take
	perSecond := int64(110)
	if w.container == mp4File {
		most = longestFilm.Milliseconds()
		perSecond += b.file.perSecond()
	}
	split := most
	if w.splitMs > 0 {
		split = min(split, w.splitMs)
	}
	size := b.file.clusters + bytes + fixed + (d/1000+1)*perSecond + int64(len(b.file.points)+1)*perPoint
	return (b.file.endNs-b.file.startNs)/1e6 >= split || d > most || w.splitBytes > 0 && size > w.splitBytes
}

// append adds clusters from a keyframe on.
func (b *builder) append(segment string, k mkv.Point, to, delta int64) {
	f := b.file
	b.plan.points++
	f.points = append(f.points, mkv.Point{Offset: f.clusters, Ns: k.Ns})
	f.clusters += to - k.Offset
	if n := len(f.parts); n > 0 && f.parts[n-1].segment == segment && f.parts[n-1].to == k.Offset {
		f.parts[n-1].to = to
		f.parts[n-1].size += to - k.Offset
		return
	}
	f.parts = append(f.parts, part{segment, k.Offset, to, to - k.Offset, delta})
}

// begin ends the file; the next begins for this reason.
func (b *builder) begin(why manifest.Because) {
	b.end()
	b.because = why
}

func (b *builder) end() {
	if b.file != nil {
		b.plan.files = append(b.plan.files, b.file)
	}
	b.file = nil
}

// settle gives the files what depends on the whole: names, identities, lengths.
func (p *plan) settle(about manifest.About, zone *time.Location) error {
	names := map[string]bool{}
	for i, f := range p.files {
		stem := safeName(f.camera.Name)
		if f.camera.Stream != "main" {
			stem += " " + f.camera.Stream
		}
		stem += time.Unix(0, f.startNs).In(zone).Format(" 2006-01-02 15.04.05")
		f.name = stem + f.container.suffix()
		for n := 2; names[f.name]; n++ {
			f.name = fmt.Sprintf("%s (%d)%s", stem, n, f.container.suffix())
		}
		names[f.name] = true
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(about.Export.ID+"\x00"), uint64(i)))
		copy(f.meta.UUID[:], sum[:])
		f.meta.PrevUUID = [16]byte{}
		f.meta.App, f.meta.Appliance, f.meta.CameraName, f.meta.StartNs = about.Software, about.Appliance, f.camera.Name, f.startNs
		m := f.manifestOf(about)
		// How long the body's length is to write counts too.
		for range 3 {
			f.manifest = m.Size()
			if f.container == mp4File {
				f.back = int64(len(f.box()))
			} else {
				front, back, err := f.splice(about).Front()
				if err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
				f.front, f.back = int64(len(front)), int64(len(back))
			}
			m.File.BodyBytes = f.front + f.clusters + f.back
		}
	}
	return nil
}

// manifestOf is the file's manifest without digests.
func (f *file) manifestOf(about manifest.About) *manifest.Manifest {
	return &manifest.Manifest{About: about, Camera: f.camera, Because: f.because, File: manifest.File{
		Name: f.name, Container: string(f.container), StartMs: f.startNs / 1e6, EndMs: ceil(f.endNs, 1e6), BodyBytes: f.front + f.clusters + f.back}}
}

// attachment is the name of the manifest within a file.
const attachment = "manifest.vigie.json"

func (f *file) splice(about manifest.About) *mkv.Splice {
	return &mkv.Splice{Run: f.run, Meta: f.meta, EndNs: f.endNs, Points: f.points, Clusters: f.clusters, FromNs: about.Export.FromMs * 1e6,
		ToNs: about.Export.ToMs * 1e6, AttachTo: attachment, MediaType: "application/json", Attach: f.manifest}
}

// until returns the plan's cameras with where their footage ends.
func (p *plan) until() []camera {
	out := slices.Clone(p.wish.cameras)
	for i := range out {
		out[i].UntilNs = p.wish.fromMs * 1e6 // of one without any, none is added later
		for _, f := range p.files {
			if f.camera == out[i].Camera {
				out[i].UntilNs = max(out[i].UntilNs, f.endNs)
			}
		}
	}
	return out
}

// tag tells plans apart: exports of one tag have the same bytes.
func (p *plan) tag(about manifest.About, key manifest.PublicKey) string {
	h := sha256.New()
	fmt.Fprintf(h, "%+v %s %q\n", about, key, p.warnings)
	for _, f := range p.files {
		fmt.Fprintf(h, "%q %+v %s %d %d %d %d %d\n", f.name, f.camera, f.because, f.startNs, f.endNs, f.front, f.back, f.manifest)
		for _, t := range f.parts {
			fmt.Fprintf(h, "%s %d %d %d %d\n", t.segment, t.from, t.to, t.size, t.delta)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }
