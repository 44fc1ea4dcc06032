package rtc

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// browser is the other side: pion's own defaults, which are those of browsers.
type browser struct {
	t      testing.TB
	pc     *webrtc.PeerConnection
	video  chan *rtp.Packet
	audio  chan *rtp.Packet
	wanted chan uint32 // SSRC of the picture
	begun  int64       // timestamp of the last frame that begin sent
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	var set webrtc.SettingEngine
	set.SetIncludeLoopbackCandidate(true)
	set.SetICEUDPMux(roomy(t))
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, pc: pc, video: make(chan *rtp.Packet, 4096), audio: make(chan *rtp.Packet, 4096), wanted: make(chan uint32, 1)}
	t.Cleanup(func() { pc.Close() })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		to := b.audio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			to = b.video
			b.wanted <- uint32(track.SSRC())
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				close(to)
				return
			}
			to <- p
		}
	})
	return b
}

// roomy opens a port that a busy machine may read late from without losing anything: what is lost comes again, but out of
// its order, which these tests do not sort.
func roomy(t testing.TB) ice.UDPMux {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) })
	}}
	conn, err := config.ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := webrtc.NewICEUDPMux(nil, conn)
	t.Cleanup(func() { mux.Close() })
	return mux
}

func (b *browser) offer() string {
	b.t.Helper()
	o, err := b.pc.CreateOffer(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(o); err != nil {
		b.t.Fatal(err)
	}
	<-gathered
	return b.pc.LocalDescription().SDP
}

func (b *browser) connect(e *Endpoint, run *media.Run) *Session {
	b.t.Helper()
	s, answer, err := e.Open(run, b.offer())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(s.Close)
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		b.t.Fatal(err)
	}
	select {
	case <-s.Connected():
	case <-time.After(10 * time.Second):
		b.t.Fatal("no connection")
	}
	return s
}

// begin sends a frame until the browser has heard of it: what comes while it still makes ready is lost.
func (b *browser) begin(s *Session, f *media.Frame) (ssrc uint32) {
	b.t.Helper()
	for range 200 {
		if err := s.Send(f); err != nil {
			b.t.Fatal(err)
		}
		select {
		case ssrc := <-b.wanted:
			b.begun = s.video.last
			return ssrc
		case <-time.After(50 * time.Millisecond):
		}
	}
	b.t.Fatal("nothing comes")
	return 0
}

// access reads one access unit of H.264, from after begin.
func (b *browser) access(d *rtph264.Decoder) (nalus [][]byte, timestamp uint32) {
	b.t.Helper()
	for {
		select {
		case p, ok := <-b.video:
			if !ok {
				b.t.Fatal("the track ended")
			}
			if int32(p.Timestamp-uint32(b.begun)) <= 0 {
				continue
			}
			nalus, err := d.Decode(p)
			if errors.Is(err, rtph264.ErrMorePacketsNeeded) {
				continue
			}
			if err != nil {
				b.t.Fatal(err)
			}
			return nalus, p.Timestamp
		case <-time.After(10 * time.Second):
			b.t.Fatal("no picture comes")
		}
	}
}

func clip(t *testing.T, audio media.Codec, n int) []*media.Frame {
	frames := cameratest.Frames(time.Now().Add(-time.Duration(n)*40*time.Millisecond), cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, audio), n)
	for _, f := range frames {
		f.ArrivalNs = f.TimeNs()
	}
	return frames
}

func TestABrowserGetsWhatTheRingHadAtOnceAndThenEachFrameAtItsTime(t *testing.T) {
	e := New(Config{})
	frames := clip(t, media.PCMA, 60)
	b := newBrowser(t)
	s := b.connect(e, frames[0].Run)
	b.begin(s, frames[0])
	for _, f := range frames {
		if err := s.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	live := *frames[len(frames)-1]
	for live.Track != 0 {
		frames = frames[:len(frames)-1]
		live = *frames[len(frames)-1]
	}
	now := time.Now()
	live.ArrivalNs = now.UnixNano()
	live.PTSTicks += 90 * now.Sub(time.Unix(0, live.TimeNs())).Milliseconds()
	live.DTSTicks = live.PTSTicks
	if err := s.Send(&live); err != nil {
		t.Fatal(err)
	}
	d := &rtph264.Decoder{PacketizationMode: 1}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	first, at := b.access(d)
	if len(first) < 3 || first[0][0]&0x1f != 7 || first[1][0]&0x1f != 8 {
		t.Errorf("the first picture has no parameter sets before it: %d units", len(first))
	}
	last := at
	for range 59 {
		_, ts := b.access(d)
		if ts-last != 1 {
			t.Fatalf("a frame of the past is %d ticks after the one before", ts-last)
		}
		last = ts
	}
	_, ts := b.access(d)
	start := frames[0].Run.StartNs
	if want := uint32(start/1e9*90000 + start%1e9*90000/1e9 + live.PTSTicks); ts != want {
		t.Errorf("the live frame has timestamp %d, want %d", ts, want)
	}
	select {
	case p := <-b.audio:
		if len(p.Payload) != len(frames[1].Payload) && len(p.Payload) == 0 {
			t.Errorf("%d bytes of sound", len(p.Payload))
		}
	case <-time.After(10 * time.Second):
		t.Error("no sound comes")
	}
}

func TestALostKeyframeIsToldOnce(t *testing.T) {
	frames := clip(t, media.PCMU, 10)
	b := newBrowser(t)
	s := b.connect(New(Config{}), frames[0].Run)
	ssrc := b.begin(s, frames[0])
	if s.KeyframeWanted() {
		t.Error("a keyframe is wanted before anything was lost")
	}
	if err := b.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !s.KeyframeWanted(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no keyframe is wanted")
		}
	}
	if s.KeyframeWanted() {
		t.Error("it is told twice")
	}
}

func TestPortsLiveAsLongAsTheSession(t *testing.T) {
	// A port that is free now.
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port
	c.Close()
	free := func() bool {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	e := New(Config{PortMin: uint16(port), PortMax: uint16(port)})
	if !free() {
		t.Fatal("it listens before a session is asked for")
	}
	frames := clip(t, media.Opus, 5)
	b := newBrowser(t)
	s, answer, err := e.Open(frames[0].Run, b.offer())
	if err != nil {
		t.Fatal(err)
	}
	if free() || e.Sessions() != 1 || !strings.Contains(answer, "ice-lite") || strings.Contains(answer, "srflx") {
		t.Errorf("port free %v, %d sessions, answer %s", free(), e.Sessions(), answer)
	}
	s.Close()
	if !free() || e.Sessions() != 0 {
		t.Errorf("after the session: port free %v, %d sessions", free(), e.Sessions())
	}
	select {
	case <-s.Done():
	default:
		t.Error("a closed session is not over")
	}
}

func TestWhatCannotBeSentIsRefusedInWords(t *testing.T) {
	e := New(Config{})
	frames := clip(t, media.AAC, 5)
	refused := func(name string, err error, word string) {
		t.Helper()
		if r := new(Refusal); !errors.As(err, &r) || !strings.Contains(r.Reason, word) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := func(run *media.Run, offer string) error {
		s, _, err := e.Open(run, offer)
		if err == nil {
			s.Close()
		}
		return err
	}
	refused("sound alone", open(&media.Run{Tracks: frames[0].Run.Tracks[1:]}, ""), "no picture")
	refused("MPEG-4", open(&media.Run{Tracks: []media.Track{{Codec: media.MPEG4, ClockRate: 90000}}}, ""), "MPEG-4")
	refused("no offer", open(frames[0].Run, "v=0\r\na=rtpmap:102 H264/90000"), "offer")
	offer := newBrowser(t).offer()
	without := strings.NewReplacer("H264/90000", "X264/90000").Replace(offer)
	refused("no H.264 there", open(frames[0].Run, without), "H.264")
	if err := open(frames[0].Run, offer); err != nil { // AAC is left out
		t.Errorf("with AAC: %v", err)
	}
	b := newBrowser(t)
	s := b.connect(e, frames[0].Run)
	f := *frames[0]
	f.PTSTicks += 3600
	refused("B-frames", s.Send(&f), "B-frames")
	refused("another codec", s.SetRun(&media.Run{Tracks: []media.Track{{Codec: media.H265, ClockRate: 90000}}}), "another codec")
	s.Close()
	if e.Sessions() != 0 {
		t.Errorf("%d sessions are left", e.Sessions())
	}
}

func TestTimestampsNeverGoBack(t *testing.T) {
	now := time.Now()
	run := &media.Run{StartNs: now.UnixNano(), Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}}}
	tr := &track{}
	tr.follow(run, 0)
	frame := func(pts int64) *media.Frame { return &media.Frame{Run: run, PTSTicks: pts, ArrivalNs: now.UnixNano()} }
	a := tr.timestamp(frame(0), now)
	if b := tr.timestamp(frame(-90), now); b != a+1 {
		t.Errorf("an uneven clock: %d after %d", b, a)
	}
	back := &media.Run{StartNs: now.Add(-time.Hour).UnixNano(), Tracks: run.Tracks}
	tr.follow(back, 0)
	c := tr.timestamp(frame(0), now)
	if d := tr.timestamp(frame(3600), now); c != a+2 || d != c+3599 && d != c+3600 {
		t.Errorf("after the clock was set back: %d, then %d, after %d", c, d, a)
	}
}

func FuzzOffer(f *testing.F) {
	offer := newBrowser(f).offer()
	f.Add(offer)
	f.Add(strings.Replace(offer, "m=video", "m=application", 1))
	f.Add(strings.Replace(offer, "recvonly", "sendonly", 2))
	f.Add(offer[:len(offer)/2])
	f.Add("v=0\r\n")
	run := &media.Run{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1f}, PPS: []byte{0x68, 1}}}}
	e := New(Config{})
	f.Fuzz(func(t *testing.T, offer string) {
		s, _, err := e.Open(run, offer)
		if err == nil {
			s.Close()
		}
		if n := e.Sessions(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}
