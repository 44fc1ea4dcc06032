package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/pack"
)

const (
	// maxQueued bounds what is read ahead of what a client has taken, in bytes.
	maxQueued = 512 << 10
	// edgeEvery is how often the end of a recording that goes on is looked at.
	edgeEvery = 500 * time.Millisecond
	// allUpTo is the fastest speed at which all pictures are sent; beyond, and backwards beyond the usual speed, keyframes are.
	allUpTo = 4
	// mostKeyframes a second that are sent at high speed.
	mostKeyframes = 25
	// frameGap is what time stamps leave between pieces that do not follow from one another.
	frameGap = 40 * time.Millisecond
)

// order is how a recording is to be played.
type order struct {
	fromNs, toNs int64 // UTC; toNs 0: to the end
	scale        float64
	paced        bool // else as fast as the client takes it (ONVIF's Rate-Control: no)
	keys         bool // keyframes only
	onvif        bool // with ONVIF's header extension
	sequence     byte // of the PLAY
}

// replay is a session of recordings. Its fields belong to the connection's goroutine, but for those behind mu.
type replay struct {
	archive        Archive
	camera, stream string
	flows          [2]*flow
	originNs       int64 // what play time counts from

	mu         sync.Mutex
	positionNs int64 // of the newest picture that the client has taken; 0: none yet
	rtpNs      int64 // of the newest time stamp
}

// newReplay begins a session of recordings with tracks like those given.
func newReplay(archive Archive, a address, tracks [2]*media.Track, originNs int64) *replay {
	p := &replay{archive: archive, camera: a.camera, stream: a.stream, originNs: originNs}
	for m, t := range tracks {
		if t == nil {
			continue
		}
		if d, err := pack.Describe(t); err == nil {
			p.flows[m] = &flow{track: *t, type_: d.Type, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), offset: rand.Uint32()}
		}
	}
	return p
}

// queue is what is read and not taken yet. It is a source.
type queue struct {
	mu    sync.Mutex
	items []queued
	bytes int
	room  bell
	wake  func()
	taken func(queued)
}

type queued struct {
	b     []byte
	ns    int64 // of the picture; 0: none
	rtpNs int64
}

func (q *queue) take(list [][]byte, _ time.Time) ([][]byte, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.items) && len(list) < maxTake {
		list = append(list, q.items[n].b)
		q.bytes -= len(q.items[n].b)
		q.taken(q.items[n])
		n++
	}
	q.items = q.items[n:]
	q.room.ring()
	return list, true
}

// put adds packets, waiting for room.
func (q *queue) put(ctx context.Context, one queued) error {
	for {
		q.mu.Lock()
		if q.bytes < maxQueued {
			q.items = append(q.items, one)
			q.bytes += len(one.b)
			q.mu.Unlock()
			q.wake()
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// position is where the client is.
func (p *replay) position() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.positionNs
}

// start plays until ctx ends, in a goroutine of its own, and returns what it plays into. Nobody waits for that goroutine: it
// may hang in a disk; then it holds one file and one GOP, and a queue that nobody takes from.
func (p *replay) start(ctx context.Context, o order, want [2]bool, wake func()) *queue {
	q := &queue{room: newBell(), wake: wake}
	p.mu.Lock()
	first := p.rtpNs + int64(frameGap)
	p.mu.Unlock()
	q.taken = func(one queued) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() == nil {
			p.rtpNs = max(p.rtpNs, one.rtpNs)
			if one.ns != 0 {
				p.positionNs = one.ns
			}
		}
	}
	for m, fl := range p.flows {
		if fl != nil {
			c := *fl // what an older goroutine still does is nobody's business
			p.flows[m] = &c
		}
	}
	g := &projector{order: o, reel: reel{archive: p.archive, camera: p.camera, stream: p.stream, atNs: o.fromNs, keys: o.keys},
		queue: q, flows: p.flows, want: want, rtpNs: first, newestNs: first}
	if o.keys {
		g.reel.strideNs = int64(max(o.scale, -o.scale) * float64(time.Second) / mostKeyframes)
	}
	go g.play(ctx)
	return q
}

// info is the RTP-Info header of what is played next.
func (p *replay) info(setups [2]*setup) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for m, u := range setups {
		if fl := p.flows[m]; u != nil && fl != nil {
			list = append(list, fmt.Sprintf("url=%s;seq=%d;rtptime=%d", u.control, fl.sequence, fl.stamp(p.rtpNs+int64(frameGap))))
		}
	}
	return strings.Join(list, ",")
}
