package netnstest

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tap sends frames by an interface as they are, and keeps those that come in by it.
type Tap struct {
	fd   int
	done chan struct{}

	mu     sync.Mutex
	frames [][]byte
}

// Tap opens a tap that ends with the test.
func (n *Namespace) Tap(tb testing.TB, name string) *Tap {
	tb.Helper()
	t := &Tap{done: make(chan struct{})}
	n.Do(tb, func() (err error) {
		l, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
		if t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(t.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}); err != nil {
			return err
		}
		return unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Index})
	})
	stop := make(chan struct{})
	go t.read(stop)
	tb.Cleanup(func() {
		close(stop)
		<-t.done
		unix.Close(t.fd)
	})
	return t
}

func (t *Tap) read(stop chan struct{}) {
	defer close(t.done)
	buf := make([]byte, 1<<16)
	for {
		select {
		case <-stop:
			return
		default:
		}
		size, from, err := unix.Recvfrom(t.fd, buf, 0)
		if err != nil {
			continue // nothing came for a while
		}
		if a, ok := from.(*unix.SockaddrLinklayer); ok && a.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		t.mu.Lock()
		t.frames = append(t.frames, append([]byte(nil), buf[:size]...))
		t.mu.Unlock()
	}
}

// Send puts a frame on the wire.
func (t *Tap) Send(frame []byte) error {
	for {
		_, err := unix.Write(t.fd, frame)
		if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
			if err != nil {
				return fmt.Errorf("send a frame of %d bytes: %w", len(frame), err)
			}
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// Frames returns what has come in since the last call.
func (t *Tap) Frames() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.frames
	t.frames = nil
	return f
}
