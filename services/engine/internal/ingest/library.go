package ingest

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/internal/version"
)

// library fetches through gortsplib, which speaks every transport; TCP with RTP in the clear has its own way, see
// interleaved.
func (s *session) library(ctx context.Context, target *url.URL, played *atomic.Bool) error {
	u := (*base.URL)(target)
	if s.address.Username != "" {
		u.User = url.UserPassword(s.address.Username, s.address.Password)
	}
	dial := &dialer{host: target.Hostname()}
	client := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host,
		ReadTimeout: s.limits.request, WriteTimeout: s.limits.request,
		UserAgent:         "Vigie/" + version.Version,
		DialContext:       dial.dial,
		DialTLSContext:    dial.dialTLS,
		OnPacketsLost:     func(uint64) {}, // we count by track
		OnDecodeError:     func(error) {},  // a packet that cannot be read is missed by its sequence number; RTCP that cannot is nothing lost
		OnTransportSwitch: func(error) {},
	}
	protocol := gortsplib.ProtocolTCP
	switch s.transport {
	case api.TransportUDP:
		protocol = gortsplib.ProtocolUDP
	case api.TransportMulticast:
		protocol = gortsplib.ProtocolUDPMulticast
	case api.TransportHTTP:
		client.Tunnel = gortsplib.TunnelHTTP
	}
	client.Protocol = &protocol
	if err := client.Start(); err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()

	desc, _, err := client.Describe(u)
	if err != nil {
		return err
	}
	in, err := s.newIntake(desc)
	if err != nil {
		return err
	}
	if _, err := client.Setup(desc.BaseURL, in.video, 0, 0); err != nil {
		return err
	}
	if in.sound != nil && in.audio != in.video {
		if _, err := client.Setup(desc.BaseURL, in.audio, 0, 0); err != nil {
			return err
		}
	}
	var one sync.Mutex // with UDP each media has goroutines of its own
	rtpOf := func(f func(*rtp.Packet)) gortsplib.OnPacketRTPFunc {
		return func(pkt *rtp.Packet) {
			one.Lock()
			defer one.Unlock()
			in.begin()
			f(pkt)
			in.end()
		}
	}
	rtcpOf := func(track int) gortsplib.OnPacketRTCPFunc {
		return func(pkt rtcp.Packet) { one.Lock(); defer one.Unlock(); in.control(track, pkt) }
	}
	client.OnPacketRTP(in.video, in.videoFormat, rtpOf(in.videoPacket))
	client.OnPacketRTCP(in.video, rtcpOf(0))
	if in.sound != nil {
		client.OnPacketRTP(in.audio, in.audioFormat, rtpOf(in.audioPacket))
		if in.audio != in.video {
			client.OnPacketRTCP(in.audio, rtcpOf(1))
		}
	}
	if _, err := client.Play(nil); err != nil {
		return err
	}
	played.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	return in.watch(ctx, ended, client.Close)
}
