package mkv

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"vigie/services/engine/internal/media"
)

// Frames iterates over a segment's frames in the order in which they are stored, which is decoding order. For one
// goroutine.
type Frames struct {
	f      *File
	off    int64 // of the next cluster
	run    *media.Run
	video  int
	held   []*media.Frame // read, and not given out: up to the next keyframe
	ready  []*media.Frame // decoding times assigned
	next   []int64        // per track: PTS at which the next audio frame is due, -1 unknown
	lastDT int64          // newest DTS of the video track
	delay  int64          // most that a frame's DTS lies behind its place in order of PTS
	end    error
}

// Frames starts at the last keyframe at or before the instant fromNs (UTC), or at the first frame. Frames refer to Run.
func (f *File) Frames(fromNs int64) (*Frames, error) {
	off, err := f.seek((fromNs - f.meta.StartNs) / tickNs)
	if err != nil {
		return nil, fmt.Errorf("seek: %w", err)
	}
	it := &Frames{f: f, off: off, run: f.run, video: f.run.Video(), next: make([]int64, len(f.run.Tracks)), lastDT: -1 << 62}
	for i := range it.next {
		it.next[i] = -1
	}
	return it, nil
}

// Next returns the next frame, or io.EOF at the end of the footage: there the file ends, or what follows is torn. The
// frame's payload is the caller's to keep. Video DTS are derived from the PTS of the whole GOP, as Matroska stores none;
// they keep decoding order and never pass the PTS.
func (it *Frames) Next() (*media.Frame, error) {
	for len(it.ready) == 0 {
		if it.end != nil {
			return nil, it.end
		}
		if err := it.readCluster(); err != nil {
			if errors.Is(err, errTorn) {
				err = io.EOF
			}
			it.end = err
			it.release(len(it.held))
		}
	}
	fr := it.ready[0]
	it.ready = it.ready[1:]
	return fr, nil
}

// readCluster adds one cluster's frames and releases the GOPs that are complete.
func (it *Frames) readCluster() error {
	c, err := it.f.peek(it.off)
	if err != nil {
		return err
	}
	data, err := it.f.load(c)
	if err != nil {
		return err
	}
	it.off += c.total
	from := len(it.held)
	if err := blocks(data, func(track int, rel int64, key bool, payload []byte) error {
		if track >= len(it.run.Tracks) {
			return fmt.Errorf("block of track %d", track+1)
		}
		it.held = append(it.held, it.frame(track, c.tick+rel, key, payload))
		return nil
	}); err != nil {
		return err
	}
	cut := 0
	for i := len(it.held) - 1; i >= max(from, 1); i-- {
		if it.video < 0 || it.held[i].Track == it.video && it.held[i].Keyframe {
			cut = i
			break
		}
	}
	it.release(cut)
	return nil
}

// frame turns a block into a frame, without DTS for video.
func (it *Frames) frame(track int, tick int64, key bool, payload []byte) *media.Frame {
	t := &it.run.Tracks[track]
	rate := int64(t.ClockRate)
	const perSecond = 1_000_000_000 / tickNs
	fr := &media.Frame{Run: it.run, Track: track, Keyframe: key && track == it.video, Payload: payload}
	fr.PTSTicks = roundDiv(tick*rate, perSecond)
	if track == it.video {
		return fr
	}
	// Audio: what lies within a tick of where the frame before ended, ends there exactly.
	if due := it.next[track]; due >= 0 && abs(fr.PTSTicks-due) <= rate/perSecond+1 {
		fr.PTSTicks = due
	}
	fr.DurationTicks = t.Samples(payload)
	it.next[track] = fr.PTSTicks + fr.DurationTicks
	fr.DTSTicks = fr.PTSTicks
	return fr
}

// release assigns decoding times to the first n held frames, whole GOPs, and hands them out.
func (it *Frames) release(n int) {
	if n == 0 {
		return
	}
	out := slices.Clone(it.held[:n])
	it.held = slices.Delete(it.held, 0, n)
	for from := 0; from < len(out); {
		to := from + 1
		for to < len(out) && (out[to].Track != it.video || !out[to].Keyframe) {
			to++
		}
		it.assign(out[from:to])
		from = to
	}
	it.ready = append(it.ready, out...)
}

// assign gives the video frames of one GOP their DTS: their PTS in rising order, moved back by as much as the most
// delayed frame needs.
func (it *Frames) assign(gop []*media.Frame) {
	var pts []int64
	var video []*media.Frame
	for _, fr := range gop {
		if fr.Track == it.video {
			video = append(video, fr)
			pts = append(pts, fr.PTSTicks)
		}
	}
	slices.Sort(pts)
	for i, fr := range video {
		it.delay = max(it.delay, pts[i]-fr.PTSTicks)
	}
	for i, fr := range video {
		fr.DTSTicks = min(max(pts[i]-it.delay, it.lastDT+1), max(fr.PTSTicks, it.lastDT+1))
		it.lastDT = fr.DTSTicks
	}
	for i := 0; i+1 < len(video); i++ {
		video[i].DurationTicks = max(video[i+1].DTSTicks-video[i].DTSTicks, 0)
	}
}

func abs(a int64) int64 {
	if a < 0 {
		return -a
	}
	return a
}
