// Package history is how the cameras' streams were: bitrate, pictures a second, distance of keyframes, losses, reconnects
// and the share of the time that they were online, in steps of a minute for the last day, of five minutes for 31 days.
//
// Once a minute it looks at each stream's counters; what happened since the last look is a point. Minutes are kept in
// memory, 28 bytes each. Five minutes together go to the database: all streams in one transaction every five minutes, into
// one row per camera, stream and hour, which grows to about 110 bytes with its key (see row.go). For 200 streams that is
// at most 22 kB in each transaction, 8 MB of minutes in memory after a day, and 149,000 rows of 16 MB together after 31
// days (bbolt's pages, which are not all full, make up to twice of it).
//
// Invariants:
//   - What was looked at counts once: a row's point is added to when the engine was restarted within it.
//   - A time that nobody looked at is no point: it is left out of the answer, not shown as offline.
//   - A clock that is set back makes the minutes after it forgotten; rows are added to.
//   - Counters of a stream that is there no more are let go; its rows stay until they are 31 days old.
//
// History is a comfort: what cannot be written is logged once and given up, and recording does not depend on it.
//
// Concurrency: Run belongs to one goroutine; Query may be called from anywhere.
package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigie/internal/mirror"
)

const (
	bucket   = "history"
	keepDays = 31
	minute   = time.Minute
	slot     = 5 * time.Minute // of a point in the database
	minutes  = 24 * 60         // kept in memory
	minuteMs = int64(minute / time.Millisecond)
	slotMs   = int64(slot / time.Millisecond)
	hourMs   = int64(time.Hour / time.Millisecond)
)

// DB is the part of mirror.DB that the history uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// History is the history of all streams. Make one with New.
type History struct {
	db  DB
	log *slog.Logger

	mu      sync.Mutex
	streams map[name]*stream
	failed  bool // the last transaction did
}

// name tells streams apart.
type name struct{ camera, stream string }

// stream is what is in memory of one.
type stream struct {
	last    Counters
	known   bool  // last is
	minutes []dot // in order of time
	open    point // of the slot that is not in the database yet
	slot    int64 // its number since the Unix epoch
}

// dot is a minute's point, made small.
type dot struct {
	minute       uint32 // since the Unix epoch
	bytes        uint32
	gop          uint32 // ms
	span, online uint16 // tens of ms
	frames, gops uint16
	lost         uint16
	reconnects   uint16
}

func (p point) dot(minute int64) dot {
	return dot{uint32(minute), fit[uint32](p.bytes), fit[uint32](p.gop), fit[uint16](p.span / 10), fit[uint16](p.online / 10),
		fit[uint16](p.frames), fit[uint16](p.gops), fit[uint16](p.lost), fit[uint16](p.reconnects)}
}

func (d dot) point() point {
	return point{int64(d.span) * 10, int64(d.online) * 10, int64(d.bytes), int64(d.frames), int64(d.gops), int64(d.gop), int64(d.lost), int64(d.reconnects)}
}

// fit returns v, or the nearest number that a T can be.
func fit[T uint16 | uint32](v int64) T {
	return T(min(max(v, 0), int64(^T(0))))
}

// New returns a history without minutes; what the database holds is not touched.
func New(db DB, log *slog.Logger) *History {
	return &History{db: db, log: log, streams: map[name]*stream{}}
}

// Run looks at the streams every minute until ctx ends.
func (h *History) Run(ctx context.Context, look func() []Sample) {
	last := time.Now()
	h.take(last, 0, look())
	tick := time.NewTicker(minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			now := time.Now()
			h.take(now, now.Sub(last), look())
			h.write(nil)
			return
		case <-tick.C:
		}
		now := time.Now()
		h.take(now, now.Sub(last), look()) // Sub goes by the monotonic clock
		last = now
	}
}

// take adds what happened in the span before now, and writes slots that are over.
func (h *History) take(now time.Time, span time.Duration, samples []Sample) {
	at := now.Add(-span / 2).UnixMilli() // that which most of the span belongs to
	h.mu.Lock()
	seen := make(map[name]bool, len(samples))
	over := false
	for _, s := range samples {
		n := name{s.Camera, s.Stream}
		if len(s.Camera) != cameraLen || s.Stream == "" || len(s.Stream) > maxStream {
			continue
		}
		seen[n] = true
		st := h.streams[n]
		if st == nil {
			st = &stream{slot: at / slotMs}
			h.streams[n] = st
		}
		if st.known && span > 0 {
			over = over || st.slot != at/slotMs
		}
	}
	h.mu.Unlock()
	if over {
		h.write(func(slot int64) bool { return slot != at/slotMs })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range samples {
		if st := h.streams[name{s.Camera, s.Stream}]; st != nil {
			st.take(at, span, s.Counters)
		}
	}
	for n, st := range h.streams {
		if !seen[n] && st.open.span == 0 {
			delete(h.streams, n)
		} else if !seen[n] {
			st.known = false
		}
	}
}

func (st *stream) take(at int64, span time.Duration, c Counters) {
	if st.known && span > 0 {
		p := c.since(st.last, span)
		m := at / minuteMs
		for len(st.minutes) > 0 && int64(st.minutes[len(st.minutes)-1].minute) > m { // the clock was set back
			st.minutes = st.minutes[:len(st.minutes)-1]
		}
		if n := len(st.minutes); n > 0 && int64(st.minutes[n-1].minute) == m {
			both := st.minutes[n-1].point()
			both.add(p)
			st.minutes[n-1] = both.dot(m)
		} else {
			if n == minutes {
				st.minutes = append(st.minutes[:0], st.minutes[1:]...)
			}
			st.minutes = append(st.minutes, p.dot(m))
		}
		st.slot = at / slotMs
		st.open.add(p)
	}
	st.last, st.known = c, true
}

// write puts those open slots into the database that are chosen, nil: all; and drops what is too old.
func (h *History) write(chosen func(slot int64) bool) {
	type entry struct {
		name
		slot int64
		point
	}
	var list []entry
	h.mu.Lock()
	for n, st := range h.streams {
		if st.open.span > 0 && (chosen == nil || chosen(st.slot)) {
			list = append(list, entry{n, st.slot, st.open})
			st.open = point{}
		}
	}
	h.mu.Unlock()
	if len(list) == 0 {
		return
	}
	err := h.db.Update(func(tx *mirror.Tx) error {
		var errs []error
		newest := int64(0)
		for _, e := range list {
			k := key(e.slot*slotMs/hourMs, e.camera, e.stream)
			newest = max(newest, e.slot*slotMs/hourMs)
			var r row
			if v := tx.Get(bucket, k); v != nil {
				var err error
				if r, err = decode(v); err != nil { // written anew
					errs = append(errs, fmt.Errorf("row %x: %w", k, err))
				}
			}
			r[e.slot%rowPoints].add(e.point)
			if err := tx.Put(bucket, k, r.encode()); err != nil {
				return err
			}
		}
		if err := errors.Join(errs...); err != nil {
			h.log.Warn("history was damaged", "err", err)
		}
		return prune(tx, newest-keepDays*24)
	})
	h.mu.Lock()
	turned := (err != nil) != h.failed
	h.failed = err != nil
	h.mu.Unlock()
	if turned && err != nil {
		h.log.Warn("history is not written", "err", err)
	}
}

// prune drops the rows of hours before one.
func prune(tx *mirror.Tx, hour int64) error {
	if hour <= 0 {
		return nil
	}
	var old [][]byte
	for k := range tx.Range(bucket, nil, binary.BigEndian.AppendUint32(nil, uint32(hour))) {
		old = append(old, append([]byte(nil), k...))
	}
	for _, k := range old {
		if err := tx.Delete(bucket, k); err != nil {
			return err
		}
	}
	return nil
}
