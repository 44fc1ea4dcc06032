package rtsp

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// bufferSize is what one read takes at most: several times the largest frame or message, and small enough to stay in a
// processor's cache from the read until its packets were handled.
const bufferSize = 128 << 10

// keepRest is how large a buffer for what came in part a connection keeps for the next time.
const keepRest = 4 << 10

// buffers are shared by all connections: one is in use while its bytes are handled, and no longer (with TLS, while it is
// waited for too). So there are hardly more of
// them than processors, which is few enough to keep: a sync.Pool lets go of them at each garbage collection, and clearing
// new ones costs more than it saves.
var buffers shelf

// shelf keeps buffers that are not in use.
type shelf struct {
	mu   sync.Mutex
	free []*[bufferSize]byte
}

// shelved is how many buffers are kept at most.
const shelved = 16

func (s *shelf) take() *[bufferSize]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return new([bufferSize]byte)
	}
	b := s.free[n-1]
	s.free = s.free[:n-1]
	return b
}

func (s *shelf) put(b *[bufferSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < shelved {
		s.free = append(s.free, b)
	}
}

// read reads once and handles all that is whole.
func (c *Client) read() error {
	plain := c.conn == c.pace
	if plain {
		if err := c.pace.wait(); err != nil {
			return err
		}
	}
	buf := buffers.take()
	defer buffers.put(buf)
	n := copy(buf[:], c.rest)
	var m int
	var err error
	if plain {
		m, err = c.pace.look(buf[n:])
	} else {
		m, err = c.conn.Read(buf[n:])
	}
	if m == 0 {
		return err
	}
	c.before()
	rest, terr := c.take(buf[:n+m])
	c.after()
	if terr != nil {
		return terr
	}
	if cap(c.rest) > keepRest && len(rest) <= keepRest {
		c.rest = nil
	}
	c.rest = append(c.rest[:0], rest...)
	return err
}

// take handles what is whole in b and returns the rest.
func (c *Client) take(b []byte) (rest []byte, err error) {
	for len(b) > 0 {
		p, size, err := split(b, &c.known)
		switch {
		case err != nil:
			return nil, err
		case p == partial:
			return b, nil
		case p == junk:
			if c.junk += size; c.junk > maxJunk {
				return nil, fmt.Errorf("%w: %d bytes", ErrJunk, c.junk)
			}
			b = b[size:]
			continue
		case p == frame:
			c.frame(b[1], b[frameHead:size])
		default:
			if err := c.message(p, b[:size]); err != nil {
				return nil, err
			}
		}
		c.junk = 0
		b = b[size:]
	}
	return nil, nil
}

// frame handles an interleaved frame.
func (c *Client) frame(channel uint8, b []byte) {
	t := c.tracks[channel]
	switch {
	case t == nil: // of nothing that was asked for
	case int(channel) == t.channel:
		c.packet(t, b)
	default:
		c.control(t, b)
	}
}

func (c *Client) packet(t *track, b []byte) {
	p := &c.pkt
	if err := parseRTP(b, p); err == nil {
		for i := range t.receivers {
			if r := &t.receivers[i]; r.PayloadType == p.PayloadType {
				t.seen.packet(p.SSRC, p.SequenceNumber)
				r.Packet(p)
				return
			}
		}
	}
	if r := &t.receivers[0]; r.Malformed != nil {
		r.Malformed()
	}
}

// control handles RTCP (RFC 3550 §6). What cannot be understood is passed over: no frame depends on it.
func (c *Client) control(t *track, b []byte) {
	list, err := rtcp.Unmarshal(bytes.Clone(b)) // what it makes may keep its bytes
	if err != nil {
		return
	}
	now := time.Now()
	for _, p := range list {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			t.seen.senderReport(sr, now)
		}
		for i := range t.receivers {
			if r := &t.receivers[i]; r.Control != nil {
				r.Control(p)
			}
		}
	}
	if t.seen.begun && now.Sub(t.reported) >= reportEvery {
		t.reported = now
		c.report(t, now)
	}
}

// report sends a receiver report, in answer to sender reports: a camera that sends none does not look for ours. That it
// cannot be written shows in reading too.
func (c *Client) report(t *track, now time.Time) {
	b, err := t.seen.report(c.own, now).Marshal()
	if err != nil {
		return
	}
	b = append([]byte{'$', byte(t.channel + 1), byte(len(b) >> 8), byte(len(b))}, b...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_ = c.write(b, c.cfg.Timeout)
	}
}
