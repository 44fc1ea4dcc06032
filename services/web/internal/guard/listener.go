package guard

import (
	"net"
	"net/netip"
	"sync"
)

// Connections bounds how many connections are open, in all and from one address. It may be shared by listeners.
type Connections struct {
	Total      int
	PerAddress int

	mu   sync.Mutex
	open int
	by   map[netip.Addr]int
}

// Limit wraps a listener. A connection over the limits is closed at once, before TLS costs anything. This machine
// itself always finds a place, for the sake of its health check.
func (c *Connections) Limit(l net.Listener) net.Listener { return &limited{Listener: l, c: c} }

type limited struct {
	net.Listener
	c *Connections
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := remote(conn)
		if l.c.take(addr) {
			return &counted{Conn: conn, release: sync.OnceFunc(func() { l.c.release(addr) })}, nil
		}
		_ = conn.Close() // nothing was sent, nothing can be lost
	}
}

func remote(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (c *Connections) take(addr netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !addr.IsLoopback() && (c.open >= c.Total || c.by[addr] >= c.PerAddress) {
		return false
	}
	if c.by == nil {
		c.by = map[netip.Addr]int{}
	}
	c.open++
	c.by[addr]++
	return true
}

func (c *Connections) release(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.by[addr]--; c.by[addr] <= 0 {
		delete(c.by, addr)
	}
}

type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	c.release()
	return c.Conn.Close()
}
