package engine

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"vigie/internal/api"
)

const (
	// announceEvery is between two looks whether the relay's settings have changed; it is as long as the firewall is behind.
	announceEvery = 250 * time.Millisecond
	// reminder is after how long the system service, which may have lost its memory, is told again.
	reminder     = 20 * time.Second
	announceTime = 5 * time.Second
)

// relayPorts are those at which others reach the relay: of TCP for RTSP and RTSPS, of UDP for the reports of who listens to its
// multicast. Everything else of it is an answer, which the firewall lets through by itself.
func relayPorts(s api.RelaySettings) api.RelayPorts {
	p := api.RelayPorts{TCP: []int{}, UDP: []int{}}
	if !s.Enabled {
		return p
	}
	p.TCP = append(p.TCP, s.RtspPort)
	if s.TLS {
		p.TCP = append(p.TCP, s.RtspsPort)
	}
	if s.Multicast {
		p.UDP = append(p.UDP, s.MulticastPort, s.MulticastPort+1, s.MulticastPort+2, s.MulticastPort+3)
	}
	return p
}

// announce tells the system service at which ports the relay listens, when that changes and now and then, until ctx ends.
func announce(ctx context.Context, settings func() api.RelaySettings, tell func(context.Context, api.RelayPorts) error, log *slog.Logger) {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	var told api.RelayPorts
	var at time.Time // when it was tried last; zero: never
	failed := false
	for {
		now := relayPorts(settings())
		if at.IsZero() || failed && time.Since(at) > announceTime || time.Since(at) > reminder || !slices.Equal(now.TCP, told.TCP) || !slices.Equal(now.UDP, told.UDP) {
			call, cancel := context.WithTimeout(ctx, announceTime)
			err := tell(call, now)
			cancel()
			if err != nil && !failed && ctx.Err() == nil {
				log.Warn("the firewall does not know the relay's ports; it is told again", "err", err)
			}
			told, at, failed = now, time.Now(), err != nil
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
