package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/coder/websocket"
)

// manner is how a viewer reads.
type manner int

const (
	quick manner = iota // all that comes
	slow                // as over a line that is too thin for the stream
	stuck               // nothing, and does not hang up either
)

// mannerOf gives one viewer in ten each of the bad manners.
func mannerOf(i int) manner {
	switch i % 10 {
	case 3:
		return slow
	case 7:
		return stuck
	}
	return quick
}

// slowBytes is what a slow viewer takes in a second.
const slowBytes = 100_000

// seen is what the viewers of one manner got.
type seen struct {
	viewers, frames, skips, ended int
	ages                          []time.Duration // of frames when they came, since their instants
}

// audience is live viewers of cameras, by WebSocket as browsers are.
type audience struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	seen map[manner]*seen
	err  error
}

// attend has n viewers watch cameras, in turn, at the engine's socket.
func attend(ctx context.Context, socket string, cameras []string, n int) *audience {
	ctx, stop := context.WithCancel(ctx)
	a := &audience{stop: stop, seen: map[manner]*seen{quick: {}, slow: {}, stuck: {}}}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for i := range n {
		a.running.Go(func() {
			if err := a.watch(ctx, client, cameras[i%len(cameras)], mannerOf(i)); err != nil && ctx.Err() == nil {
				a.mu.Lock()
				a.err = fmt.Errorf("viewer %d: %w", i, err)
				a.mu.Unlock()
			}
		})
	}
	return a
}

// leave ends them all and says what they got.
func (a *audience) leave() (map[manner]*seen, error) {
	a.stop()
	a.running.Wait()
	return a.seen, a.err
}

func (a *audience) watch(ctx context.Context, client *http.Client, camera string, how manner) error {
	conn, _, err := websocket.Dial(ctx, "http://engine/v1/cameras/"+camera+"/live", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(64 << 20)
	s := a.seen[how]
	a.count(func() { s.viewers++ })
	if how == stuck {
		<-ctx.Done()
		return nil
	}
	initial := true
	var next uint64
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			if ctx.Err() == nil {
				a.count(func() { s.ended++ })
			}
			if how == quick {
				return err
			}
			return nil // it may well have been let go
		}
		if kind == websocket.MessageText {
			initial = true
			continue
		}
		if initial {
			initial = false
			continue
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(b); err != nil {
			return err
		}
		now := time.Now()
		a.count(func() { next = s.take(parts, next, now) })
		if how == slow {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(len(b)) * time.Second / slowBytes):
			}
		}
	}
}

func (a *audience) count(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// take notes fragments of a stream whose next frame should be at next (in ticks of the picture; 0: not known yet).
func (s *seen) take(parts fmp4.Parts, next uint64, now time.Time) uint64 {
	for _, part := range parts {
		for _, track := range part.Tracks {
			if track.ID != 1 {
				continue
			}
			// The last fragment's duration was an estimate.
			if next != 0 && (track.BaseTime > next+90000/10 || track.BaseTime+90000/10 < next) {
				s.skips++
			}
			next = track.BaseTime
			for _, sample := range track.Samples {
				at := time.Unix(int64(next/90000), int64(next%90000)*1e9/90000)
				s.ages = append(s.ages, now.Sub(at))
				next += uint64(sample.Duration)
				s.frames++
			}
		}
	}
	return next
}

func (s *seen) age(share float64) time.Duration {
	if len(s.ages) == 0 {
		return 0
	}
	slices.Sort(s.ages)
	return s.ages[int(float64(len(s.ages)-1)*share)].Round(time.Millisecond)
}

// report says what the viewers got, and what of it is not as it ought to be.
func report(all map[manner]*seen) (text string, faults []string) {
	q, s, k := all[quick], all[slow], all[stuck]
	text = fmt.Sprintf("%d quick viewers: %d frames, %d skips, age p50 %v, p95 %v, p99 %v; %d slow ones: %d frames, %d skips; %d stuck",
		q.viewers, q.frames, q.skips, q.age(0.5), q.age(0.95), q.age(0.99), s.viewers, s.frames, s.skips, k.viewers)
	if q.skips > 0 || q.ended > 0 {
		faults = append(faults, fmt.Sprintf("quick viewers skipped %d times and ended %d times", q.skips, q.ended))
	}
	if s.viewers > 0 && s.skips == 0 {
		faults = append(faults, "slow viewers did not skip")
	}
	return text, faults
}
