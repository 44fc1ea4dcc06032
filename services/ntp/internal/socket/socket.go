// Package socket carries NTP packets: UDP sockets for IPv4 and IPv6 that tell when the kernel received a packet and at
// which of the machine's addresses, and that answer from that address, by the interface that it came by.
//
// A packet that was sent to more than one machine, by broadcast or multicast, is dropped: answers to those would let
// one packet call forth many. Close ends Serve; nothing here is kept between two packets.
package socket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// roomFor is the longest packet that is read. No request for the time is longer.
const roomFor = 1024

// Handler appends the answer to a packet to out; nothing appended, nothing sent.
type Handler func(out, b []byte, from netip.AddrPort, received time.Time) []byte

// Conn is one socket.
type Conn struct {
	udp *net.UDPConn
	six bool
}

// Listen opens the sockets of a port on all addresses of the machine, one for each protocol that the machine has. Port 0
// takes a free one, the same for both.
func Listen(port int) ([]*Conn, error) {
	four, err := listen("udp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		return nil, err
	}
	six, err := listen("udp6", fmt.Sprintf("[::]:%d", four.Port()))
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL):
		return []*Conn{four}, nil
	case err != nil:
		return nil, errors.Join(err, four.Close())
	}
	return []*Conn{four, six}, nil
}

func listen(network, address string) (*Conn, error) {
	c := &Conn{six: network == "udp6"}
	cfg := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if ctl := raw.Control(func(fd uintptr) { err = c.options(int(fd)) }); ctl != nil {
			return ctl
		}
		return err
	}}
	p, err := cfg.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	c.udp = p.(*net.UDPConn)
	return c, nil
}

func (c *Conn) options(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if c.six {
		return errors.Join(err,
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	}
	return errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
}

// Port is the one it listens on.
func (c *Conn) Port() int { return c.udp.LocalAddr().(*net.UDPAddr).Port }

// Close ends Serve.
func (c *Conn) Close() error { return c.udp.Close() }

// Serve has each packet answered until the socket is closed, which is no error.
func (c *Conn) Serve(answer Handler) error {
	b, out := make([]byte, roomFor), make([]byte, 0, roomFor)
	control, reply := make([]byte, 256), make([]byte, 0, 64)
	for {
		n, nc, flags, from, err := c.udp.ReadMsgUDPAddrPort(b, control)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.ENETDOWN):
			continue // about an answer sent before
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			continue
		}
		arrival, ok := parse(control[:nc])
		if !ok {
			continue
		}
		if arrival.received.IsZero() {
			arrival.received = time.Now()
		}
		if out = answer(out[:0], b[:n], from, arrival.received); len(out) == 0 {
			continue
		}
		// One that cannot be sent is lost as one on the way would be.
		_, _, _ = c.udp.WriteMsgUDPAddrPort(out, arrival.reply(reply[:0]), from)
	}
}

// arrival is what the kernel tells of a packet.
type arrival struct {
	received time.Time
	to       netip.Addr
	by       uint32 // index of the interface
}

// parse reads the control messages of a packet (recvmsg(2), ip(7), ipv6(7), socket(7)). Without a single machine's
// address that it was sent to, ok is false.
func parse(b []byte) (a arrival, ok bool) {
	ne := binary.NativeEndian
	for len(b) >= unix.SizeofCmsghdr {
		length := int(ne.Uint64(b))
		level, kind := int32(ne.Uint32(b[8:])), int32(ne.Uint32(b[12:]))
		if length < unix.SizeofCmsghdr || length > len(b) {
			break
		}
		data := b[unix.CmsgLen(0):length]
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			a.received = time.Unix(int64(ne.Uint64(data)), int64(ne.Uint64(data[8:])))
		case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			// interface, the machine's address, the address in the packet
			a.by, a.to = ne.Uint32(data), netip.AddrFrom4([4]byte(data[4:8]))
			ok = a.to == netip.AddrFrom4([4]byte(data[8:12]))
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			a.to, a.by = netip.AddrFrom16([16]byte(data[:16])), ne.Uint32(data[16:])
			ok = !a.to.IsMulticast()
		}
		b = b[min(unix.CmsgSpace(length-unix.CmsgLen(0)), len(b)):]
	}
	return a, ok
}

// reply appends the control message that has an answer leave as the packet came.
func (a arrival) reply(b []byte) []byte {
	ne := binary.NativeEndian
	header := func(data int, level, kind uint32) {
		b = ne.AppendUint64(b, uint64(unix.CmsgLen(data)))
		b = ne.AppendUint32(b, level)
		b = ne.AppendUint32(b, kind)
	}
	if a.to.Is4() {
		header(unix.SizeofInet4Pktinfo, unix.IPPROTO_IP, unix.IP_PKTINFO)
		b = ne.AppendUint32(b, a.by)
		b = append(b, a.to.AsSlice()...)
		b = ne.AppendUint32(b, 0)
	} else {
		header(unix.SizeofInet6Pktinfo, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO)
		b = append(b, a.to.AsSlice()...)
		b = ne.AppendUint32(b, a.by)
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}
