package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/mp4"
)

// An MP4 file tells in its front how long every one of its pictures is. So its recordings are read twice: when the plan is
// made, to measure them, and when they are taken away. Between the two its front is held in memory as long as all of a
// plan are small together; else it is measured anew.

const (
	// longestFilm is how long an MP4 file may be, which bounds its front: at 25 pictures a second with sound it has 10 MB.
	longestFilm = 4 * time.Hour
	// mostFronts is how much of the fronts of a plan is held.
	mostFronts = 24 << 20
)

// errContainer: what is recorded cannot be put into an MP4 file.
var errContainer = errors.New("it does not go into MP4")

// coder makes chunks of MP4 of clusters of Matroska: samples of one track after those of another. What it makes of a part
// depends on nothing but that part, so that it can be made again from its beginning.
type coder struct {
	run     *media.Run
	film    *mp4.Film // told of every sample; nil: it knows them
	samples []*fmp4.Samples
	due     []int64 // per track of sound: the tick at which the sample before ended; -1: not known
	held    [][]block
}

type block struct {
	tick    int64
	key     bool
	payload []byte
}

func newCoder(run *media.Run, film *mp4.Film) *coder {
	return &coder{run: run, film: film, samples: make([]*fmp4.Samples, len(run.Tracks)), due: make([]int64, len(run.Tracks)), held: make([][]block, len(run.Tracks))}
}

// begin is called before the clusters of each part.
func (c *coder) begin() error {
	for i := range c.run.Tracks {
		s, err := fmp4.NewSamples(&c.run.Tracks[i])
		if err != nil {
			return fmt.Errorf("%w: %w", errContainer, err)
		}
		c.samples[i], c.due[i] = s, -1
	}
	return nil
}

// append makes a chunk of a cluster, at the end of dst. offsetNs is how long after the file's start it begins; whole is
// false when the disk has changed it.
func (c *coder) append(dst, cluster []byte, delta int64) (out []byte, offsetNs int64, whole bool, err error) {
	for i := range c.held {
		c.held[i] = c.held[i][:0]
	}
	tick, whole, err := mkv.Blocks(cluster, delta, func(track int, tick int64, key bool, payload []byte) error {
		if track >= len(c.held) || tick < 0 { // sound of a picture that is not there
			return nil
		}
		c.held[track] = append(c.held[track], block{tick, key, payload})
		return nil
	})
	if err != nil {
		return dst, 0, false, err
	}
	for i, list := range c.held {
		for _, b := range list {
			dst = c.sample(dst, i, b)
		}
	}
	if c.film != nil {
		c.film.EndChunk()
	}
	return dst, max(tick, 0) * int64(time.Second) / mkv.TicksPerSecond, whole, nil
}

func (c *coder) sample(dst []byte, track int, b block) []byte {
	t := &c.run.Tracks[track]
	rate := int64(t.ClockRate)
	at := (b.tick*rate + mkv.TicksPerSecond/2) / mkv.TicksPerSecond
	duration := int64(0)
	if !t.Codec.IsVideo() {
		// What lies within a tick of where the sample before ended, begins just there.
		if d := at - c.due[track]; c.due[track] >= 0 && max(d, -d) <= rate/mkv.TicksPerSecond+1 {
			at = c.due[track]
		}
		duration = t.Samples(b.payload)
		c.due[track] = at + duration
	}
	before := len(dst)
	dst = c.samples[track].Append(dst, b.payload, b.key, at)
	if n := len(dst) - before; c.film != nil && n > 0 {
		c.film.Add(track, at, duration, n, b.key)
	}
	return dst
}

// measure reads the recordings of an MP4 file, gives its parts their lengths, and returns its front.
func (f *file) measure(ctx context.Context, a Archive) (front []byte, sizes []int64, err error) {
	film := mp4.New(f.run, mp4.About{Title: f.camera.Name, StartNs: f.startNs, EndNs: f.endNs, FromNs: f.askedFromNs, ToNs: f.askedToNs})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches, free, read := make(chan batch), make(chan *buffer, buffers), make(chan error, 1)
	for range buffers {
		free <- &buffer{read: make([]byte, chunk)}
	}
	s := &source{archive: a, out: batches, free: free, coder: newCoder(f.run, film)}
	s.ended = func(p part) {
		n := s.off
		for _, k := range sizes {
			n -= k
		}
		sizes = append(sizes, n)
	}
	go func() {
		defer close(batches)
		read <- s.run(ctx, f.parts)
	}()
	for b := range batches {
		free <- b.buf
	}
	if err := <-read; err != nil {
		return nil, nil, err
	}
	if front, err = film.Front(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errContainer, err)
	}
	return front, sizes, nil
}

// measure finds out how long the MP4 files of a plan are.
func (p *plan) measure(ctx context.Context, a Archive) error {
	held := int64(0)
	for _, f := range p.files {
		front, sizes, err := f.measure(ctx, a)
		if err != nil {
			return fmt.Errorf("measure %s: %w", f.camera.Name, err)
		}
		f.front, f.clusters = int64(len(front)), 0
		for i, n := range sizes {
			f.parts[i].size = n
			f.clusters += n
		}
		if held += f.front; held <= mostFronts {
			f.head = bytes.Clone(front)
		}
	}
	return nil
}

// box is the head of the box with which an MP4 file ends, and in which its manifest is.
func (f *file) box() []byte {
	const head = 8 + 16
	b := binary.BigEndian.AppendUint32(nil, uint32(head+f.manifest))
	return append(append(b, "uuid"...), "vigie manifest 1"...)
}

// perSecond is more than a second of an MP4 file takes beyond what it took as recorded: entries of the tables, and sound
// that has become FLAC.
func (f *file) perSecond() int64 {
	const tables = 200 * 24 // 100 pictures and as many samples of sound
	n := int64(tables)
	for i := range f.run.Tracks {
		if t := &f.run.Tracks[i]; t.Codec.CodeBits() > 0 {
			n += int64(2 * t.SampleRate * t.Channels) // nothing gained, which is the worst that FLAC does
		}
	}
	return n
}
