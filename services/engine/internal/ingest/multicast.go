package ingest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/sdp"
)

// errJoin: this machine cannot become a member of the group.
var errJoin = errors.New("cannot join the multicast group")

// groups has the library receive by multicast from whom the camera's description names (RFC 4570), and from nobody else: by
// itself it joins a group for all who send to it, and networks of source-specific multicast (RFC 4607) then bring nothing.
// So it is told that the session is unicast. The sockets that it opens are those of a group (type member), which they join
// once the camera has said which; the Transport headers are translated.
type groups struct {
	desc  *sdp.Session
	local func() net.Addr // of the connection to the camera, whose interface is that of the group
	peer  func() net.Addr

	media *description.Media // being set up
	open  []*member          // by the library, for it
	err   error              // why it came to nothing
}

// listen stands in for net.ListenPacket.
func (g *groups) listen(_, address string) (net.PacketConn, error) {
	asked, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return nil, err
	}
	m, err := newMember(asked)
	if err != nil {
		return nil, err
	}
	g.open = append(g.open, m)
	return m, nil
}

// request asks for multicast in place of unicast.
func (g *groups) request(req *base.Request) {
	var h headers.Transport
	if h.Unmarshal(req.Header["Transport"]) != nil {
		return
	}
	multicast := headers.TransportDeliveryMulticast
	h.Delivery, h.ClientPorts = &multicast, nil
	req.Header["Transport"] = h.Marshal()
}

// response joins the group that the camera names, and tells the library what it would have been told of unicast.
func (g *groups) response(res *base.Response) {
	h, err := g.join(res.Header["Transport"])
	if err != nil {
		g.err, res.StatusCode = err, base.StatusUnsupportedTransport
		return
	}
	res.Header["Transport"] = h.Marshal()
}

func (g *groups) join(header base.HeaderValue) (h headers.Transport, err error) {
	if err := h.Unmarshal(header); err != nil {
		return h, liberrors.ErrClientTransportHeaderInvalid{Err: err}
	}
	switch {
	case h.Protocol != headers.TransportProtocolUDP:
		return h, liberrors.ErrClientServerRequestedTCP{}
	case h.Delivery == nil || *h.Delivery != headers.TransportDeliveryMulticast:
		return h, liberrors.ErrClientTransportHeaderInvalidDelivery{}
	case h.Destination2 == nil:
		return h, liberrors.ErrClientTransportHeaderNoDestination{}
	case h.Ports == nil || h.Ports[0] < 1 || h.Ports[0] > 65535 || h.Ports[1] < 1 || h.Ports[1] > 65535:
		return h, liberrors.ErrClientTransportHeaderNoPorts{}
	case len(g.open) < 2:
		return h, fmt.Errorf("%w: no sockets", errJoin)
	}
	group, err := netip.ParseAddr(*h.Destination2)
	if err != nil || !group.Is4() || !group.IsMulticast() {
		return h, fmt.Errorf("%w: %q is no IPv4 multicast address", errJoin, *h.Destination2)
	}
	local, peer := ipOf(g.local()), ipOf(g.peer())
	if !local.Is4() || !peer.Is4() {
		return h, fmt.Errorf("%w: the camera is not reached by IPv4", errJoin)
	}
	sources := g.desc.Sources(g.media, group)
	from := sources // who is listened to
	if len(from) == 0 {
		from = []netip.Addr{peer}
		if h.Source2 != nil {
			if a, err := netip.ParseAddr(*h.Source2); err == nil {
				from = []netip.Addr{a.Unmap()}
			}
		}
	}
	pair := g.open[len(g.open)-2:] // those before found no free port
	g.open = nil
	for i, m := range pair {
		m.from, m.as = from, &net.UDPAddr{IP: peer.AsSlice(), Port: h.Ports[i]}
		if err := m.join(group, h.Ports[i], local, sources); err != nil {
			return h, fmt.Errorf("%w %s: %w", errJoin, group, err)
		}
	}
	unicast, source := headers.TransportDeliveryUnicast, peer.String()
	return headers.Transport{Profile: h.Profile, Protocol: h.Protocol, Delivery: &unicast, Source2: &source, SSRC: h.SSRC,
		ClientPorts: &[2]int{pair[0].asked.Port, pair[1].asked.Port}, ServerPorts: h.Ports}, nil
}

func ipOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// member is a socket that becomes a member of a group.
type member struct {
	*net.UDPConn
	asked *net.UDPAddr // what the library wanted to listen on
	from  []netip.Addr // whose packets are taken
	as    *net.UDPAddr // whom the library takes them to be from
}

// newMember makes a socket that is bound to nothing yet.
func newMember(asked *net.UDPAddr) (*member, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "multicast")
	defer file.Close() // the connection has a descriptor of its own
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(errJoin, conn.Close())
	}
	return &member{UDPConn: udp, asked: asked}, nil
}

// join binds the socket to a group's port and joins the group at the interface of a local address: for some sources, or
// without any for all.
func (m *member) join(group netip.Addr, port int, local netip.Addr, sources []netip.Addr) error {
	raw, err := m.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(handle uintptr) {
		fd := int(handle)
		// Other sessions may be members of the same group.
		if failed = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); failed != nil {
			return
		}
		// What others on this machine have joined is not for this socket.
		if failed = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0); failed != nil {
			return
		}
		if failed = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: group.As4()}); failed != nil {
			return
		}
		if len(sources) == 0 {
			failed = unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreq{Multiaddr: group.As4(), Interface: local.As4()})
		}
		for _, source := range sources {
			// struct ip_mreq_source of ip(7): group, local address, source.
			request := slices.Concat(group.AsSlice(), local.AsSlice(), source.AsSlice())
			if failed = unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, string(request)); failed != nil {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// LocalAddr is what the library wanted to listen on.
func (m *member) LocalAddr() net.Addr { return m.asked }

// ReadFrom returns the next packet of who is listened to. From which port it comes does not matter: the group's is what
// counts.
func (m *member) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := m.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		if slices.Contains(m.from, addr.Addr().Unmap()) {
			return n, m.as, nil
		}
	}
}
