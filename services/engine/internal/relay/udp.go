package relay

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// Between so many packets at once there is a pause: a keyframe, or the GOP that a reader begins with, must not be more
	// than its socket holds.
	burst      = 32
	burstPause = 2 * time.Millisecond
	// lowestPort that packets are sent to: below are services that did not ask.
	lowestPort = 1024
)

// ports are the sockets from which all sessions by UDP are sent to: RTP and, one above, RTCP.
type ports struct {
	rtp, rtcp *net.UDPConn
	number    int // of rtp
	done      sync.WaitGroup

	mu    sync.Mutex
	heard map[netip.AddrPort]*session // by where receivers' reports come from
}

// openPorts opens a pair.
func openPorts() (*ports, error) {
	for tries := 0; ; tries++ {
		rtp, err := net.ListenUDP("udp", nil)
		if err != nil {
			return nil, err
		}
		p := &ports{rtp: rtp, number: rtp.LocalAddr().(*net.UDPAddr).Port, heard: map[netip.AddrPort]*session{}}
		if p.number%2 == 0 {
			if p.rtcp, err = net.ListenUDP("udp", &net.UDPAddr{Port: p.number + 1}); err == nil {
				p.done.Go(p.listen)
				return p, nil
			}
		}
		_ = rtp.Close()
		if tries == 100 {
			return nil, fmt.Errorf("no pair of free ports: %w", err)
		}
	}
}

// listen notes who reports.
func (p *ports) listen() {
	var b [2048]byte
	for {
		_, from, err := p.rtcp.ReadFromUDPAddrPort(b[:])
		if err != nil {
			return
		}
		p.mu.Lock()
		s := p.heard[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
		p.mu.Unlock()
		if s != nil {
			s.heard()
		}
	}
}

func (p *ports) close() {
	_ = p.rtp.Close()
	_ = p.rtcp.Close()
	p.done.Wait()
}

// expect has the reports of a receiver count for a session, or not any more.
func (p *ports) expect(from netip.AddrPort, s *session, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on:
		p.heard[from] = s
	case p.heard[from] == s:
		delete(p.heard, from)
	}
}

// udp returns the ports, opened when they are needed first.
func (s *Server) udp() (*ports, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports == nil {
		p, err := openPorts()
		if err != nil {
			return nil, err
		}
		s.ports = p
	}
	return s.ports, nil
}

// datagrams sends packets one by one.
type datagrams struct {
	from [4]*net.UDPConn   // by the usual channels
	to   [4]netip.AddrPort // invalid: nowhere
	sent func(int)
}

// send sends what a source gave.
func (d *datagrams) send(ctx context.Context, list [][]byte) error {
	n := 0
	for _, b := range list {
		for len(b) >= 4 {
			size := 4 + int(b[2])<<8 + int(b[3])
			channel := b[1] % 4
			if to := d.to[channel]; to.IsValid() {
				// What cannot be sent is lost, as packets are: nobody listens yet, or any more.
				if _, err := d.from[channel].WriteToUDPAddrPort(b[4:size], to); err == nil {
					d.sent(size - 4)
				} else if ctx.Err() != nil {
					return ctx.Err()
				}
				if n++; n%burst == 0 {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(burstPause):
					}
				}
			}
			b = b[size:]
		}
	}
	return nil
}

// stream sends what a source has until ctx ends, or the source does; woken tells that it has more.
func (d *datagrams) stream(ctx context.Context, s program, woken <-chan struct{}) error {
	var list [][]byte
	for {
		var ok bool
		if list, ok = s.take(list[:0], time.Now()); !ok {
			return io.EOF
		}
		if len(list) > 0 {
			if err := d.send(ctx, list); err != nil {
				return err
			}
			clear(list)
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		}
	}
}

// bell wakes one goroutine.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
