package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/hostwatch"
)

// resolve finds a host's address by the servers of the moment; IPv4 first, as most cameras' networks have it.
func resolve(ctx context.Context, name string) (netip.Addr, error) {
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range list {
		if a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	if len(list) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address", name)
	}
	return list[0], nil
}

// gateways are those of the NICs that have a link.
func gateways(list []api.Interface) []hostwatch.Gateway {
	var out []hostwatch.Gateway
	for _, n := range list {
		if a, err := netip.ParseAddr(n.Gateway); err == nil && n.Carrier {
			out = append(out, hostwatch.Gateway{Interface: n.Name, Address: a})
		}
	}
	return out
}

// followGateways tells the gateways of the moment until ctx is cancelled.
func followGateways(ctx context.Context, b *board.Board, tell func([]hostwatch.Gateway)) error {
	for status := b.Status(); ctx.Err() == nil; status = b.Wait(ctx, status.Revision) {
		tell(gateways(status.Interfaces))
	}
	return nil
}

func (m *machine) Hosts() api.HostWatch {
	settings, hosts, events := m.hosts.Hosts()
	out := api.HostWatch{Gateways: !settings.WithoutGateways, Hosts: []api.WatchedHost{}, Events: []api.HostEvent{}}
	for _, h := range hosts {
		out.Hosts = append(out.Hosts, api.WatchedHost{
			Name: h.Name, Address: h.Address, Chosen: h.Chosen, Gateway: h.Gateway, IntervalSeconds: h.IntervalSeconds, LossPercent: h.WatchedHost.LossPercent, LatencyMs: int64(h.LatencyMs),
			Status: api.HostStatus(h.State), Reason: h.Reason, SinceMs: h.SinceMs, IP: h.IP, LossNowPercent: h.LossPercent, MedianLatency: h.MedianMs,
		})
	}
	for _, e := range events {
		out.Events = append(out.Events, api.HostEvent{AtMs: e.AtMs, Address: e.Address, Name: e.Name, From: api.HostStatus(e.From), To: api.HostStatus(e.To), Reason: e.Reason})
	}
	return out
}

func (m *machine) SetHosts(_ context.Context, r api.HostWatchRequest) error {
	return m.change(func(c *sysconfig.Config) {
		c.HostWatch = sysconfig.HostWatch{WithoutGateways: !r.Gateways}
		for _, h := range r.Hosts {
			c.HostWatch.Hosts = append(c.HostWatch.Hosts, sysconfig.WatchedHost{
				Name: h.Name, Address: h.Address, IntervalSeconds: h.IntervalSeconds, LossPercent: h.LossPercent, LatencyMs: int(h.LatencyMs),
			})
		}
	})
}

func (m *machine) HostHistory(address string) (api.HostHistory, error) {
	points, err := m.hosts.History(address)
	if errors.Is(err, hostwatch.ErrNotWatched) {
		return api.HostHistory{}, answer.Refuse(http.StatusNotFound, "no_host", "This host is not watched. GET /hosts lists those that are.")
	}
	out := api.HostHistory{StepMs: hostwatch.Step.Milliseconds(), Points: []api.HostPoint{}}
	for _, p := range points {
		out.Points = append(out.Points, api.HostPoint{AtMs: p.AtMs, Sent: p.Sent, Lost: p.Lost, LeastLatency: p.LeastMs, MeanLatency: p.MeanMs, MostLatency: p.MostMs})
	}
	return out, err
}
