package ssh

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// probeFrom is the address that the service's own question comes from: no other machine can have it, so that its connection
// is known, and finds a place however many strangers wait.
var probeFrom = netip.AddrFrom4([4]byte{127, 86, 73, 71})

const hello = "SSH-2.0-Vigie\r\n"

// check is the service's health: while it listens it must greet who comes.
func (s *server) check(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	port := s.port
	s.mu.Unlock()
	if port == 0 {
		return s.served.Load(), nil // off, or the port is another's: nothing that a restart would mend
	}
	return s.served.Load(), probe(ctx, port)
}

func probe(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(probeFrom, 0))}
	conn, err := d.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("own question: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	b := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != hello {
		return fmt.Errorf("own question: %q, %w", b, err)
	}
	return nil
}

// greet answers the service's own question.
func greet(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, hello)
}
