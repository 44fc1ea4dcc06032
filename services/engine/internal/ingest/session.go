package ingest

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/internal/version"
)

const (
	readBuffer = 64 << 10 // saves most of the system calls that reading packet by packet would cost
	maxDials   = 3        // connections one session may open, being redirected
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
	address Address
	limits  limits
	deliver func(unit)                                    // every unit
	report  func(track int, ntp time.Duration, rtp int64) // RTCP sender reports, RTP time as in units
	lost    func(int64)                                   // packets or units known to be missing
	chosen  func(choice)                                  // once it is known what is fetched; may be nil
	clock   func() time.Duration                          // monotonic
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

func (s *session) play(ctx context.Context, played *atomic.Bool) error {
	target, err := url.Parse(s.address.URL)
	if err != nil {
		return badURL("The address cannot be understood.")
	}
	u := (*base.URL)(target)
	if s.address.Username != "" {
		u.User = url.UserPassword(s.address.Username, s.address.Password)
	}
	tcp := gortsplib.ProtocolTCP
	dials := 0
	client := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host,
		Protocol:    &tcp,
		ReadTimeout: s.limits.request, WriteTimeout: s.limits.request,
		UserAgent: "Vigie/" + version.Version,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			// A camera can redirect; it must not lead us around forever, or take the password elsewhere.
			host, _, err := net.SplitHostPort(address)
			if dials++; err != nil || host != target.Hostname() || dials > maxDials {
				return nil, errRedirect
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &bufferedConn{Conn: conn, r: bufio.NewReaderSize(conn, readBuffer)}, nil
		},
		DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return nil, errTLS },
		OnPacketsLost:     func(uint64) {}, // we count by track
		OnDecodeError:     func(error) { s.lost(1) },
		OnTransportSwitch: func(error) {},
	}
	if err := client.Start(); err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()

	desc, _, err := client.Describe(u)
	if err != nil {
		return err
	}
	c, err := choose(desc)
	if err != nil {
		return err
	}
	if s.chosen != nil {
		s.chosen(c)
	}
	p, err := s.receive(client, desc, c)
	if err != nil {
		return err
	}
	if _, err := client.Play(nil); err != nil {
		return err
	}
	played.Store(true)
	return s.watch(ctx, client, p)
}

// progress is what the read loop tells the watchdog.
type progress struct {
	packet  atomic.Int64 // session time of the last video packet, ns
	key     atomic.Bool  // a keyframe has come
	goodbye chan struct{}
}

// receive sets the tracks up and installs the callbacks.
func (s *session) receive(client *gortsplib.Client, desc *description.Session, c choice) (*progress, error) {
	p := &progress{goodbye: make(chan struct{}, 1)}
	var sound *audio
	if c.audio != nil {
		var err error
		if sound, err = newAudio(c.audioFormat); err != nil {
			return nil, err
		}
	}
	picture, err := newVideo(c.videoFormat, nil)
	if err != nil {
		return nil, err
	}
	if sound != nil {
		picture.audio = &sound.track
	}
	if _, err := client.Setup(desc.BaseURL, c.video, 0, 0); err != nil {
		return nil, err
	}
	if sound != nil && c.audio != c.video {
		if _, err := client.Setup(desc.BaseURL, c.audio, 0, 0); err != nil {
			return nil, err
		}
	}
	client.OnPacketRTP(c.video, c.videoFormat, func(pkt *rtp.Packet) {
		now := s.clock()
		p.packet.Store(int64(now))
		u, ok := picture.packet(pkt, now)
		if n := picture.takeLost(); n > 0 {
			s.lost(n)
		}
		if ok {
			p.key.Store(true)
			s.deliver(u)
		}
	})
	client.OnPacketRTCP(c.video, func(pkt rtcp.Packet) { s.control(p, 0, &picture.clock, pkt) })
	if sound != nil {
		client.OnPacketRTP(c.audio, c.audioFormat, func(pkt *rtp.Packet) {
			sound.packet(pkt, s.clock(), s.deliver)
			if n := sound.takeLost(); n > 0 {
				s.lost(n)
			}
		})
		if c.audio != c.video {
			client.OnPacketRTCP(c.audio, func(pkt rtcp.Packet) { s.control(p, 1, &sound.clock, pkt) })
		}
	}
	return p, nil
}

// control handles RTCP (RFC 3550 §6.4, §6.6).
func (s *session) control(p *progress, track int, clock *unwrapper, pkt rtcp.Packet) {
	switch pkt := pkt.(type) {
	case *rtcp.SenderReport:
		if pkt.NTPTime != 0 { // zero: the camera has no clock
			seconds, fraction := pkt.NTPTime>>32, pkt.NTPTime&0xffffffff
			s.report(track, time.Duration(seconds)*time.Second+time.Duration(fraction*uint64(time.Second)>>32), clock.near(pkt.RTPTime))
		}
	case *rtcp.Goodbye:
		if track == 0 {
			select {
			case p.goodbye <- struct{}{}:
			default:
			}
		}
	}
}

// watch waits for the end of the session and ends one that has come to nothing.
func (s *session) watch(ctx context.Context, client *gortsplib.Client, p *progress) error {
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	begun := s.clock()
	p.packet.CompareAndSwap(0, int64(begun))
	tick := time.NewTicker(s.limits.stall / 10)
	defer tick.Stop()
	stop := func(err error) error {
		client.Close()
		<-ended
		return err
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return stop(ctx.Err())
		case <-p.goodbye:
			return stop(errGoodbye)
		case <-tick.C:
		}
		switch now := s.clock(); {
		case now-time.Duration(p.packet.Load()) > s.limits.stall:
			return stop(errStalled)
		case !p.key.Load() && now-begun > s.limits.keyframe:
			return stop(errNoKeyframe)
		}
	}
}

// bufferedConn reads ahead.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
