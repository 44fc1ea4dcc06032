package arp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Before an address is used, the link is asked whether somebody has it (RFC 5227, 2.1.1). The pauses are shorter than
// there: a wired link answers within milliseconds, and the cameras are waiting.
const (
	probes     = 3
	probeEvery = 200 * time.Millisecond
	probeWait  = 400 * time.Millisecond // after the last one
)

// Conn is the ARP of one interface.
type Conn struct {
	conn *packet.Conn
}

// Listen opens an interface, by the kernel's name.
func Listen(device string) (*Conn, error) {
	ifi, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return nil, fmt.Errorf("listen for ARP: %w", err)
	}
	return &Conn{conn}, nil
}

// Close ends it, and a Receive that waits.
func (c *Conn) Close() error { return c.conn.Close() }

// Send sends a packet to all.
func (c *Conn) Send(p Packet) error {
	if _, err := c.conn.WriteTo(p.Marshal(), &packet.Addr{HardwareAddr: net.HardwareAddr{255, 255, 255, 255, 255, 255}}); err != nil {
		return fmt.Errorf("ask by ARP: %w", err)
	}
	return nil
}

// Receive returns the next packet. Where none comes until the instant, the error is os.ErrDeadlineExceeded.
func (c *Conn) Receive(until time.Time) (Packet, error) {
	if err := c.conn.SetReadDeadline(until); err != nil {
		return Packet{}, err
	}
	b := make([]byte, 128)
	for {
		n, _, err := c.conn.ReadFrom(b)
		if err != nil {
			return Packet{}, err
		}
		if p, err := Parse(b[:n]); err == nil {
			return p, nil
		}
	}
}

// Holder asks who else on an interface's link has an address or is about to take it; the zero MAC: nobody said so.
func Holder(ctx context.Context, device string, mac MAC, a netip.Addr) (MAC, error) {
	c, err := Listen(device)
	if err != nil {
		return MAC{}, err
	}
	return c.Holder(ctx, mac, a)
}

// Holder is Holder by an open Conn, which it closes.
func (c *Conn) Holder(ctx context.Context, mac MAC, a netip.Addr) (MAC, error) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	for i := range probes {
		if err := c.Send(Probe(mac, a)); err != nil {
			return MAC{}, errors.Join(ctx.Err(), err)
		}
		wait := probeEvery
		if i == probes-1 {
			wait = probeWait
		}
		for until := time.Now().Add(wait); ; {
			p, err := c.Receive(until)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return MAC{}, errors.Join(ctx.Err(), err)
			}
			if p.Uses(mac, a) || p.Wants(mac, a) {
				return p.SenderMAC, nil
			}
		}
	}
	return MAC{}, nil
}

// Announce tells neighbours that an address is this interface's. Who is not told finds out by himself.
func Announce(device string, mac MAC, a netip.Addr) error {
	c, err := Listen(device)
	if err != nil {
		return err
	}
	return errors.Join(c.Send(Announcement(mac, a)), c.Close())
}
