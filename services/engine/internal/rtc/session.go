package rtc

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"vigie/services/engine/internal/media"
)

const (
	// A start is paced, so that no buffer on the way overflows: this fast, after a burst of this many bytes.
	paceBytes  = 8 << 20 // a second
	burstBytes = 96 << 10
)

// Session is one browser.
type Session struct {
	pc           *webrtc.PeerConnection
	leave        func()
	run          *media.Run
	video, audio *track // audio is nil where none is sent
	connected    chan struct{}
	connect      sync.Once
	done         chan struct{}
	close        sync.Once
	keyframe     atomic.Bool
	readers      sync.WaitGroup

	credit float64 // bytes that may be sent at once
	paid   time.Time
}

// Connected is closed once the browser can be sent to.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Done is closed once the session is over: the browser has gone, or Close was called.
func (s *Session) Done() <-chan struct{} { return s.done }

// KeyframeWanted tells, once, whether the browser has lost so much that only a keyframe helps.
func (s *Session) KeyframeWanted() bool { return s.keyframe.Swap(false) }

// Close ends the session and gives its ports back.
func (s *Session) Close() {
	s.over()
	if s.pc != nil {
		_ = s.pc.Close() // nothing is left that could be done about it
	}
	s.readers.Wait()
}

func (s *Session) over() {
	s.close.Do(func() {
		close(s.done)
		s.leave()
	})
}

// watch follows the connection's state.
func (s *Session) watch() {
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			s.connect.Do(func() { close(s.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			s.over()
		}
	})
}

// listen reads what the browser says of the tracks.
func (s *Session) listen() {
	for _, t := range []*track{s.video, s.audio} {
		if t == nil {
			continue
		}
		s.readers.Go(func() {
			for {
				packets, _, err := t.sender.ReadRTCP()
				if err != nil {
					return // closed
				}
				for _, p := range packets {
					switch p.(type) {
					case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
						s.keyframe.Store(true)
					}
				}
			}
		})
	}
}

// SetRun goes on with another run; a *Refusal where its codecs are others, or its picture needs pictures that come later.
func (s *Session) SetRun(run *media.Run) error {
	video := run.Video()
	if video < 0 || run.Tracks[video].Codec != s.run.Tracks[s.video.index].Codec {
		return refuse("The camera sends another codec now.")
	}
	s.video.follow(run, video)
	if s.audio != nil {
		i := s.audio.index
		if i >= len(run.Tracks) || run.Tracks[i].Codec != s.run.Tracks[i].Codec || !sendable(&run.Tracks[i]) {
			s.audio = nil // there is none any more, or none that could be told from the old
		} else {
			s.audio.follow(run, i)
		}
	}
	s.run = run
	return nil
}

// Send sends a frame of the run. What a browser cannot show in the order of sending is a *Refusal; what the network does
// not take is lost, as with everything on UDP.
func (s *Session) Send(f *media.Frame) error {
	t := s.video
	if f.Track != t.index {
		if t = s.audio; t == nil || f.Track != t.index {
			return nil
		}
	} else if f.PTSTicks != f.DTSTicks {
		return refuse("The camera sends pictures out of their order (B-frames), which WebRTC does not.")
	}
	packets, err := t.packets(f, time.Now())
	if err != nil {
		return err
	}
	for _, p := range packets {
		s.pace(len(p.Payload))
		if err := t.local.WriteRTP(p); err != nil {
			return err
		}
	}
	return nil
}

// pace waits when more was sent than buffers on the way may take at once.
func (s *Session) pace(size int) {
	now := time.Now()
	s.credit = min(burstBytes, s.credit+now.Sub(s.paid).Seconds()*paceBytes)
	s.paid = now
	if s.credit -= float64(size); s.credit < 0 {
		time.Sleep(time.Duration(-s.credit / paceBytes * float64(time.Second)))
	}
}
