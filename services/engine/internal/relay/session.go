package relay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/relay/account"
)

// session is what a client has set up, and whether it plays. Its fields belong to its connection's goroutine but for those
// that are atomic.
type session struct {
	id      string
	conn    *conn
	at      address
	way     way
	setups  [2]*setup // picture and sound; nil: not wanted
	hub     *hub      // live
	replay  *replay   // recordings
	release func()
	caster  *caster // multicast
	stopWay func()  // while it plays
	woken   bell    // UDP

	cursor     atomic.Pointer[cursor] // live, while it plays
	since      atomic.Int64           // UTC in ms of playing; 0: it does not play
	heardNs    atomic.Int64           // when the client was heard of, UTC
	lostBefore atomic.Int64           // by cursors before
}

// setup is one media as the client wants it.
type setup struct {
	channels [2]int
	ports    [2]int // UDP: the client's
	control  string // URL
}

func newSession(c *conn, at address, w way) *session {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand
	s := &session{id: hex.EncodeToString(random[:]), conn: c, at: at, way: w, woken: newBell()}
	s.heard()
	return s
}

func (s *session) heard() { s.heardNs.Store(time.Now().UnixNano()) }

// streams tells whether the session plays.
func (s *session) streams() bool { return s.since.Load() != 0 }

// wants tells which medias are set up.
func (s *session) wants() [2]bool { return [2]bool{s.setups[0] != nil, s.setups[1] != nil} }

// channel is where packets of the usual channels go; nil: there.
func (s *session) channel() func(byte) byte {
	usual := true
	for m, u := range s.setups {
		usual = usual && (u == nil || u.channels == [2]int{2 * m, 2*m + 1})
	}
	if usual {
		return nil
	}
	return func(c byte) byte {
		if u := s.setups[c/2%2]; u != nil {
			return byte(u.channels[c%2])
		}
		return c
	}
}

// lost is how many frames and reports the reader has missed.
func (s *session) lost() int64 {
	n := s.lostBefore.Load()
	if c := s.cursor.Load(); c != nil {
		c.hub.mu.Lock()
		n += c.lost
		c.hub.mu.Unlock()
	}
	return n
}

// start has packets sent, from where a cursor is.
func (s *session) start() error {
	if s.way == byMulticast {
		s.stopWay = func() {}
		s.since.Store(time.Now().UnixMilli())
		return nil
	}
	return s.startSource(s.cursor.Load(), func() {})
}

// startReplay plays recordings.
func (s *session) startReplay(o order) error {
	ctx, cancel := context.WithCancel(s.conn.ctx)
	return s.startSource(s.replay.start(ctx, o, s.wants(), s.conn.waker(s)), cancel)
}

// startSource has what a source gives sent to the client alone; over is called when that stops.
func (s *session) startSource(from program, over func()) error {
	c := s.conn
	if s.way == byUDP {
		p, err := c.server.udp()
		if err != nil {
			over()
			return err
		}
		stop := s.startUDP(p, from)
		s.stopWay = func() { over(); stop() }
	} else {
		c.out.play(from, s.channel())
		s.stopWay = func() { over(); c.out.play(nil, nil) }
	}
	s.since.Store(time.Now().UnixMilli())
	return nil
}

// source is the SSRC of a media's packets; ok is false when there is none.
func (s *session) source(m int) (ssrc uint32, ok bool) {
	var fl *flow
	if s.replay != nil {
		fl = s.replay.flows[m]
	} else {
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		fl = s.hub.medias[m]
	}
	if fl == nil {
		return 0, false
	}
	return fl.ssrc, true
}

// startUDP sends to the client's ports until stop is called.
func (s *session) startUDP(p *ports, from program) (stop func()) {
	d := &datagrams{from: [4]*net.UDPConn{p.rtp, p.rtcp, p.rtp, p.rtcp}, sent: func(n int) { s.conn.out.sent.Add(int64(n)) }}
	for m, u := range s.setups {
		if u != nil {
			for i := range 2 {
				d.to[2*m+i] = netip.AddrPortFrom(s.conn.remote.Addr(), uint16(u.ports[i]))
			}
			p.expect(d.to[2*m+1], s, true)
		}
	}
	ctx, cancel := context.WithCancel(s.conn.ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if err := d.stream(ctx, from, s.woken); ctx.Err() == nil {
			s.conn.cancel(err)
		}
	})
	return func() {
		cancel()
		work.Wait()
		for _, to := range d.to {
			p.expect(to, s, false)
		}
	}
}

// halt stops playing.
func (s *session) halt() {
	if s.stopWay != nil {
		s.stopWay()
		s.stopWay = nil
	}
	if c := s.cursor.Swap(nil); c != nil {
		c.hub.detach(c)
		s.lostBefore.Add(c.lost) // nobody moves it any more
	}
	s.since.Store(0)
}

// end is for when the connection has ended.
func (s *session) end(why error) {
	played := s.since.Load()
	s.halt()
	s.release()
	if s.caster != nil {
		s.conn.server.uncast(s.caster)
	}
	if played != 0 {
		s.conn.log().Info("reader has left", "camera", s.at.camera, "stream", s.at.stream, "bytes", s.bytes(), "lostFrames", s.lost(), "why", why)
	}
}

// over tells whether what the session reads, or how, is there no more.
func (s *session) over(settings api.RelaySettings) bool {
	if s.hub != nil {
		s.hub.mu.Lock()
		closed := s.hub.closed
		s.hub.mu.Unlock()
		if closed {
			return true
		}
	}
	if s.way != byMulticast {
		return false
	}
	groups, err := account.Groups(settings.MulticastRange)
	return err != nil || !settings.Multicast || s.caster != nil && (!groups.Contains(s.caster.group) || s.caster.port != settings.MulticastPort)
}

// bytes is how much was sent.
func (s *session) bytes() int64 {
	n := s.conn.out.sent.Load()
	if s.caster != nil {
		n += s.caster.sent.Load()
	}
	return n
}

// kind is what is read.
func (s *session) kind() api.RelayReaderKind {
	if s.at.recordings {
		return api.RelayReaderKindRecording
	}
	return api.RelayReaderKindLive
}

// transport is how, as the API tells it.
func (s *session) transport() api.RelayReaderTransport {
	if s.conn.tunnel {
		return api.RelayReaderTransportHTTP
	}
	return api.RelayReaderTransport(s.way.String())
}
