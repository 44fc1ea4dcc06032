// Package rtc sends the frames of one stream to one browser by WebRTC: RTP over UDP, encrypted, with lost packets sent
// again while that helps.
//
// It owns the peer connections and their ports, and knows nothing of rings, viewers or HTTP: whoever has an offer and a
// run opens a Session, sends it frames in order from a keyframe on, and begins anew with the newest keyframe when
// KeyframeWanted says so, since nothing can be asked of a camera.
//
// Ports: nothing listens until a session opens; each has one UDP port of PortMin to PortMax on every address of the
// machine while it lives. The engine offers addresses of its own only (ICE lite, RFC 8445 §2.5), looks for none, and
// answers nobody who has not the session's secrets.
//
// Time: RTP timestamps are UTC since the Unix epoch in ticks of the track, in 32 bits, so that a browser can tell how old
// a picture is; frames that are older than the edge when they are sent (the ring's, at the start) are squeezed together
// just before it, one tick each, so that they are decoded at once and none is waited for.
//
// A Session's memory is bounded: what it may send again. Send and SetRun are for one goroutine; the other methods may be
// called from any.
package rtc

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/webrtc/v4"

	"vigie/services/engine/internal/media"
)

const (
	maxSessions = 32
	// kept is how many packets of a track may be sent again: a second of 10 Mbit/s.
	kept = 1024
	// gatherWithin is for listing the machine's own addresses.
	gatherWithin = 2 * time.Second
	// A browser that is silent for so long is gone.
	disconnectedAfter, failedAfter = 5 * time.Second, 5 * time.Second

	playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// Config is where an Endpoint may listen. Zeros: any port.
type Config struct{ PortMin, PortMax uint16 }

// Refusal says why a stream cannot be sent this way. The browser has another way.
type Refusal struct{ Reason string }

// Error is a sentence for people.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Endpoint opens sessions. Make one with New.
type Endpoint struct {
	cfg Config

	mu       sync.Mutex
	sessions int
}

// New returns an Endpoint; nothing listens yet.
func New(cfg Config) *Endpoint { return &Endpoint{cfg: cfg} }

// Sessions returns how many there are.
func (e *Endpoint) Sessions() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions
}

func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sessions >= maxSessions {
		return false
	}
	e.sessions++
	return true
}

func (e *Endpoint) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions--
}

// Open answers an offer (SDP) with a session for the frames of a run. The error is a *Refusal where the run or the offer
// is the cause. The caller closes the session.
func (e *Endpoint) Open(run *media.Run, offer string) (s *Session, answer string, err error) {
	video := run.Video()
	if video < 0 {
		return nil, "", refuse("The camera sends no picture.")
	}
	if c, ok := capability(&run.Tracks[video]); !ok {
		return nil, "", refuse("%s cannot be sent by WebRTC.", run.Tracks[video].Codec)
	} else if !offers(offer, c.MimeType) {
		return nil, "", refuse("This browser does not take %s by WebRTC.", run.Tracks[video].Codec)
	}
	if !e.enter() {
		return nil, "", refuse("Too many pictures are sent by WebRTC at once.")
	}
	s = &Session{leave: e.leave, connected: make(chan struct{}), done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.Close()
			s = nil
		}
	}()
	if s.pc, err = e.connection(run); err != nil {
		return s, "", err
	}
	s.watch()
	if s.video, err = newTrack(s.pc, run, video); err != nil {
		return s, "", err
	}
	for i := range run.Tracks {
		if i != video && s.audio == nil && sendable(&run.Tracks[i]) {
			if s.audio, err = newTrack(s.pc, run, i); err != nil {
				return s, "", err
			}
		}
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return s, "", refuse("The browser's offer cannot be read: %v.", err)
	}
	made, err := s.answer()
	if err != nil {
		return s, "", err
	}
	agreed, err := made.Unmarshal()
	if err != nil {
		return s, "", fmt.Errorf("read the answer back: %w", err)
	}
	if !s.video.agree(agreed) {
		return s, "", refuse("This browser does not take %s by WebRTC.", run.Tracks[video].Codec)
	}
	if s.audio != nil && !s.audio.agree(agreed) {
		s.audio = nil
	}
	s.run = run
	s.listen()
	return s, made.SDP, nil
}

// offers tells whether an offer names a codec at all.
func offers(sdp, mime string) bool {
	_, name, _ := strings.Cut(mime, "/")
	return strings.Contains(strings.ToLower(sdp), " "+strings.ToLower(name)+"/")
}

// answer makes the answer with all addresses in it.
func (s *Session) answer() (*webrtc.SessionDescription, error) {
	a, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return nil, refuse("The browser's offer cannot be answered: %v.", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(a); err != nil {
		return nil, refuse("The browser's offer cannot be answered: %v.", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherWithin):
		return nil, errors.New("the machine's addresses are not known in time")
	}
	return s.pc.LocalDescription(), nil
}

// connection makes a peer connection that knows the run's codecs and no others.
func (e *Endpoint) connection(run *media.Run) (*webrtc.PeerConnection, error) {
	m := &webrtc.MediaEngine{}
	for i := range run.Tracks {
		if err := register(m, &run.Tracks[i]); err != nil {
			return nil, err
		}
	}
	if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelay}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, fmt.Errorf("register header extension: %w", err)
	}
	again, err := nack.NewResponderInterceptor(nack.ResponderSize(kept))
	if err != nil {
		return nil, fmt.Errorf("make NACK responder: %w", err)
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("make sender reports: %w", err)
	}
	chain := &interceptor.Registry{}
	chain.Add(again)
	chain.Add(reports)
	var set webrtc.SettingEngine
	set.SetLite(true)
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetIncludeLoopbackCandidate(true) // for a browser on this machine; nobody else can come by it
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	set.SetICETimeouts(disconnectedAfter, failedAfter, time.Second)
	if e.cfg.PortMin > 0 {
		if err := set.SetEphemeralUDPPortRange(e.cfg.PortMin, e.cfg.PortMax); err != nil {
			return nil, fmt.Errorf("ports %d to %d: %w", e.cfg.PortMin, e.cfg.PortMax, err)
		}
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(set)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make peer connection: %w", err)
	}
	return pc, nil
}
