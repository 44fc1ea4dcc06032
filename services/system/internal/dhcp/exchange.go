package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"
)

// errSilence: nobody answered.
var errSilence = errors.New("no answer")

// Patience of one exchange: each try doubles the wait.
const (
	firstWait = time.Second
	tries     = 3
)

// wanted is the parameter request list.
var wanted = dhcpv4.OptParameterRequestList(
	dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName,
	dhcpv4.OptionInterfaceMTU, dhcpv4.OptionNTPServers, dhcpv4.OptionDNSDomainSearchList,
	dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue, dhcpv4.OptionServerIdentifier,
)

// ours are the options in every message. The client identifier is the one that other systems on the same NIC use, so
// that a reinstalled machine keeps its address.
func (c *Client) ours() []dhcpv4.Modifier {
	m := []dhcpv4.Modifier{
		dhcpv4.WithOption(wanted),
		dhcpv4.WithOption(dhcpv4.OptClientIdentifier(append([]byte{1}, c.cfg.MAC...))),
		dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1500)),
	}
	if c.cfg.Hostname != "" {
		m = append(m, dhcpv4.WithOption(dhcpv4.OptHostName(c.cfg.Hostname)))
	}
	return m
}

// discover finds a server and takes its offer.
func (c *Client) discover(ctx context.Context) (*Lease, error) {
	conn, err := c.broadcaster()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	offer, err := conn.DiscoverOffer(ctx, c.ours()...)
	if err != nil {
		return nil, silence(err)
	}
	at := time.Now()
	lease, err := conn.RequestFromOffer(ctx, offer, c.ours()...)
	if err != nil {
		return nil, silence(err)
	}
	return NewLease(lease.ACK, at)
}

// reboot asks by broadcast whether an address may still be used (INIT-REBOOT).
func (c *Client) reboot(ctx context.Context, ip netip.Addr) (*Lease, error) {
	conn, err := c.broadcaster()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request, err := dhcpv4.New(append(c.ours(),
		dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithHwAddr(c.cfg.MAC),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip.AsSlice())))...)
	if err != nil {
		return nil, err
	}
	return ask(ctx, conn, nclient4.DefaultServers, request, nil)
}

// renew asks the lease's own server by unicast.
func (c *Client) renew(ctx context.Context, l *Lease) (*Lease, error) {
	if !l.Server.IsValid() {
		return nil, errSilence // to be asked of all at T2
	}
	udp, err := c.bound(ctx, l.Address.Addr())
	if err != nil {
		return nil, err
	}
	conn, err := nclient4.NewWithConn(udp, c.cfg.MAC, patience()...)
	if err != nil {
		udp.Close()
		return nil, err
	}
	defer conn.Close()
	request, err := dhcpv4.NewRenewFromAck(l.ack, c.ours()...)
	if err != nil {
		return nil, err
	}
	server := net.IP(l.Server.AsSlice())
	return ask(ctx, conn, &net.UDPAddr{IP: server, Port: nclient4.ServerPort}, request, nclient4.IsCorrectServer(server))
}

// rebind asks any server by broadcast. The answer may be a broadcast too (a refusal always is), which a socket of the
// NIC's own address would not see.
func (c *Client) rebind(ctx context.Context, l *Lease) (*Lease, error) {
	conn, err := c.broadcaster()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request, err := dhcpv4.NewRenewFromAck(l.ack, c.ours()...)
	if err != nil {
		return nil, err
	}
	return ask(ctx, conn, nclient4.DefaultServers, request, nil)
}

// ask sends a request and reads the verdict on it.
func ask(ctx context.Context, conn *nclient4.Client, to *net.UDPAddr, request *dhcpv4.DHCPv4, from nclient4.Matcher) (*Lease, error) {
	verdict := nclient4.IsMessageType(dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak)
	if from != nil {
		verdict = nclient4.IsAll(verdict, from)
	}
	at := time.Now()
	answer, err := conn.SendAndRead(ctx, to, request, verdict)
	if err != nil {
		return nil, silence(err)
	}
	if answer.MessageType() == dhcpv4.MessageTypeNak {
		return nil, errNak
	}
	return NewLease(answer, at)
}

func patience() []nclient4.ClientOpt {
	return []nclient4.ClientOpt{nclient4.WithTimeout(firstWait), nclient4.WithRetry(tries)}
}

// broadcaster speaks from a NIC without an address.
func (c *Client) broadcaster() (*nclient4.Client, error) {
	return nclient4.New(c.cfg.Interface, append(patience(), nclient4.WithHWAddr(c.cfg.MAC))...)
}

// bound is a UDP socket of the NIC's own address.
func (c *Client) bound(ctx context.Context, ip netip.Addr) (net.PacketConn, error) {
	listen := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if ctl := raw.Control(func(fd uintptr) {
			err = errors.Join(unix.BindToDevice(int(fd), c.cfg.Interface), unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		}); ctl != nil {
			return ctl
		}
		return err
	}}
	return listen.ListenPacket(ctx, "udp4", netip.AddrPortFrom(ip, nclient4.ClientPort).String())
}

// silence puts the library's errors into ours.
func silence(err error) error {
	var nak *nclient4.ErrNak
	switch {
	case errors.Is(err, nclient4.ErrNoResponse), errors.Is(err, context.DeadlineExceeded):
		return errSilence
	case errors.As(err, &nak):
		return errNak
	}
	return fmt.Errorf("dhcp: %w", err)
}
