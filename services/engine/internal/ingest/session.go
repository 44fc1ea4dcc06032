package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/services/engine/internal/rtsp"
	"vigie/services/engine/internal/sdp"
)

// limits bound a session.
type limits struct {
	request  time.Duration // connecting, and each RTSP request
	first    time.Duration // from PLAY to the first packet by UDP, which a firewall may keep away
	stall    time.Duration // without any packet: the connection is half-open; without video, of which there was much before
	slow     time.Duration // without video from a camera that sends other packets, and may be one of few frames
	patience time.Duration // from PLAY until it is told that a keyframe is waited for
	keyframe time.Duration // from PLAY to the first keyframe, of which some cameras send one in minutes
	// keepAlive is the longest between two, for what forgets connections that are silent.
	keepAlive time.Duration
}

// defaultLimits find a dead camera within 10 s.
func defaultLimits() limits {
	return limits{request: 8 * time.Second, first: 5 * time.Second, stall: 8 * time.Second, slow: time.Minute,
		patience: 10 * time.Second, keyframe: 5 * time.Minute, keepAlive: 30 * time.Second}
}

// session is one RTSP connection to a camera. Its callbacks run in the connection's read loop: they must not block.
type session struct {
	address Address
	way     way
	trust   *trust
	limits  limits
	deliver func(unit)                                    // every unit
	report  func(track int, ntp time.Duration, rtp int64) // RTCP sender reports, RTP time as in units
	lost    func(int64)                                   // packets or units known to be missing
	chosen  func(choice)                                  // once it is known what is fetched; may be nil
	waits   func()                                        // a keyframe is waited for; may be nil
	clock   func() time.Duration                          // monotonic
	silent  bool                                          // audio is not fetched
	came    atomic.Bool                                   // a packet has come
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
	if s.way.transport == api.TransportTCP {
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
	format  uint8 // payload type of what picture takes
	layout  layout
	sound   *audio        // nil: none
	now     time.Duration // session time at which the packets in hand came
	seen    bool          // there is video among them
	heard   bool          // there is audio
	time    uint32        // RTP time of the last video packet
	times   int64         // that video packets had

	// What the watchdog looks at; times are of the session, in ns.
	packet   atomic.Int64  // of the last video packet
	other    atomic.Int64  // of the last packet of another kind
	gap      atomic.Int64  // the longest between two video packets
	pictures atomic.Int64  // that have come, at least in part
	key      atomic.Bool   // a keyframe has come
	goodbye  chan struct{} // the camera has said that it ends
}

// newIntake chooses what to fetch of what a camera offers.
func (s *session) newIntake(desc *sdp.Session) (*intake, error) {
	c, err := choose(desc, s.silent)
	if err != nil {
		return nil, err
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
	in.format = c.videoFormat.PayloadType()
	in.layout = layout{sound: in.sound, deliver: s.deliver}
	return in, nil
}

// begin is called before packets that came together are handed over, end after: until then their payloads stay as they
// are.
func (in *intake) begin() {
	in.now, in.seen, in.heard = in.s.clock(), false, false
}

func (in *intake) end() {
	if in.seen {
		last := in.packet.Swap(int64(in.now))
		if in.pictures.Load() > 0 {
			in.gap.Store(max(in.gap.Load(), int64(in.now)-last))
		}
		in.pictures.Store(in.times)
	}
	if in.heard {
		in.other.Store(int64(in.now))
	}
	if in.seen || in.heard {
		in.s.came.Store(true)
	}
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
	if pkt.Timestamp != in.time || !in.seen && in.times == 0 {
		in.time = pkt.Timestamp
		in.times++
	}
	in.seen = true
	if pkt.PayloadType != in.format {
		in.turn(pkt.PayloadType)
	}
	in.picture.packet(pkt, in.now, in.pictured)
}

// turn goes on in another of the formats in which the video may come.
func (in *intake) turn(payloadType uint8) {
	for _, f := range in.videoFormats() {
		if f.PayloadType() != payloadType {
			continue
		}
		if p, err := newPicture(f); err == nil {
			in.s.lost(in.picture.takeLost())
			in.picture, in.format = p, payloadType
		}
	}
}

func (in *intake) pictured(u unit) {
	in.key.Store(true)
	in.layout.add(u)
}

// audioPacket takes an RTP packet of the audio; only when sound is set. Its decoders keep payloads.
func (in *intake) audioPacket(pkt *rtp.Packet) {
	in.heard = true
	pkt.Payload = bytes.Clone(pkt.Payload)
	in.sound.packet(pkt, in.now, in.layout.add)
}

// control takes an RTCP packet (RFC 3550 §6.4, §6.6) of the video, track 0, or the audio, track 1.
func (in *intake) control(track int, pkt rtcp.Packet) {
	in.other.Store(int64(in.s.clock()))
	in.s.came.Store(true)
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
			in.ended()
		}
	}
}

// ended notes that the camera has said that it ends the session.
func (in *intake) ended() {
	select {
	case in.goodbye <- struct{}{}:
	default:
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
	waiting := false
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
		now := s.clock()
		if err := in.judge(now, begun); err != nil {
			return end(err)
		}
		if !waiting && !in.key.Load() && now-begun > s.limits.patience && s.waits != nil {
			waiting = true
			s.waits()
		}
	}
}

// judge tells whether a session has come to nothing.
func (in *intake) judge(now, begun time.Duration) error {
	l := in.s.limits
	video := time.Duration(in.packet.Load())
	silent := now - max(video, time.Duration(in.other.Load()))
	// A camera of few frames shows by them how long is too long; before it has shown it, other packets speak for it.
	wait := l.stall
	switch few := in.pictures.Load() < fewPictures; {
	case !few:
		wait = max(wait, min(l.slow, 2*time.Duration(in.gap.Load())))
	case silent < l.stall:
		wait = l.slow
	}
	switch {
	case in.s.udp() && !in.s.came.Load() && now-begun > l.first:
		return errNothing
	case now-video > wait:
		return errStalled
	case !in.key.Load() && now-begun > l.keyframe:
		return errNoKeyframe
	}
	return nil
}

// fewPictures is how many it takes to know how often a camera sends one.
const fewPictures = 3
