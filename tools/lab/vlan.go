package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress gives the lab's bridge another address, for machines of another network on the same wire.
func (l *Lab) AddAddress(p netip.Prefix) error {
	return l.do(func() error {
		bridge, err := netlink.LinkByName("lab")
		if err != nil {
			return fmt.Errorf("find bridge: %w", err)
		}
		return netlink.AddrReplace(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}})
	})
}

// AskTagged asks on the lab's wire, in frames with a VLAN's tag, who has an address, and returns who answers in frames with
// the same tag; nil when nobody does for a while. Tag 0 is without one. This machine's kernel need not know VLANs.
func (l *Lab) AskTagged(tag uint16, sender, target netip.Addr, patience time.Duration) (holder net.HardwareAddr, err error) {
	err = l.do(func() error {
		holder, err = askTagged(tag, sender, target, patience)
		return err
	})
	return holder, err
}

func askTagged(tag uint16, sender, target netip.Addr, patience time.Duration) (net.HardwareAddr, error) {
	bridge, err := net.InterfaceByName("lab")
	if err != nil {
		return nil, err
	}
	all := int(htons(unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval((100 * time.Millisecond).Nanoseconds())
	if err := errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: bridge.Index}),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1), // the kernel takes tags out of the frames
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)); err != nil {
		return nil, fmt.Errorf("prepare packet socket: %w", err)
	}
	question := frame(bridge.HardwareAddr, tag, sender, target)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := unix.Sendto(fd, question, 0, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: bridge.Index}); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
		for ask := time.Now().Add(500 * time.Millisecond); time.Now().Before(ask); {
			holder, err := answer(fd, tag, target)
			if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
				return nil, os.NewSyscallError("recvmsg", err)
			}
			if holder != nil {
				return holder, nil
			}
		}
	}
	return nil, nil
}

func frame(mac net.HardwareAddr, tag uint16, sender, target netip.Addr) []byte {
	b := append(bytes.Repeat([]byte{255}, 6), mac...)
	if tag != 0 {
		b = binary.BigEndian.AppendUint16(b, unix.ETH_P_8021Q)
		b = binary.BigEndian.AppendUint16(b, tag)
	}
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_ARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 1)
	b = append(append(b, mac...), sender.AsSlice()...)
	b = append(append(b, make([]byte, 6)...), target.AsSlice()...)
	return append(b, make([]byte, max(60-len(b), 0))...)
}

// answer reads one frame, and returns who says in it, with the right tag, that it has the address.
func answer(fd int, tag uint16, target netip.Addr) (net.HardwareAddr, error) {
	buf, oob := make([]byte, 2048), make([]byte, 256)
	n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, 0)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, err
	}
	var got uint16
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 18 {
			// struct tpacket_auxdata: the status first, the tag behind four other fields
			if binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_VLAN_VALID != 0 {
				got = binary.NativeEndian.Uint16(m.Data[16:]) & 0xfff
			}
		}
	}
	b := buf[:n]
	const reply = 2
	if got != tag || len(b) < 42 || binary.BigEndian.Uint16(b[12:]) != unix.ETH_P_ARP || binary.BigEndian.Uint16(b[20:]) != reply ||
		netip.AddrFrom4([4]byte(b[28:32])) != target {
		return nil, nil
	}
	return net.HardwareAddr(b[22:28]), nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
