package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Partner is a switch that agrees on link aggregation (IEEE 802.1AX, LACP) with who is at the other ends of its ports, and
// does nothing else. Its methods may be called from any goroutine.
type Partner struct {
	MAC [6]byte

	mu   sync.Mutex
	keys []uint16 // of each port: ports of one key may work together

	cancel context.CancelFunc
	ports  sync.WaitGroup
}

// A LACPDU (802.1AX, section 6.4.2.3) behind the Ethernet header: subtype 1, version 1, then the actor's information (type 1),
// the partner's (2), the collector's (3), and a terminator; 110 bytes in all. An information has its type and length, and
// system priority, system, key, port priority, port, state.
const (
	lacpSize        = 110
	informationSize = 20
	actorAt         = 2
	partnerAt       = actorAt + informationSize
	collectorAt     = partnerAt + informationSize

	// of the state: active, sends fast, may be aggregated, in step, collecting, distributing
	agreeing = 1 | 2 | 4 | 8 | 16 | 32
)

// Partner opens a switch whose ports are these interfaces of the lab, all of one key, until it is closed.
func (l *Lab) Partner(mac [6]byte, key uint16, interfaces ...string) (*Partner, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Partner{MAC: mac, cancel: cancel}
	for i, name := range interfaces {
		fd, err := l.slow(name)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.keys = append(p.keys, key)
		p.ports.Go(func() { p.port(ctx, fd, uint16(i)) })
	}
	return p, nil
}

// SetKey gives a port another key.
func (p *Partner) SetKey(port int, key uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[port] = key
}

// Close ends it: nobody answers any more.
func (p *Partner) Close() {
	p.cancel()
	p.ports.Wait()
}

// slow opens a socket for the slow protocols, to which LACP belongs, on an interface.
func (l *Lab) slow(name string) (fd int, err error) {
	err = l.do(func() error {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_SLOW))); err != nil {
			return err
		}
		wait := unix.NsecToTimeval((100 * time.Millisecond).Nanoseconds())
		err = errors.Join(
			unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_ALLMULTI}),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_SLOW), Ifindex: i.Index}))
		if err != nil {
			unix.Close(fd)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("LACP on %s: %w", name, err)
	}
	return fd, nil
}

// port speaks on one port until ctx ends: once a second, and at once when it hears news.
func (p *Partner) port(ctx context.Context, fd int, number uint16) {
	defer unix.Close(fd)
	heard := make([]byte, informationSize) // of the other end
	var last time.Time
	for b := make([]byte, 2048); ctx.Err() == nil; {
		n, from, err := unix.Recvfrom(fd, b, 0)
		outgoing := false
		if l, ok := from.(*unix.SockaddrLinklayer); ok {
			outgoing = l.Pkttype == unix.PACKET_OUTGOING
		}
		news := err == nil && !outgoing && n >= 14+lacpSize && b[14] == 1 && string(b[14+actorAt:14+partnerAt]) != string(heard)
		if news {
			copy(heard, b[14+actorAt:])
		}
		if heard[1] == 0 || !news && time.Since(last) < time.Second {
			continue
		}
		last = time.Now()
		_, _ = unix.Write(fd, p.frame(heard, number)) // a port whose other end is away
	}
}

func (p *Partner) frame(heard []byte, number uint16) []byte {
	p.mu.Lock()
	key := p.keys[number]
	p.mu.Unlock()
	b := append([]byte{0x01, 0x80, 0xc2, 0, 0, 2}, p.MAC[:5]...)
	b = append(b, p.MAC[5]+byte(number)+1) // a port has an address of its own
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_SLOW)
	pdu := make([]byte, lacpSize)
	pdu[0], pdu[1] = 1, 1
	own := pdu[actorAt:partnerAt]
	own[0], own[1] = 1, informationSize
	binary.BigEndian.PutUint16(own[2:], 0x8000)
	copy(own[4:], p.MAC[:])
	binary.BigEndian.PutUint16(own[10:], key)
	binary.BigEndian.PutUint16(own[12:], 0xff)
	binary.BigEndian.PutUint16(own[14:], number+1)
	own[16] = agreeing
	copy(pdu[partnerAt:], heard)
	pdu[partnerAt] = 2
	pdu[collectorAt], pdu[collectorAt+1] = 3, 16
	return append(b, pdu...)
}
