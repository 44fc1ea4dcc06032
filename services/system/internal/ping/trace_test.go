package ping

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"vigie/services/system/internal/netnstest"
)

// road is a machine, a router and a host behind it, in both families.
func road(t *testing.T) (here, router *netnstest.Namespace) {
	t.Helper()
	here, router = netnstest.New(t, "here"), netnstest.New(t, "router")
	there := netnstest.New(t, "there")
	netnstest.Wire(t, here, "lan1", router, "near")
	netnstest.Wire(t, router, "far", there, "eth0")
	here.Up(t, "lan1", "10.9.1.1/24", "fd09:1::1/64")
	router.Up(t, "near", "10.9.1.2/24", "fd09:1::2/64")
	router.Up(t, "far", "10.9.2.2/24", "fd09:2::2/64")
	there.Up(t, "eth0", "10.9.2.3/24", "fd09:2::3/64")
	router.Do(t, func() error {
		return errors.Join(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0), os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0))
	})
	here.Route(t, "0.0.0.0/0", "10.9.1.2")
	here.Route(t, "::/0", "fd09:1::2")
	there.Route(t, "0.0.0.0/0", "10.9.2.2")
	there.Route(t, "::/0", "fd09:2::2")
	return here, router
}

func trace(ctx context.Context, t *testing.T, ns *netnstest.Namespace, to string) (hops []Hop, err error) {
	t.Helper()
	ns.Do(t, func() error {
		err = Trace(ctx, netip.MustParseAddr(to), func(h Hop) error {
			hops = append(hops, h)
			return nil
		})
		return nil
	})
	return hops, err
}

func TestATraceNamesTheRoutersAndTheHost(t *testing.T) {
	here, _ := road(t)
	for to, way := range map[string]string{"10.9.2.3": "10.9.1.2", "fd09:2::3": "fd09:1::2"} {
		hops, err := trace(t.Context(), t, here, to)
		if err != nil || len(hops) != 2 || hops[0].From.String() != way || hops[0].Reached || hops[1].From.String() != to || !hops[1].Reached || hops[1].Number != 2 || hops[1].Took <= 0 {
			t.Errorf("%s: %+v, %v", to, hops, err)
		}
	}
	hops, err := trace(t.Context(), t, here, "10.99.0.1") // the router knows no way
	if err != nil || len(hops) == 0 || !errors.Is(hops[len(hops)-1].Err, ErrUnreachable) || hops[len(hops)-1].From.String() != "10.9.1.2" {
		t.Errorf("%+v, %v", hops, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if hops, err := trace(short, t, here, "10.9.1.77"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("nobody there: %+v, %v", hops, err)
	}
}
