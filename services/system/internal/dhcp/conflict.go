package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Before an address is used, the link is asked whether somebody has it (RFC 5227, 2.1.1). The pauses are shorter than
// there: a wired link answers within milliseconds, and the cameras are waiting.
const (
	probes     = 3
	probeEvery = 200 * time.Millisecond
	probeWait  = 400 * time.Millisecond // after the last one
	// declinePause is before another address is asked for (RFC 2131, 3.1.5).
	declinePause = 10 * time.Second
)

const (
	arpLength  = 28
	arpRequest = 1
	arpReply   = 2
)

// conflictError says that another machine has the address.
type conflictError struct {
	address netip.Addr
	holder  net.HardwareAddr
}

func (e *conflictError) Error() string {
	return fmt.Sprintf("another machine (%s) has the address %s, which the server offered", e.holder, e.address)
}

// arpPacket is a request for target (RFC 826); sender is 0.0.0.0 in a probe, so that nobody's table is spoilt.
func arpPacket(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, arpRequest}
	b = append(b, mac[:6]...)
	b = append(b, sender.AsSlice()...)
	b = append(b, make([]byte, 6)...)
	return append(b, target.AsSlice()...)
}

// contested says who else has or wants the address, by one packet of ARP: its sender, or another one who probes for it.
func contested(b []byte, mac net.HardwareAddr, address netip.Addr) (holder net.HardwareAddr, yes bool) {
	if len(b) < arpLength || !slices.Equal(b[:6], []byte{0, 1, 8, 0, 6, 4}) {
		return nil, false
	}
	op := binary.BigEndian.Uint16(b[6:8])
	from, sender, target := net.HardwareAddr(slices.Clone(b[8:14])), netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	if op != arpRequest && op != arpReply || slices.Equal(from, mac) {
		return nil, false
	}
	return from, sender == address || op == arpRequest && sender.IsUnspecified() && target == address
}

// free asks whether nobody has the address; the answer is nil, a *conflictError, or what went wrong.
func (c *Client) free(ctx context.Context, address netip.Addr) error {
	ifi, err := net.InterfaceByName(c.cfg.Interface)
	if err != nil {
		return err
	}
	conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return fmt.Errorf("listen for ARP: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	question := arpPacket(c.cfg.MAC, netip.IPv4Unspecified(), address)
	buf := make([]byte, 128)
	for i := range probes {
		if _, err := conn.WriteTo(question, &packet.Addr{HardwareAddr: net.HardwareAddr{255, 255, 255, 255, 255, 255}}); err != nil {
			return fmt.Errorf("ask by ARP: %w", err)
		}
		wait := probeEvery
		if i == probes-1 {
			wait = probeWait
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		for {
			n, _, err := conn.ReadFrom(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				break
			}
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			if holder, yes := contested(buf[:n], c.cfg.MAC, address); yes {
				return &conflictError{address, holder}
			}
		}
	}
	return nil
}

// announce tells neighbours that the address is ours now (RFC 5227, 2.3), so that none goes on to send to a former holder.
func (c *Client) announce(address netip.Addr) {
	ifi, err := net.InterfaceByName(c.cfg.Interface)
	if err != nil {
		return
	}
	conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return // they find out by themselves
	}
	defer conn.Close()
	_, _ = conn.WriteTo(arpPacket(c.cfg.MAC, address, address), &packet.Addr{HardwareAddr: net.HardwareAddr{255, 255, 255, 255, 255, 255}})
}

// decline tells the server that the address is somebody's (RFC 2131, 4.4.4).
func (c *Client) decline(l *Lease) error {
	conn, err := nclient4.NewRawUDPConn(c.cfg.Interface, nclient4.ClientPort)
	if err != nil {
		return fmt.Errorf("decline: %w", err)
	}
	defer conn.Close()
	refusal, err := dhcpv4.New(
		dhcpv4.WithMessageType(dhcpv4.MessageTypeDecline), dhcpv4.WithHwAddr(c.cfg.MAC),
		dhcpv4.WithOption(dhcpv4.OptClientIdentifier(append([]byte{1}, c.cfg.MAC...))),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(l.Address.Addr().AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptMessage("the address is in use")))
	if err != nil {
		return err
	}
	_, err = conn.WriteTo(refusal.ToBytes(), nclient4.DefaultServers)
	return err
}
