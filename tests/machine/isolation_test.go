//go:build whole

package machine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/lab"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// wire is an interface of the lab on which frames are sent and seen as they are.
type wire struct {
	fd   int
	mac  net.HardwareAddr
	seen [][]byte
}

func openWire(t *testing.T, l *lab.Lab, name string) *wire {
	t.Helper()
	w := &wire{fd: -1}
	err := l.Inside(func() (err error) {
		n, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		w.mac = n.HardwareAddr
		all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(all)); err != nil {
			return err
		}
		return unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: n.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

// read takes what has come from the machine.
func (w *wire) read() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		if err != nil {
			return
		}
		if a, ok := from.(*unix.SockaddrLinklayer); ok && a.Pkttype != unix.PACKET_OUTGOING {
			w.seen = append(w.seen, bytes.Clone(buf[:n]))
		}
	}
}

// has tells whether a frame with a marker has come.
func (w *wire) has(marker string) bool {
	return slices.ContainsFunc(w.seen, func(f []byte) bool { return bytes.Contains(f, []byte(marker)) })
}

// sumOf is the Internet checksum (RFC 1071).
func sumOf(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// echoRequest is a frame with an echo request that carries a marker.
func echoRequest(to, from net.HardwareAddr, sender, receiver netip.Addr, marker string) []byte {
	icmp := append([]byte{8, 0, 0, 0, 0, 7, 0, 1}, marker...)
	binary.BigEndian.PutUint16(icmp[2:], sumOf(icmp))
	ip := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, 1, 0, 0}
	ip = append(append(ip, sender.AsSlice()...), receiver.AsSlice()...)
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(icmp)))
	binary.BigEndian.PutUint16(ip[10:], sumOf(ip))
	f := append(append(slices.Clone(to), from...), 8, 0)
	return append(append(f, ip...), icmp...)
}

// TestMachineKeepsTwoNetworksApart: the image, under its own kernel, with a NIC in each; what package firewall's tests try in
// every way, here in few.
func TestMachineKeepsTwoNetworksApart(t *testing.T) {
	b := open(t, site.Config{Firmware: vm.BIOS, Image: "vigie.vmdk", Medium: vm.Fixed, DiskBytes: []int64{1 << 30}, Island: true, Cameras: []rtspcam.Config{}})
	b.boot(t)
	b.setUp(t)
	here, there := lab.MachineAt(0), netip.AddrFrom4([4]byte{10, 78, 0, 100})
	b.until(t, time.Minute, "both NICs have their addresses", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		has := func(a netip.Addr) bool {
			return slices.ContainsFunc(s.Interfaces, func(i api.Interface) bool { return slices.Contains(i.Addresses, a.String()+"/24") })
		}
		return err == nil && has(here.Addr) && has(there), err
	})
	office, island := openWire(t, b.Lab, "lab"), openWire(t, b.Lab, "island")
	hereMAC, _ := net.ParseMAC(here.MAC)
	thereMAC, _ := net.ParseMAC("52:54:00:78:00:00")
	send := func(w *wire, frame []byte) {
		t.Helper()
		if _, err := unix.Write(w.fd, frame); err != nil {
			t.Fatal(err)
		}
	}
	// A good question of each side comes last; its answer says that all before were dealt with.
	send(island, echoRequest(thereMAC, island.mac, lab.IslandHost(), lab.Host(), "<to the other host>"))
	send(island, echoRequest(thereMAC, island.mac, lab.Host(), there, "<as the other host>"))
	send(island, echoRequest(thereMAC, island.mac, lab.IslandHost(), here.Addr, "<to the other address>"))
	send(office, echoRequest(hereMAC, office.mac, lab.Host(), lab.IslandHost(), "<back to the other host>"))
	send(office, echoRequest(hereMAC, office.mac, lab.IslandHost(), here.Addr, "<back as the other host>"))
	send(office, echoRequest(hereMAC, office.mac, lab.Host(), there, "<back to the other address>"))
	b.until(t, 20*time.Second, "both sides get an answer", func(context.Context) (bool, error) {
		send(island, echoRequest(thereMAC, island.mac, lab.IslandHost(), there, "<asked by the island>"))
		send(office, echoRequest(hereMAC, office.mac, lab.Host(), here.Addr, "<asked by the office>"))
		time.Sleep(100 * time.Millisecond)
		office.read()
		island.read()
		return island.has("<asked by the island>") && office.has("<asked by the office>"), nil
	})
	for _, marker := range []string{"<to the other host>", "<as the other host>", "<to the other address>", "<back to the other host>", "<back as the other host>", "<back to the other address>"} {
		if office.has(marker) || island.has(marker) {
			t.Errorf("%s was answered or passed on", marker)
		}
	}

	var f api.Firewall
	if err := b.Call(t.Context(), http.MethodGet, "/firewall", nil, &f); err != nil {
		t.Fatal(err)
	}
	if !f.Active || f.Problem != "" || len(f.Restored) != 0 {
		t.Errorf("firewall %+v", f)
	}
	counted := func(reason api.DroppedPacketsReason) (n int64) {
		for _, z := range f.Zones {
			for _, d := range z.Dropped {
				if d.Reason == reason {
					n += d.Packets
				}
			}
		}
		return n
	}
	if counted("spoofed") < 2 || counted("astray") < 4 {
		t.Errorf("dropped %+v", f.Zones)
	}

	b.byTechnician(t, here.Addr)
	b.bitten(t, here.Addr)
	b.servicesStopAndStart(t)

	// Under this kernel a limit has fq_codel below it, too.
	var before []api.Bandwidth
	if err := b.Call(t.Context(), http.MethodGet, "/bandwidth", nil, &before); err != nil {
		t.Fatal(err)
	}
	if len(before) != 2 {
		t.Fatalf("bandwidth %+v", before)
	}
	if err := b.Call(t.Context(), http.MethodPut, "/bandwidth", []api.BandwidthLimit{{Interface: before[0].Limit.Interface, Kbps: 20_000}}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, 20*time.Second, "the limit is kept", func(ctx context.Context) (bool, error) {
		var now []api.Bandwidth
		err := b.Call(ctx, http.MethodGet, "/bandwidth", nil, &now)
		if err == nil && now[0].Problem != "" {
			err = fmt.Errorf("%s", now[0].Problem)
		}
		return err == nil && now[0].Limit.Kbps == 20_000 && now[0].SentBps > 0, err
	})
	b.byPage(t)
}
