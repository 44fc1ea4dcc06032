package cameratest

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

// Path is where a Camera's stream is.
const Path = "/stream"

// CameraOptions say what a camera sends and how it behaves.
type CameraOptions struct {
	Video          *Video
	Audio          *Audio                                           // nil: none
	Format         format.Format                                    // instead of Video: something that Vigie does not record
	User, Password string                                           // empty: none asked for
	NoSDPParams    bool                                             // parameter sets only in band
	NoInBandParams bool                                             // parameter sets only in the session description
	Silent         bool                                             // sends nothing by itself: use Send
	Address        string                                           // to listen on; default 127.0.0.1:0
	FirstRTP       uint32                                           // RTP time to begin with
	Alter          func(n int, nalus [][]byte) [][]byte             // changes the n-th unit before it is sent; nil drops it
	Drop           func(n int, packets []*rtp.Packet) []*rtp.Packet // loses packets of the n-th unit on the way
	Shift          func(n int) uint32                               // is added to the n-th unit's RTP time
}

// Camera is an RTSP server that plays its clip over and over in real time, from Start until the test's end or Stop.
type Camera struct {
	URL string

	t       testing.TB
	o       CameraOptions
	server  *gortsplib.Server
	stream  *gortsplib.ServerStream
	video   *description.Media
	audio   *description.Media
	packets func([][]byte) ([]*rtp.Packet, error)
	begun   time.Time

	mu    sync.Mutex
	stall bool
	sent  []Sent
	conns int

	stop chan struct{}
	done sync.WaitGroup
	once sync.Once
}

// Sent is one video unit that went out.
type Sent struct {
	Number int
	At     time.Time
	Key    bool
	PTS    int64
}

// Start runs a camera.
func Start(t testing.TB, o CameraOptions) *Camera {
	t.Helper()
	c := &Camera{t: t, o: o, stop: make(chan struct{})}
	listener, err := net.Listen("tcp", orDefault(o.Address, "127.0.0.1:0"))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	c.server = &gortsplib.Server{
		Handler: c, RTSPAddress: listener.Addr().String(), WriteTimeout: 5 * time.Second, WriteQueueSize: 4096,
		Listen: func(string, string) (net.Listener, error) { return listener, nil },
	}
	if err := c.server.Start(); err != nil {
		t.Fatalf("start camera: %v", err)
	}
	c.URL = "rtsp://" + listener.Addr().String() + Path
	if o.Video == nil && o.Format == nil && o.Audio == nil { // a camera without any stream
		t.Cleanup(c.Stop)
		return c
	}
	c.describe()
	t.Cleanup(c.Stop)
	c.begun = time.Now()
	if o.Video != nil && !o.Silent {
		c.done.Go(c.play)
	}
	if o.Audio != nil && !o.Silent {
		c.done.Go(c.playAudio)
	}
	return c
}

// Stop ends the camera: connections are closed.
func (c *Camera) Stop() {
	c.once.Do(func() {
		close(c.stop)
		c.done.Wait()
		if c.stream != nil {
			c.stream.Close()
		}
		c.server.Close()
	})
}

// Stall stops the sending but keeps connections, or goes on.
func (c *Camera) Stall(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stall = on
}

// Ledger returns what has been sent so far.
func (c *Camera) Ledger() []Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Sent(nil), c.sent...)
}

// Connections returns how often clients connected.
func (c *Camera) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns
}

func (c *Camera) describe() {
	desc := &description.Session{}
	if c.o.Video != nil {
		c.video = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{c.videoFormat()}}
		desc.Medias = append(desc.Medias, c.video)
	} else if c.o.Format != nil {
		c.video = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{c.o.Format}}
		desc.Medias = append(desc.Medias, c.video)
	}
	if a := c.o.Audio; a != nil {
		var f format.Format = &format.G711{PayloadTyp: 97, MULaw: a.Codec == media.PCMU, SampleRate: a.SampleRate, ChannelCount: a.Channels}
		if a.Codec == media.AAC {
			f = &format.MPEG4Audio{PayloadTyp: 97, Config: a.Config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
		}
		c.audio = &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
		desc.Medias = append(desc.Medias, c.audio)
	}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: desc}
	if err := c.stream.Initialize(); err != nil {
		c.t.Fatalf("camera stream: %v", err)
	}
}

func (c *Camera) videoFormat() format.Format {
	v := c.o.Video
	vps, sps, pps := v.VPS, v.SPS, v.PPS
	if c.o.NoSDPParams {
		vps, sps, pps = nil, nil, nil
	}
	if v.Codec == media.H265 {
		f := &format.H265{PayloadTyp: 96, VPS: vps, SPS: sps, PPS: pps}
		e, err := f.CreateEncoder()
		if err != nil {
			c.t.Fatal(err)
		}
		c.packets = e.Encode
		return f
	}
	f := &format.H264{PayloadTyp: 96, SPS: sps, PPS: pps, PacketizationMode: 1}
	e, err := f.CreateEncoder()
	if err != nil {
		c.t.Fatal(err)
	}
	c.packets = e.Encode
	return f
}

// play sends the clip's units when they are due.
func (c *Camera) play() {
	v := c.o.Video
	for n := 0; ; n++ {
		u := v.Units[n%len(v.Units)]
		due := c.begun.Add(time.Duration(n) * time.Second / time.Duration(v.Rate))
		if !c.sleep(due) {
			return
		}
		pts := u.PTS + int64(n/len(v.Units))*v.Duration()
		c.mu.Lock()
		stalled := c.stall
		c.mu.Unlock()
		if !stalled {
			c.Send(n, u, pts)
		}
	}
}

// Send sends one unit: n is its number for Alter and Drop, pts its time in 1/90000 s.
func (c *Camera) Send(n int, u Unit, pts int64) {
	nalus := u.NALUs
	if c.o.NoInBandParams {
		nalus = c.withoutParams(nalus)
	}
	if c.o.Alter != nil {
		if nalus = c.o.Alter(n, nalus); nalus == nil {
			return
		}
	}
	packets, err := c.packets(nalus)
	if err != nil {
		c.t.Errorf("packetize unit %d: %v", n, err)
		return
	}
	shift := c.o.FirstRTP
	if c.o.Shift != nil {
		shift += c.o.Shift(n)
	}
	if c.o.Drop != nil {
		packets = c.o.Drop(n, packets)
	}
	c.mu.Lock()
	c.sent = append(c.sent, Sent{Number: n, At: time.Now(), Key: u.Key, PTS: pts})
	c.mu.Unlock()
	for _, p := range packets {
		p.Timestamp = uint32(pts) + shift
		if err := c.stream.WritePacketRTPWithNTP(c.video, p, c.begun.Add(time.Duration(pts)*time.Second/90000)); err != nil {
			return // the stream was closed
		}
	}
}

func (c *Camera) withoutParams(nalus [][]byte) [][]byte {
	var out [][]byte
	for _, n := range nalus {
		typ := n[0] & 0x1f
		params := typ == 7 || typ == 8
		if c.o.Video.Codec == media.H265 {
			typ = n[0] >> 1 & 0x3f
			params = typ >= 32 && typ <= 34
		}
		if !params {
			out = append(out, n)
		}
	}
	return out
}

func (c *Camera) playAudio() {
	a := c.o.Audio
	encode := func(unit []byte) ([]*rtp.Packet, error) {
		return []*rtp.Packet{{Header: rtp.Header{Version: 2, PayloadType: 97, Marker: true}, Payload: unit}}, nil
	}
	if f, ok := c.audio.Formats[0].(*format.MPEG4Audio); ok {
		e, err := f.CreateEncoder()
		if err != nil {
			c.t.Error(err)
			return
		}
		encode = func(unit []byte) ([]*rtp.Packet, error) { return e.Encode([][]byte{unit}) }
	}
	var seq uint16
	for n := 0; ; n++ {
		at := time.Duration(n) * time.Duration(a.Samples) * time.Second / time.Duration(a.SampleRate)
		if !c.sleep(c.begun.Add(at)) {
			return
		}
		c.mu.Lock()
		stalled := c.stall
		c.mu.Unlock()
		if stalled {
			continue
		}
		packets, err := encode(a.Units[n%len(a.Units)])
		if err != nil {
			c.t.Errorf("packetize audio: %v", err)
			return
		}
		for _, p := range packets {
			p.SequenceNumber, p.Timestamp = seq, uint32(n*a.Samples)
			seq++
			if err := c.stream.WritePacketRTPWithNTP(c.audio, p, c.begun.Add(at)); err != nil {
				return
			}
		}
	}
}

func (c *Camera) sleep(until time.Time) bool {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.stop:
		return false
	}
}

// OnConnOpen implements gortsplib's server handler.
func (c *Camera) OnConnOpen(*gortsplib.ServerHandlerOnConnOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns++
}

// OnDescribe implements gortsplib's server handler.
func (c *Camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return c.answer(ctx.Conn, ctx.Request, ctx.Path)
}

// OnSetup implements gortsplib's server handler.
func (c *Camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return c.answer(ctx.Conn, ctx.Request, ctx.Path)
}

// OnPlay implements gortsplib's server handler.
func (c *Camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *Camera) answer(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	if c.o.User != "" && !conn.VerifyCredentials(req, c.o.User, c.o.Password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	if path != Path || c.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, fmt.Errorf("no stream at %s", path)
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
