package firewall

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// flows is how many cameras send.
const flows = 100

// BenchmarkCameras is what the rules cost of what 100 cameras send, packet by packet of 1,400 bytes, each read before the next
// one: processor time of sending and receiving together, with the rules and without.
func BenchmarkCameras(b *testing.B) {
	for _, network := range []string{"udp", "tcp"} {
		for _, rules := range []string{"off", "on"} {
			b.Run(network+"/rules="+rules, func(b *testing.B) {
				w := newWorld(b)
				if rules == "on" {
					w.protect(Opening{TCP, 443, 443, Office}, Opening{UDP, 123, 123, Cameras})
				}
				here, there := w.sides[Cameras].theirs[0], w.sides[Cameras].own[0]
				var read, write []io.ReadWriter
				for range flows {
					machine, camera := w.flow(b, network, here, there)
					read, write = append(read, machine), append(write, camera)
				}
				picture, buf := make([]byte, 1400), make([]byte, 1400)
				b.SetBytes(int64(len(picture)))
				b.ResetTimer()
				before := used(b)
				for i := range b.N {
					if _, err := write[i%flows].Write(picture); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(read[i%flows], buf); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((used(b)-before)/float64(b.N)/float64(len(picture))*1e9, "cpu-s/GB")
			})
		}
	}
}

// flow is a connection that the machine made to a camera, as it makes all of them.
func (w *world) flow(tb testing.TB, network string, here, there netip.Addr) (machine, camera net.Conn) {
	tb.Helper()
	ask := func(address string) {
		w.machine.Do(tb, func() (err error) {
			machine, err = net.Dial(network, address)
			return err
		})
		tb.Cleanup(func() { machine.Close() })
	}
	host := w.sides[Cameras].host
	if network == "tcp" {
		var l net.Listener
		host.Do(tb, func() (err error) {
			l, err = net.Listen("tcp", netip.AddrPortFrom(there, 0).String())
			return err
		})
		defer l.Close()
		ask(l.Addr().String())
		camera, err := l.Accept()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { camera.Close() })
		return machine, camera
	}
	var l *net.UDPConn
	host.Do(tb, func() (err error) {
		l, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(there, 0)))
		return err
	})
	port := l.LocalAddr().(*net.UDPAddr).Port
	ask(l.LocalAddr().String())
	if _, err := machine.Write([]byte("setup")); err != nil {
		tb.Fatal(err)
	}
	_, from, err := l.ReadFromUDPAddrPort(make([]byte, 16))
	if err != nil || from.Addr().Unmap() != here {
		tb.Fatal(from, err)
	}
	l.Close()
	host.Do(tb, func() (err error) {
		camera, err = net.DialUDP("udp", &net.UDPAddr{IP: there.AsSlice(), Port: port}, net.UDPAddrFromAddrPort(from))
		return err
	})
	tb.Cleanup(func() { camera.Close() })
	return machine, camera
}

// used is the processor time of this process, in seconds.
func used(tb testing.TB) float64 {
	tb.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
