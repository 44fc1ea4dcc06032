package relay

import (
	"time"
)

// cursor is a reader's place in a hub. Its fields are guarded by the hub's lock, but for those that do not change.
type cursor struct {
	hub  *hub
	wake func() // is told of each new entry; must not block

	want     [2]bool
	next     uint64 // sequence of the next entry
	seeking  bool   // waits for a keyframe
	begun    bool
	outdated bool // a media that it wants is another now
	lost     int64
}

// attach adds a reader, which begins with the newest keyframe.
func (h *hub) attach(want [2]bool, wake func()) *cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &cursor{hub: h, wake: wake, want: want, next: h.base + uint64(len(h.entries)), seeking: true}
	h.cursors = append(h.cursors, c)
	c.settle(time.Now())
	return c
}

// detach removes a reader.
func (h *hub) detach(c *cursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, o := range h.cursors {
		if o == c {
			last := len(h.cursors) - 1
			h.cursors[i] = h.cursors[last]
			h.cursors[last] = nil
			h.cursors = h.cursors[:last]
			break
		}
	}
	h.idle = time.Now()
}

// maxTake bounds what is taken at once, in pieces and bytes.
const (
	maxTake      = 64
	maxTakeBytes = 256 << 10
)

// take appends what is to be sent next. ok is false when the reader cannot go on.
func (c *cursor) take(list [][]byte, now time.Time) (_ [][]byte, ok bool) {
	h := c.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.outdated || h.closed {
		return list, false
	}
	c.settle(now)
	if c.seeking {
		return list, true
	}
	size := 0
	for end := h.base + uint64(len(h.entries)); c.next < end && len(list) < maxTake && size < maxTakeBytes; c.next++ {
		e := &h.entries[c.next-h.base]
		if !c.want[e.media] {
			continue
		}
		if !c.begun {
			c.begun = true
			list = h.reports(list, c.want, e)
		}
		b := e.packets
		if b == nil {
			var err error
			if b, _, err = e.pack(); err != nil {
				continue // it was packed before
			}
		}
		list = append(list, b)
		size += len(b)
	}
	return list, true
}

// settle moves a reader that is too far behind, or has not begun, to the newest keyframe. The hub's lock is held.
func (c *cursor) settle(now time.Time) {
	h := c.hub
	head := h.base + uint64(len(h.entries))
	newest, some := uint64(0), len(h.keys) > 0
	if some {
		newest = h.keys[len(h.keys)-1]
	}
	switch {
	case c.seeking && some:
		if c.begun {
			c.lost += int64(newest - min(newest, c.next))
		}
		c.next, c.seeking = newest, false
	case c.seeking:
	case c.next < h.base && !some:
		c.lost += int64(h.base - c.next)
		c.next, c.seeking = h.base, true
	case c.next < h.base,
		some && c.next < newest && c.next < head && now.Sub(h.entries[c.next-h.base].at) > maxLag:
		c.lost += int64(newest - c.next)
		c.next = newest
	}
}

// reports appends what a reader must know before its first frame: when that was taken. The hub's lock is held.
func (h *hub) reports(list [][]byte, want [2]bool, first *entry) [][]byte {
	if first.frame == nil {
		return list // is one
	}
	ns := first.frame.TimeNs()
	shift := int64(first.head.Timestamp) // of the entry's own media the stamp is known exactly
	for m, fl := range h.medias {
		switch {
		case fl == nil || !want[m]:
		case m == first.media:
			list = append(list, fl.report(m, ns, uint32(shift)))
		default:
			list = append(list, fl.report(m, ns, fl.stamp(ns+h.shiftNs)))
		}
	}
	return list
}

// start is where a reader begins, as RTP-Info tells it: sequence number and time stamp of a media's first packet.
func (c *cursor) start(m int) (sequence uint16, timestamp uint32, ok bool) {
	h := c.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.seeking || c.next < h.base {
		return 0, 0, false
	}
	for _, e := range h.entries[c.next-h.base:] {
		if e.media == m && e.frame != nil {
			return e.head.Sequence, e.head.Timestamp, true
		}
	}
	return 0, 0, false
}
