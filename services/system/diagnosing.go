package system

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/capture"
	"vigie/services/system/internal/ping"
	"vigie/services/system/systemapi"
)

const (
	pingEvery  = time.Second
	pingWithin = 2 * time.Second
	pingsMost  = 100

	captureSecondsMost = 300
	captureBytesMost   = 64 << 20

	// diagnosesMost is how many may run at once: they are for people.
	diagnosesMost = 4
)

// diagnosing does for a technician what needs this service's rights.
type diagnosing struct {
	board   *board.Board
	ping    *ping.Pinger
	running chan struct{} // holds one for each that runs
}

func newDiagnosing(b *board.Board, p *ping.Pinger) *diagnosing {
	return &diagnosing{board: b, ping: p, running: make(chan struct{}, diagnosesMost)}
}

// begin takes a place; the caller gives it back with end.
func (d *diagnosing) begin() error {
	select {
	case d.running <- struct{}{}:
		return nil
	default:
		return answer.Refuse(http.StatusTooManyRequests, "busy", "Four diagnostic commands run at the moment, which is the most. Wait until one has ended, or end one.")
	}
}

func (d *diagnosing) end() { <-d.running }

// find resolves a host.
func (d *diagnosing) find(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := resolve(ctx, host)
	if err != nil {
		return a, answer.Field("host", "no_address", fmt.Sprintf("No name server knows an address of %q. Check the name, or give an address.", host))
	}
	return a, nil
}

// Ping asks a host for echoes, one a second, and calls each with what comes of each.
func (d *diagnosing) Ping(ctx context.Context, r systemapi.PingRequest, each func(systemapi.PingReply) error) error {
	if r.Count < 1 || r.Count > pingsMost {
		return answer.Field("count", "bad_count", fmt.Sprintf("Ask 1 to %d times.", pingsMost))
	}
	if err := d.begin(); err != nil {
		return err
	}
	defer d.end()
	to, err := d.find(ctx, r.Host)
	if err != nil {
		return err
	}
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		reply := systemapi.PingReply{Sequence: n, Address: to.String()}
		within, cancel := context.WithTimeout(ctx, pingWithin)
		took, err := d.ping.Ping(within, to)
		cancel()
		reply.TookUs = took.Microseconds()
		if err != nil {
			reply.Problem = err.Error()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(reply); err != nil || n == r.Count {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Trace finds the routers on the way to a host.
func (d *diagnosing) Trace(ctx context.Context, r systemapi.TraceRequest, each func(systemapi.Hop) error) error {
	if err := d.begin(); err != nil {
		return err
	}
	defer d.end()
	to, err := d.find(ctx, r.Host)
	if err != nil {
		return err
	}
	return ping.Trace(ctx, to, func(h ping.Hop) error {
		out := systemapi.Hop{Number: h.Number, TookUs: h.Took.Microseconds(), Reached: h.Reached}
		if h.From.IsValid() {
			out.Address = h.From.String()
		}
		if h.Err != nil {
			out.Problem = h.Err.Error()
		}
		return each(out)
	})
}

// Capture writes packets of an interface to w. begun is called once nothing of the request can be refused any more.
func (d *diagnosing) Capture(ctx context.Context, r systemapi.CaptureRequest, begun func(), w io.Writer) (systemapi.CaptureResult, error) {
	nic, f, err := d.capture(r)
	if err != nil {
		return systemapi.CaptureResult{}, err
	}
	if err := d.begin(); err != nil {
		return systemapi.CaptureResult{}, err
	}
	defer d.end()
	begun()
	got, err := capture.Run(ctx, nic, f, capture.Limits{Time: time.Duration(r.Seconds) * time.Second, Bytes: r.Bytes}, w)
	return systemapi.CaptureResult{Packets: got.Packets, Dropped: got.Dropped, End: got.End}, err
}

// capture checks a request.
func (d *diagnosing) capture(r systemapi.CaptureRequest) (*net.Interface, capture.Filter, error) {
	f := capture.Filter{Port: uint16(r.Port), Protocol: capture.Protocol(r.Protocol), ExceptPort: uint16(r.ExceptPort)}
	switch {
	case r.Seconds < 1 || r.Seconds > captureSecondsMost:
		return nil, f, answer.Field("seconds", "bad_seconds", fmt.Sprintf("Capture for 1 to %d seconds.", captureSecondsMost))
	case r.Bytes < 1000 || r.Bytes > captureBytesMost:
		return nil, f, answer.Field("bytes", "bad_bytes", fmt.Sprintf("Capture at most %d MB.", captureBytesMost>>20))
	case r.Port < 0 || r.Port > 65535 || r.ExceptPort < 0 || r.ExceptPort > 65535:
		return nil, f, answer.Field("port", "bad_port", "A port is a number from 1 to 65535.")
	case !slices.Contains([]capture.Protocol{capture.Any, capture.TCP, capture.UDP, capture.ICMP, capture.ARP}, f.Protocol):
		return nil, f, answer.Field("protocol", "bad_protocol", "The protocol is tcp, udp, icmp or arp.")
	case r.Port != 0 && (f.Protocol == capture.ICMP || f.Protocol == capture.ARP):
		return nil, f, answer.Field("port", "bad_port", fmt.Sprintf("%s has no ports. Leave one of the two out.", strings.ToUpper(r.Protocol)))
	}
	if r.Host != "" {
		a, err := netip.ParseAddr(r.Host)
		if err != nil || a.Zone() != "" {
			return nil, f, answer.Field("host", "bad_host", fmt.Sprintf("%q is no IP address. Write for example 192.168.1.20.", r.Host))
		}
		f.Host = a.Unmap()
	}
	list := d.board.Status().Interfaces
	at := slices.IndexFunc(list, func(i api.Interface) bool { return i.Name == r.Interface })
	if at < 0 {
		var names []string
		for _, i := range list {
			names = append(names, i.Name)
		}
		return nil, f, answer.Field("interface", "no_interface", fmt.Sprintf("There is no interface %q; there are %s.", r.Interface, cmp.Or(strings.Join(names, ", "), "none")))
	}
	nic, err := net.InterfaceByName(cmp.Or(list[at].Device, list[at].Name))
	if err != nil {
		return nil, f, answer.Refuse(http.StatusConflict, "no_interface", fmt.Sprintf("The interface %s is not there at the moment.", r.Interface))
	}
	return nic, f, nil
}
