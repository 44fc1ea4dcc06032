package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/engine/internal/relay/account"
)

// hops is how far multicast goes (its TTL): through a site's routers, and not beyond.
const hops = 16

// casterKey is what a group is for: a stream, on the network of one of the machine's addresses.
type casterKey struct {
	stream string
	local  netip.Addr
}

// caster sends a stream to a group, once for all who listen.
type caster struct {
	key    casterKey
	group  netip.Addr
	port   int
	from   [4]*net.UDPConn // RTP and RTCP of picture and sound; some receivers want them to come from the group's own ports
	users  int             // guarded by the server
	sent   atomic.Int64
	cursor *cursor
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// cast finds the caster of a stream, or makes it.
func (s *Server) cast(h *hub, local netip.Addr) (*caster, error) {
	settings := s.cfg.Book.Settings()
	key := casterKey{h.camera + "/" + h.stream, local}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.casters[key]; c != nil {
		c.users++
		return c, nil
	}
	group, err := s.freeGroup(settings)
	if err != nil {
		return nil, err
	}
	c := &caster{key: key, group: group, port: settings.MulticastPort, users: 1}
	d := &datagrams{sent: func(n int) { c.sent.Add(int64(n)) }}
	for i := range d.to {
		d.to[i] = netip.AddrPortFrom(group, uint16(c.port+i))
		if c.from[i], err = castSocket(s.ctx, local, c.port+i); err != nil {
			c.close()
			return nil, err
		}
	}
	d.from = c.from
	ctx, cancel := context.WithCancel(s.ctx)
	c.cancel = cancel
	woken := newBell()
	c.cursor = h.attach([2]bool{true, true}, woken.ring)
	c.done.Go(func() { _ = d.stream(ctx, c.cursor, woken) }) // what ends it ends the sessions too
	s.casters[key] = c
	return c, nil
}

// freeGroup returns the first group of the range that is not in use; mu is held.
func (s *Server) freeGroup(settings api.RelaySettings) (netip.Addr, error) {
	groups, err := account.Groups(settings.MulticastRange)
	if err != nil {
		return netip.Addr{}, err
	}
	used := map[netip.Addr]bool{}
	for _, c := range s.casters {
		used[c.group] = true
	}
	for a := groups.Addr().Next(); groups.Contains(a); a = a.Next() {
		if !used[a] {
			return a, nil
		}
	}
	return netip.Addr{}, errors.New("all groups of multicast are in use")
}

// uncast ends a caster with its last reader.
func (s *Server) uncast(c *caster) {
	s.mu.Lock()
	c.users--
	over := c.users == 0
	if over {
		delete(s.casters, c.key)
	}
	s.mu.Unlock()
	if over {
		c.cancel()
		c.close()
		c.done.Wait()
		c.cursor.hub.detach(c.cursor)
	}
}

func (c *caster) close() {
	for _, conn := range c.from {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// castSocket opens a socket that sends multicast out of the interface with a local address, from a port that all groups
// share.
func castSocket(ctx context.Context, local netip.Addr, port int) (*net.UDPConn, error) {
	if !local.Is4() {
		return nil, errors.New("multicast is for IPv4")
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var serr error
		err := raw.Control(func(fd uintptr) {
			serr = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, local.As4()),
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, hops))
		})
		return errors.Join(err, serr)
	}}
	conn, err := lc.ListenPacket(ctx, "udp4", netip.AddrPortFrom(local, uint16(port)).String())
	if err != nil {
		return nil, fmt.Errorf("multicast from %s: %w", local, err)
	}
	return conn.(*net.UDPConn), nil
}
