package dhcp

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"vigie/services/system/internal/arp"
)

const (
	// declinePause is before another address is asked for (RFC 2131, 3.1.5).
	declinePause = 10 * time.Second
)

// conflictError says that another machine has the address.
type conflictError struct {
	address netip.Addr
	holder  arp.MAC
}

func (e *conflictError) Error() string {
	return fmt.Sprintf("another machine (%s) has the address %s, which the server offered", e.holder, e.address)
}

// free asks whether nobody has the address; the answer is nil, a *conflictError, or what went wrong.
func (c *Client) free(ctx context.Context, address netip.Addr) error {
	holder, err := arp.Holder(ctx, c.cfg.Interface, c.mac(), address)
	if err == nil && holder != (arp.MAC{}) {
		err = &conflictError{address, holder}
	}
	return err
}

// announce tells neighbours that the address is ours now; where that fails they find out by themselves.
func (c *Client) announce(address netip.Addr) { _ = arp.Announce(c.cfg.Interface, c.mac(), address) }

func (c *Client) mac() arp.MAC {
	m, _ := arp.MACOf(c.cfg.MAC)
	return m
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
