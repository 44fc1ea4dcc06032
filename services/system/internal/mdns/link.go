package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// maxPacket is the longest mDNS message (section 17).
const maxPacket = 9000

// readAgain is how long after an error, so that one that lasts costs nothing.
const readAgain = 100 * time.Millisecond

func group4() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), port)
}
func group6() netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("ff02::fb"), port) }

// sockets are those of one interface: by IPv4 and by IPv6, where the kernel has both.
type sockets struct {
	index   int
	name    string
	four    *ipv4.PacketConn
	six     *ipv6.PacketConn
	conns   []net.PacketConn
	done    chan struct{}
	readers sync.WaitGroup
}

// openLink opens the sockets of an interface and reads from them into packets until close.
func openLink(i Interface, packets chan<- packet) (link, error) {
	s := &sockets{index: i.Index, name: i.Name, done: make(chan struct{})}
	nic, err := net.InterfaceByIndex(i.Index)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", i.Name, err)
	}
	err4, err6 := s.open4(nic), s.open6(nic)
	if err4 != nil && err6 != nil {
		s.close()
		return nil, errors.Join(err4, err6)
	}
	if s.four != nil {
		s.readers.Go(func() { s.read4(packets) })
	}
	if s.six != nil {
		s.readers.Go(func() { s.read6(packets) })
	}
	return s, nil
}

// listen opens a socket that is bound to the interface, beside those of others.
func (s *sockets) listen(network, address string) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) {
			inner = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, s.name))
		})
		return errors.Join(err, inner)
	}}
	c, err := config.ListenPacket(context.Background(), network, address)
	if err == nil {
		s.conns = append(s.conns, c)
	}
	return c, err
}

func (s *sockets) open4(nic *net.Interface) error {
	c, err := s.listen("udp4", "0.0.0.0:5353")
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(c)
	err = errors.Join(
		p.JoinGroup(nic, net.UDPAddrFromAddrPort(group4())), p.SetMulticastInterface(nic), p.SetMulticastTTL(255), p.SetTTL(255),
		p.SetMulticastLoopback(false), p.SetControlMessage(ipv4.FlagDst, true))
	if err == nil {
		s.four = p
	}
	return err
}

func (s *sockets) open6(nic *net.Interface) error {
	c, err := s.listen("udp6", "[::]:5353")
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(c)
	err = errors.Join(
		p.JoinGroup(nic, net.UDPAddrFromAddrPort(group6())), p.SetMulticastInterface(nic), p.SetMulticastHopLimit(255), p.SetHopLimit(255),
		p.SetMulticastLoopback(false), p.SetControlMessage(ipv6.FlagDst, true))
	if err == nil {
		s.six = p
	}
	return err
}

func (s *sockets) close() {
	close(s.done)
	for _, c := range s.conns {
		_ = c.Close() // nothing is lost with a datagram socket
	}
	s.readers.Wait()
}

// toAll sends by both families. A family without an address has no way out, and that is no news.
func (s *sockets) toAll(b []byte) {
	if s.four != nil {
		_, _ = s.four.WriteTo(b, nil, net.UDPAddrFromAddrPort(group4()))
	}
	if s.six != nil {
		_, _ = s.six.WriteTo(b, nil, &net.UDPAddr{IP: group6().Addr().AsSlice(), Port: port, Zone: s.name})
	}
}

func (s *sockets) toOne(b []byte, to netip.AddrPort) {
	switch {
	case to.Addr().Unmap().Is4() && s.four != nil:
		_, _ = s.four.WriteTo(b, nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Addr().Unmap(), to.Port())))
	case to.Addr().Is6() && s.six != nil:
		_, _ = s.six.WriteTo(b, nil, net.UDPAddrFromAddrPort(to))
	}
}

func (s *sockets) read4(packets chan<- packet) {
	b := make([]byte, maxPacket)
	for {
		n, control, from, err := s.four.ReadFrom(b)
		if err != nil {
			if s.closed(err) {
				return
			}
			continue
		}
		s.pass(packets, b[:n], from, control != nil && control.Dst.IsMulticast())
	}
}

func (s *sockets) read6(packets chan<- packet) {
	b := make([]byte, maxPacket)
	for {
		n, control, from, err := s.six.ReadFrom(b)
		if err != nil {
			if s.closed(err) {
				return
			}
			continue
		}
		s.pass(packets, b[:n], from, control != nil && control.Dst.IsMulticast())
	}
}

// closed says whether reading is over. An error that ICMP or a link that went brought is not the end.
func (s *sockets) closed(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return true
	}
	select {
	case <-s.done:
		return true
	case <-time.After(readAgain):
		return false
	}
}

func (s *sockets) pass(packets chan<- packet, b []byte, from net.Addr, group bool) {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return
	}
	p := packet{index: s.index, data: append([]byte(nil), b...), from: udp.AddrPort(), group: group}
	select {
	case packets <- p:
	case <-s.done:
	}
}
