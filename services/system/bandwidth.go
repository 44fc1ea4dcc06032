package system

import (
	"context"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

// Bandwidth is what interfaces send, and may send.
func (g *guarding) Bandwidth(context.Context) ([]api.Bandwidth, error) {
	figures := g.limits.Figures()
	g.mu.Lock()
	defer g.mu.Unlock()
	out := []api.Bandwidth{}
	for _, f := range figures {
		if f.Link.Member {
			continue
		}
		out = append(out, api.Bandwidth{
			Limit: api.BandwidthLimit{Interface: f.Link.ID, Kbps: f.Limit.Kbps, RouterKbps: f.Limit.RouterKbps},
			Name:  g.name(f.Link), Up: f.Link.Up, Router: f.Link.Gateway, SentBps: f.TxBits, ReceivedBps: f.RxBits, RouterBps: f.RouterBits,
			Dropped: f.Dropped, Problem: f.Problem,
		})
	}
	return out, nil
}

// SetBandwidth replaces all limits.
func (g *guarding) SetBandwidth(_ context.Context, list []api.BandwidthLimit) error {
	if g.observe {
		return observing("its bandwidth is not limited")
	}
	var limits []sysconfig.BandwidthLimit
	for _, l := range list {
		limits = append(limits, sysconfig.BandwidthLimit{Interface: l.Interface, Kbps: l.Kbps, RouterKbps: l.RouterKbps})
	}
	return refused(g.keeper.Change(func(c *sysconfig.Config) { c.Bandwidth = limits }))
}
