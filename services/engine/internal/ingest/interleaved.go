package ingest

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/version"
	"vigie/services/engine/internal/rtsp"
)

// interleaved fetches over the RTSP connection itself: what most cameras do, and made to cost little.
func (s *session) interleaved(ctx context.Context, target *url.URL, played *atomic.Bool) error {
	dial := s.newDialer(target)
	client, err := rtsp.Dial(ctx, rtsp.Config{
		URL: target, Username: s.address.Username, Password: s.address.Password,
		UserAgent: "Vigie/" + version.Version, Timeout: s.limits.request, Dial: dial.plain, Secure: dial.secure,
	})
	if err != nil {
		return interleavedError(err)
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()

	desc, err := client.Describe(ctx)
	if err != nil {
		return interleavedError(err)
	}
	in, err := s.newIntake(desc)
	if err != nil {
		return err
	}
	receiver := func(track int, payloadType uint8, packet func(*rtp.Packet)) rtsp.Receiver {
		return rtsp.Receiver{
			PayloadType: payloadType, Packet: packet,
			Control:   func(p rtcp.Packet) { in.control(track, p) },
			Malformed: func() { s.lost(1) },
		}
	}
	var video []rtsp.Receiver
	for i, f := range in.videoFormats() {
		r := receiver(0, f.PayloadType(), in.videoPacket)
		if i > 0 {
			r.Control = nil // reports are of the media
		}
		video = append(video, r)
	}
	if in.sound != nil && in.audio == in.video {
		sound := receiver(1, in.audioFormat.PayloadType(), in.audioPacket)
		sound.Control = nil
		video = append(video, sound)
	}
	if err := client.Setup(desc, in.video, video...); err != nil {
		return err
	}
	if in.sound != nil && in.audio != in.video {
		if err := client.Setup(desc, in.audio, receiver(1, in.audioFormat.PayloadType(), in.audioPacket)); err != nil {
			return err
		}
	}
	client.OnRead(in.begin, in.end)
	if err := client.Play(); err != nil {
		return err
	}
	played.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- client.Run() }()
	return in.watch(ctx, ended, client.Close)
}

// interleavedError names what the session's other ways know too.
func interleavedError(err error) error {
	if errors.Is(err, rtsp.ErrRedirect) {
		return errors.Join(errRedirect, err)
	}
	return err
}
