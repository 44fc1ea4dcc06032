package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/services/engine/internal/rtsp"
)

// limits bound a session.
type limits struct {
	request  time.Duration // connecting, and each RTSP request
	stall    time.Duration // without a video packet; finds a half-open connection
	keyframe time.Duration // from PLAY to the first keyframe
}

// defaultLimits find a dead camera within 10 s.
func defaultLimits() limits {
	return limits{request: 8 * time.Second, stall: 9 * time.Second, keyframe: 30 * time.Second}
}

// session is one RTSP connection to a camera. Its callbacks run in the connection's read loop: they must not block.
type session struct {
	address   Address
	transport api.Transport // never auto
	limits    limits
	deliver   func(unit)                                    // every unit
	report    func(track int, ntp time.Duration, rtp int64) // RTCP sender reports, RTP time as in units
	lost      func(int64)                                   // packets or units known to be missing
	chosen    func(choice)                                  // once it is known what is fetched; may be nil
	clock     func() time.Duration                          // monotonic
	silent    bool                                          // audio is not fetched
}

// run connects and fetches until the context ends or something goes wrong; the error is a *Fault unless the context's.
func (s *session) run(ctx context.Context) error {
	played := atomic.Bool{}
	err := s.play(ctx, &played)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return faultOf(err, s.address.Username != "", played.Load())
}

// play fetches by the session's transport. It sets played once the camera has agreed to send.
func (s *session) play(ctx context.Context, played *atomic.Bool) error {
	target, err := url.Parse(s.address.URL)
	if err != nil {
		return badURL("The address cannot be understood.")
	}
	if s.transport == api.TransportTCP {
		if err := s.interleaved(ctx, target, played); !errors.Is(err, rtsp.ErrSRTP) {
			return err
		}
	}
	return s.library(ctx, target, played)
}

// intake turns packets into units, whichever client reads them. Its methods belong to one goroutine at a time, but for
// watch.
type intake struct {
	s *session
	choice
	picture picture
	layout  layout
	sound   *audio        // nil: none
	now     time.Duration // session time at which the packets in hand came

	packet  atomic.Int64  // session time of the last video packet, ns; what the watchdog looks at
	key     atomic.Bool   // a keyframe has come
	goodbye chan struct{} // the camera has said that it ends
}

// newIntake chooses what to fetch of what a camera offers.
func (s *session) newIntake(desc *description.Session) (*intake, error) {
	c, err := choose(desc)
	if err != nil {
		return nil, err
	}
	if s.silent {
		c.audio, c.audioFormat = nil, nil
	}
	if s.chosen != nil {
		s.chosen(c)
	}
	in := &intake{s: s, choice: c, goodbye: make(chan struct{}, 1)}
	if c.audio != nil {
		if in.sound, err = newAudio(c.audioFormat); err != nil {
			return nil, err
		}
	}
	if in.picture, err = newPicture(c.videoFormat); err != nil {
		return nil, err
	}
	in.layout = layout{sound: in.sound, deliver: s.deliver}
	return in, nil
}

// begin is called before packets that came together are handed over, end after: until then their payloads stay as they
// are.
func (in *intake) begin() { in.now = in.s.clock() }

func (in *intake) end() {
	in.picture.hold()
	if n := in.picture.takeLost(); n > 0 {
		in.s.lost(n)
	}
	if in.sound != nil {
		if n := in.sound.takeLost(); n > 0 {
			in.s.lost(n)
		}
	}
}

// videoPacket takes an RTP packet of the video.
func (in *intake) videoPacket(pkt *rtp.Packet) {
	in.packet.Store(int64(in.now))
	in.picture.packet(pkt, in.now, in.pictured)
}

func (in *intake) pictured(u unit) {
	in.key.Store(true)
	in.layout.add(u)
}

// audioPacket takes an RTP packet of the audio; only when sound is set. Its decoders keep payloads.
func (in *intake) audioPacket(pkt *rtp.Packet) {
	pkt.Payload = bytes.Clone(pkt.Payload)
	in.sound.packet(pkt, in.now, in.layout.add)
}

// control takes an RTCP packet (RFC 3550 §6.4, §6.6) of the video, track 0, or the audio, track 1.
func (in *intake) control(track int, pkt rtcp.Packet) {
	near := in.picture.near
	if track == 1 {
		near = in.sound.near
	}
	switch pkt := pkt.(type) {
	case *rtcp.SenderReport:
		if pkt.NTPTime != 0 { // zero: the camera has no clock
			seconds, fraction := pkt.NTPTime>>32, pkt.NTPTime&0xffffffff
			in.s.report(track, time.Duration(seconds)*time.Second+time.Duration(fraction*uint64(time.Second)>>32), near(pkt.RTPTime))
		}
	case *rtcp.Goodbye:
		if track == 0 {
			select {
			case in.goodbye <- struct{}{}:
			default:
			}
		}
	}
}

// watch waits for the end of the session and ends one that has come to nothing. ended says that the client has ended;
// stop ends it, after which ended speaks.
func (in *intake) watch(ctx context.Context, ended <-chan error, stop func()) error {
	s := in.s
	begun := s.clock()
	in.packet.CompareAndSwap(0, int64(begun))
	tick := time.NewTicker(s.limits.stall / 10)
	defer tick.Stop()
	end := func(err error) error {
		stop()
		<-ended
		return err
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return end(ctx.Err())
		case <-in.goodbye:
			return end(errGoodbye)
		case <-tick.C:
		}
		switch now := s.clock(); {
		case now-time.Duration(in.packet.Load()) > s.limits.stall:
			return end(errStalled)
		case !in.key.Load() && now-begun > s.limits.keyframe:
			return end(errNoKeyframe)
		}
	}
}
