package lab

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/beevik/ntp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
)

func open(t *testing.T) *Lab {
	t.Helper()
	l, err := Open(t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil)), t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// plug adds an interface with the MAC address of a machine to the bridge, as that machine's NIC would be.
func plug(l *Lab, m Machine) error {
	return l.do(func() error {
		bridge, err := netlink.LinkByName("lab")
		if err != nil {
			return err
		}
		mac, err := net.ParseMAC(m.MAC)
		if err != nil {
			return err
		}
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "plug", MasterIndex: bridge.Attrs().Index}, PeerName: "nic", PeerHardwareAddr: mac}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		nic, err := netlink.LinkByName("nic")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetUp(veth), netlink.LinkSetUp(nic))
	})
}

func TestMachineGetsItsAddressAndTheTimeServer(t *testing.T) {
	l := open(t)
	m := MachineAt(1)
	if err := plug(l, m); err != nil {
		t.Fatal(err)
	}
	err := l.do(func() error {
		client, err := nclient4.New("nic")
		if err != nil {
			return err
		}
		defer client.Close()
		lease, err := client.Request(t.Context(), dhcpv4.WithRequestedOptions(dhcpv4.OptionNTPServers))
		if err != nil {
			return err
		}
		if got := lease.ACK.YourIPAddr.String(); got != m.Addr.String() {
			t.Errorf("address %s, want %s", got, m.Addr)
		}
		if got := lease.ACK.NTPServers(); len(got) != 1 || got[0].String() != Host().String() {
			t.Errorf("time servers %v, want %s", got, Host())
		}
		if got := lease.ACK.Router(); len(got) != 0 {
			t.Errorf("routers %v, want none", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimeServerGivesThisMachinesTime(t *testing.T) {
	l := open(t)
	var offset time.Duration
	err := l.do(func() error {
		r, err := ntp.QueryWithOptions(Host().String(), ntp.QueryOptions{Timeout: 3 * time.Second})
		if err != nil {
			return err
		}
		offset = r.ClockOffset
		return r.Validate()
	})
	if err != nil {
		t.Fatal(err)
	}
	if offset.Abs() > 100*time.Millisecond {
		t.Errorf("offset %v", offset)
	}
}

func TestForwardReachesAServerInTheLab(t *testing.T) {
	l := open(t)
	ln, err := l.Listen("tcp", Host().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, "from inside")
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close() })
	addr, err := l.Forward("127.0.0.1:0", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "from inside\n" {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := l.Forward("0.0.0.0:0", ln.Addr().String()); err == nil {
		t.Error("forwarding from all addresses of this machine was accepted")
	}
}

func TestThereIsNoWayOut(t *testing.T) {
	l := open(t)
	if conn, err := l.Dial(t.Context(), "tcp", "192.0.2.1:80"); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("%v, %v; want network unreachable", conn, err)
	}
	if conn, err := l.Dial(t.Context(), "tcp", "localhost:80"); err == nil {
		t.Errorf("a name was looked up: %v", conn.RemoteAddr())
	}
	err := l.do(func() error {
		routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
		for _, r := range routes {
			if r.Gw != nil {
				t.Errorf("route %v", r)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), slog.New(slog.DiscardHandler), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("/run/netns", l.Name())); err != nil {
		t.Fatal(err)
	}
	ln, err := l.Listen("tcp", Host().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr, err := l.Forward("127.0.0.1:0", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr.String()) // a connection that nobody ends
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join("/run/netns", l.Name())); !os.IsNotExist(err) {
		t.Errorf("namespace is still there: %v", err)
	}
	for _, pid := range []string{"dnsmasq.pid", "chronyd.pid"} {
		if _, err := os.Stat(filepath.Join(dir, pid)); err == nil {
			t.Errorf("%s is still there: the server did not end", pid)
		}
	}
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		c.Close()
		t.Error("forwarding still listens")
	}
}
