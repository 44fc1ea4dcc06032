package rtsp

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is how often a playing connection is looked at. It is the price in latency, at most; a frame's packets come
	// within a few milliseconds of each other, so that mostly one look takes a whole frame.
	tick = 20 * time.Millisecond
	// idleTicks is how many looks in vain there are before the connection is left to wake us.
	idleTicks = 25
	// lowWater is how much must come to wake a poller in spite of the ticks. The kernel makes the receive buffer twice as
	// large, so that a keyframe that comes at once finds room between two looks.
	lowWater = 512 << 10
)

// pacer reads a TCP connection in ticks. All pacers look at their connections in the same instants: the process wakes
// once in a tick for all cameras, instead of once for each packet. Between two looks, SO_RCVLOWAT keeps the kernel from
// telling the runtime's poller about each packet. A connection on which nothing comes for some looks is waited for.
//
// It is a net.Conn so that TLS can be put on top.
type pacer struct {
	net.Conn
	raw    syscall.RawConn // nil: not a TCP connection, or not paced yet
	drawn  bool            // the last look took all there was
	vain   int             // looks in a row that found nothing
	parked bool            // the low-water mark is one byte

	recv func(fd uintptr) bool // reads once
	into []byte                // of the look under way
	n    int
	err  error
}

// start begins pacing; before it, reads wait as they do on any connection.
func (p *pacer) start() {
	if c, ok := p.Conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			p.raw, p.parked = raw, true
			p.recv = func(fd uintptr) bool {
				p.n, p.err = unix.Read(int(fd), p.into)
				return true
			}
			p.mark(false)
		}
	}
}

// mark sets the low-water mark: parked, anything wakes the poller. Without it everything works, at more cost.
func (p *pacer) mark(parked bool) {
	if p.parked == parked {
		return
	}
	p.parked = parked
	size := lowWater
	if parked {
		size = 1
	}
	_ = p.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, size) })
}

// Read reads what there is, and waits for a tick with something when there is nothing.
func (p *pacer) Read(b []byte) (int, error) {
	if p.raw == nil {
		return p.Conn.Read(b)
	}
	for {
		if err := p.wait(); err != nil {
			return 0, err
		}
		if n, err := p.look(b); n > 0 || err != nil {
			return n, err
		}
	}
}

// wait returns when the next look is due.
func (p *pacer) wait() error {
	if p.raw == nil || !p.drawn {
		return nil
	}
	if p.vain < idleTicks {
		time.Sleep(tick - time.Duration(time.Now().UnixNano())%tick)
		return nil
	}
	p.mark(true)
	defer p.mark(false)
	p.vain = 0
	return p.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN)
	})
}

// look reads without waiting; 0, nil: there is nothing.
func (p *pacer) look(b []byte) (int, error) {
	if p.raw == nil {
		return p.Conn.Read(b)
	}
	p.into = b
	err := p.raw.Read(p.recv)
	p.into = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(p.err, unix.EAGAIN), errors.Is(p.err, unix.EINTR):
		p.drawn = true
		p.vain++
		return 0, nil
	case p.err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: p.LocalAddr(), Addr: p.RemoteAddr(), Err: p.err}
	case p.n == 0:
		return 0, io.EOF
	}
	p.drawn, p.vain = p.n < len(b), 0
	return p.n, nil
}
