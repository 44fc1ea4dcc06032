package ingest

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/internal/version"
	"vigie/services/engine/internal/sdp"
)

// library fetches through gortsplib, which speaks every transport; what is most common has a way of its own, see
// interleaved. Logins and keep-alives are ours (type dialog), and so are the connections (type dialer): the library learns
// no password.
func (s *session) library(ctx context.Context, target *url.URL, played *atomic.Bool) error {
	u := (*base.URL)(target)
	dial := s.newDialer(target)
	talk := &dialog{login: dial.login, agent: "Vigie/" + version.Version, write: dial.write, most: s.limits.keepAlive}
	client := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host,
		ReadTimeout: s.limits.request, WriteTimeout: s.limits.request,
		UserAgent:         talk.agent,
		DialContext:       dial.dial,
		DialTLSContext:    dial.dialTLS,
		UDPReadBufferSize: udpBuffer(),
		OnRequest:         talk.request,
		OnResponse:        talk.response,
		OnPacketsLost:     func(uint64) {}, // we count by track
		OnDecodeError:     func(error) {},  // a packet that cannot be read is missed by its sequence number; RTCP that cannot is nothing lost
		OnTransportSwitch: func(error) {},
	}
	protocol := gortsplib.ProtocolTCP
	switch s.way.transport {
	case api.TransportUDP:
		protocol = gortsplib.ProtocolUDP
	case api.TransportMulticast:
		protocol = gortsplib.ProtocolUDP // see groups
		talk.groups = &groups{local: dial.local, peer: dial.peer}
		client.ListenPacket = talk.groups.listen
	}
	client.Protocol = &protocol
	if err := client.Start(); err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()

	err := talk.ask(func() error { _, _, err := client.Describe(u); return err })
	if err != nil {
		return err
	}
	desc := talk.desc
	if desc == nil {
		return liberrors.ErrClientSDPInvalid{Err: sdp.ErrNothing}
	}
	in, err := s.newIntake(desc)
	if err != nil {
		return err
	}
	talk.gone = in.ended
	if err := s.setup(client, talk, desc, in); err != nil {
		return err
	}
	if err := talk.ask(func() (err error) { _, err = client.Play(nil); return err }); err != nil {
		return err
	}
	played.Store(true)
	talk.start(desc.BaseURL)
	defer talk.stop()
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	return in.watch(ctx, ended, client.Close)
}

// setup asks for the tracks that are taken, and for their packets to be given to in.
func (s *session) setup(client *gortsplib.Client, talk *dialog, desc *sdp.Session, in *intake) error {
	medias := []*description.Media{in.video}
	if in.sound != nil && in.audio != in.video {
		medias = append(medias, in.audio)
	}
	for _, m := range medias {
		if s.udp() && desc.BaseURL.Scheme == "rtsps" && m.Profile != headers.TransportProfileSAVP {
			return errPlainUDP
		}
		if m.KeyMgmtMikey == nil {
			m.KeyMgmtMikey = desc.KeyMgmtMikey
		}
		if talk.groups != nil {
			talk.groups.desc, talk.groups.media = desc, m
		}
		err := talk.ask(func() (err error) { _, err = client.Setup(desc.BaseURL, m, 0, 0); return err })
		if talk.groups != nil && talk.groups.err != nil {
			return talk.groups.err
		}
		if err != nil {
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
	for _, f := range in.videoFormats() {
		client.OnPacketRTP(in.video, f, rtpOf(in.videoPacket))
	}
	client.OnPacketRTCP(in.video, rtcpOf(0))
	if in.sound != nil {
		client.OnPacketRTP(in.audio, in.audioFormat, rtpOf(in.audioPacket))
		if in.audio != in.video {
			client.OnPacketRTCP(in.audio, rtcpOf(1))
		}
	}
	return nil
}

// udp tells whether packets come beside the RTSP connection.
func (s *session) udp() bool {
	return s.way.transport == api.TransportUDP || s.way.transport == api.TransportMulticast
}

// udpBuffer is how much the kernel may hold of a track that comes by UDP: a keyframe of a 4K camera comes in one burst. The
// kernel's own bound (net.core.rmem_max) counts; 0 leaves the default.
func udpBuffer() int {
	b, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return 0
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return min(most, 4<<20)
}
