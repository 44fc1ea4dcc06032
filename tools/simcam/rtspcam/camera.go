package rtspcam

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/picture"
	"vigie/tools/simcam/stamp"
)

// Config describes one camera.
type Config struct {
	ID         string         // path of its URL, and in its stamps
	Video      *content.Video // nil: a camera that has sound only
	Audio      *content.Audio // nil: no sound
	User, Pass string         // empty: no login wanted
	// Logins are the ways offered to log in, of basic, digest-md5 and digest-sha256; none: the first two.
	Logins []string
	// NonceUses is for how many requests a login by digest is good before its nonce is too old; 0: for all.
	NonceUses int
	// NoGetParameter: the camera does not know GET_PARAMETER, though it says so.
	NoGetParameter bool
	// SpreadGOPs shifts the loop by a share of a GOP that differs from camera to camera, so that many cameras with
	// one content do not send their keyframes in the same instant. The visible clock is then off by the shift; the
	// stamps are not.
	SpreadGOPs bool
	// ShiftFrames shifts the loop by that many frames more.
	ShiftFrames int
	// Other is a loop that takes turns with Video, ten seconds each: the stream changes its parameters without a word. One
	// of another codec comes with another payload type, which the description names too.
	Other *content.Video
	// Next is a loop that takes Video's place for good at Camera.Reconfigure, which ends all sessions.
	Next   *content.Video
	Quirks Quirks
}

// turn is how long a loop is sent before the other has its turn.
const turn = 10 * time.Second

// Fault is a way in which a camera misbehaves.
type Fault int

// The faults. They act on what happens from then on, and until another is set.
const (
	NoFault      Fault = iota
	Silent             // connections stay, but no frame is sent (they count as not sent)
	Hang               // requests get no answer
	Unauthorized       // every login is refused
	NotFound           // the path is unknown
)

// Camera is one camera of a Server.
type Camera struct {
	cfg    Config
	video  *content.VideoLoop
	other  *content.VideoLoop
	pps2   []byte // for Quirks.SecondPPS
	audio  *content.AudioLoop
	book   *ledger.Book
	next   *content.VideoLoop
	medias []*description.Media // video first, where there is video
	phase  time.Duration        // by which its frames are later than those of a camera at phase 0
	shift  int64                // of the loop, in frames
	server *Server
	stop   context.CancelFunc // of running
	runs   sync.WaitGroup

	mu       sync.Mutex
	stream   *gortsplib.ServerStream
	fault    Fault
	faultSet chan struct{} // closed when fault changes
	sessions map[*gortsplib.ServerSession]struct{}
	kept     atomic.Int64 // keep-alives by GET_PARAMETER
	first    time.Time    // when the first reader came
}

func newCamera(ctx context.Context, cfg Config, index int, store *content.Store, book *ledger.Book) (*Camera, error) {
	if err := checkLogins(cfg.Logins); err != nil {
		return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
	}
	if len(cfg.Logins) == 0 {
		cfg.Logins = []string{"basic", "digest-md5"} // ffmpeg cannot do with others beside
	}
	if !stamp.ValidCamera(cfg.ID) {
		return nil, fmt.Errorf("camera id %q: want 1 to 64 characters of a-z, 0-9, - and _", cfg.ID)
	}
	c := &Camera{cfg: cfg, book: book, faultSet: make(chan struct{}), sessions: make(map[*gortsplib.ServerSession]struct{})}
	if cfg.Video != nil {
		l, err := store.Video(ctx, *cfg.Video)
		if err != nil {
			return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
		}
		c.video = l
		c.medias = append(c.medias, &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{cfg.Quirks.describe(l.Format())}})
		h := fnv.New32a()
		h.Write([]byte(cfg.ID))
		c.phase = time.Second / time.Duration(cfg.Video.FPS) * time.Duration(h.Sum32()%1000) / 1000
		if cfg.SpreadGOPs {
			c.shift = int64(index * 7 % cfg.Video.GOP)
		}
		if f, ok := l.Format().(*format.H264); ok && cfg.Quirks.SecondPPS {
			c.pps2 = secondPPS(f.PPS)
		}
		if cfg.Quirks.SecondPPS && c.pps2 == nil {
			return nil, fmt.Errorf("camera %s: a second picture parameter set goes with H.264 only", cfg.ID)
		}
		c.shift += int64(cfg.ShiftFrames)
		if cfg.Other != nil {
			if cfg.Other.FPS != cfg.Video.FPS || cfg.Other.GOP != cfg.Video.GOP || turnFrames(cfg.Video)%cfg.Video.GOP != 0 {
				return nil, fmt.Errorf("camera %s: the other loop must have the rate and GOP of the first, and %v whole GOPs", cfg.ID, turn)
			}
			if c.other, err = store.Video(ctx, *cfg.Other); err != nil {
				return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
			}
			if cfg.Other.Codec != cfg.Video.Codec {
				c.medias[0].Formats = append(c.medias[0].Formats, cfg.Quirks.describe(otherFormat(c.other)))
			}
		}
		if cfg.Next != nil {
			if cfg.Next.FPS != cfg.Video.FPS {
				return nil, fmt.Errorf("camera %s: the next loop must have the rate of the first", cfg.ID)
			}
			if c.next, err = store.Video(ctx, *cfg.Next); err != nil {
				return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
			}
		}
	}
	if cfg.Audio != nil {
		l, err := store.Audio(ctx, *cfg.Audio)
		if err != nil {
			return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
		}
		c.audio = l
		c.medias = append(c.medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{l.Format()}})
	}
	if len(c.medias) == 0 {
		return nil, fmt.Errorf("camera %s: neither video nor audio", cfg.ID)
	}
	return c, nil
}

func turnFrames(v *content.Video) int { return v.FPS * int(turn/time.Second) }

// otherFormat describes a loop that takes turns with one of another codec.
func otherFormat(l *content.VideoLoop) format.Format {
	f := l.Format()
	switch f := f.(type) {
	case *format.H264:
		f.PayloadTyp = otherPayloadType
	case *format.H265:
		f.PayloadTyp = otherPayloadType
	case *format.MPEG4Video:
		f.PayloadTyp = otherPayloadType
	case *format.VP8:
		f.PayloadTyp = otherPayloadType
	}
	return f
}

// otherPayloadType is that of Config.Other, where it needs one of its own: sound has 97 and up.
const otherPayloadType = 110

// frame is the frame of a number, the loop that it is of, and its payload type.
func (c *Camera) frame(n int64) (f *content.Frame, loop *content.VideoLoop, payloadType uint8) {
	formats := c.medias[0].Formats
	loop, payloadType = c.video, formats[0].PayloadType()
	if c.other != nil && (n+c.shift)/int64(turnFrames(c.cfg.Video))%2 == 1 {
		loop, payloadType = c.other, formats[len(formats)-1].PayloadType()
	}
	return &loop.Frames[(n+c.shift)%int64(len(loop.Frames))], loop, payloadType
}

// begin starts sending.
func (c *Camera) begin() error {
	s := c.server
	stream := &gortsplib.ServerStream{Server: s.rtsp, Desc: &description.Session{Title: c.cfg.ID, Medias: c.medias}}
	if err := stream.Initialize(); err != nil {
		return fmt.Errorf("camera %s: %w", c.cfg.ID, err)
	}
	c.mu.Lock()
	c.stream = stream
	c.mu.Unlock()
	ctx, stop := context.WithCancel(s.ctx)
	c.stop = stop
	c.runs.Go(func() { c.run(ctx) })
	return nil
}

// end stops sending, and ends all sessions.
func (c *Camera) end() {
	if c.stop == nil {
		return
	}
	c.stop()
	c.runs.Wait()
	c.current().Close()
}

// current is what readers are given.
func (c *Camera) current() *gortsplib.ServerStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream
}

// drain is how long a camera that is reconfigured gives what it has sent to go out.
const drain = 300 * time.Millisecond

// Reconfigure puts Config.Next in the place of the video, as somebody does in a camera's settings: all sessions end, and who
// comes again is told of the new video. It is for once, and not for while the server is being closed.
func (c *Camera) Reconfigure() error {
	if c.next == nil {
		return fmt.Errorf("camera %s: there is no next video", c.cfg.ID)
	}
	c.stop()
	c.runs.Wait()
	time.Sleep(drain)
	c.end()
	c.video, c.other, c.next = c.next, nil, nil
	c.medias = append([]*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{c.video.Format()}}}, c.medias[1:]...)
	return c.begin()
}

// SetFault sets how the camera misbehaves from now on.
func (c *Camera) SetFault(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
	close(c.faultSet)
	c.faultSet = make(chan struct{})
}

// KeptAlive is how many keep-alives by GET_PARAMETER have come.
func (c *Camera) KeptAlive() int64 { return c.kept.Load() }

// Drop closes all connections that play the camera; new ones are welcome.
func (c *Camera) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.sessions {
		s.Close()
	}
}

// Darken lets nothing more through on the connections that play the camera, and tells nobody: a line that was cut. New
// connections are welcome.
func (c *Camera) Darken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.sessions {
		for _, conn := range s.Conns() {
			if w, ok := conn.NetConn().(*wire); ok {
				w.dark.Store(true)
			}
		}
		delete(c.sessions, s)
	}
}

// Readers is the number of connections that play the camera now.
func (c *Camera) Readers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sessions)
}

// Sent returns the camera's ledger so far.
func (c *Camera) Sent() []ledger.Frame { return c.book.Frames(c.cfg.ID) }

// run sends until ctx ends.
func (c *Camera) run(ctx context.Context) {
	var wg sync.WaitGroup
	start := time.Now()
	if c.video != nil {
		wg.Go(func() { c.runVideo(ctx, start) })
	}
	if c.audio != nil {
		wg.Go(func() { c.runAudio(ctx, start) })
	}
	wg.Wait()
}

// pace calls send with each unit's number and instant, none left out, not before that instant. It follows the clock
// as it went on from start, whatever is done to the machine's clock later.
func pace(ctx context.Context, start time.Time, phase time.Duration, rate, per int64, send func(n int64, at time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for n := content.Number(start.Add(-phase), rate, per) + 1; ; n++ {
		at := content.Instant(n, rate, per).Add(phase)
		if wait := at.Sub(start) - time.Since(start); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		} else if ctx.Err() != nil {
			return
		}
		send(n, at)
	}
}

func (c *Camera) runVideo(ctx context.Context, start time.Time) {
	fps := int64(c.cfg.Video.FPS)
	medi := c.medias[0]
	pkt := rtp.Packet{Header: rtp.Header{Version: 2}}
	q := c.cfg.Quirks
	pkt.SequenceNumber = q.FirstSequence
	var buf []byte
	pace(ctx, start, c.phase, fps, 1, func(n int64, at time.Time) {
		f, loop, payloadType := c.frame(n)
		_, stampable := loop.Stampable()
		pkt.PayloadType = payloadType
		readers := 0
		c.mu.Lock()
		if c.fault != Silent {
			readers = len(c.sessions)
		}
		c.mu.Unlock()
		if stampable {
			c.book.Add(c.cfg.ID, ledger.Frame{Number: n, CaptureUs: at.UnixMicro(), Size: f.Size, Keyframe: f.Keyframe, Readers: readers})
		}
		if readers == 0 {
			return
		}
		told := at // what the camera takes for the time
		if q.Uptime {
			told = time.Unix(10_000, 0).Add(at.Sub(start))
		}
		pkt.Timestamp = q.timestamp(n*90000/fps, at, start)
		for _, p := range f.Head {
			c.write(medi, &pkt, p, false, told)
		}
		if f.Keyframe && q.SecondPPS && loop == c.video {
			c.write(medi, &pkt, c.pps2, false, told)
		}
		if stampable {
			buf = loop.AppendStamp(buf[:0], f, stamp.Stamp{Camera: c.cfg.ID, Number: n, Capture: at})
			c.write(medi, &pkt, buf, len(f.Tail) == 0, told)
		}
		for i, p := range f.Tail {
			c.write(medi, &pkt, p, i == len(f.Tail)-1, told)
		}
	})
}

func (c *Camera) runAudio(ctx context.Context, start time.Time) {
	medi := c.medias[len(c.medias)-1]
	pkt := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: medi.Formats[0].PayloadType()}}
	units, seconds := c.audio.Rate()
	pace(ctx, start, 0, units, seconds, func(n int64, at time.Time) {
		c.mu.Lock()
		send := len(c.sessions) > 0 && c.fault != Silent && at.Sub(c.first) >= c.cfg.Quirks.LateAudio
		c.mu.Unlock()
		if !send {
			return
		}
		pkt.Timestamp = uint32(n * int64(c.audio.Samples))
		c.write(medi, &pkt, c.audio.Payloads[n%int64(len(c.audio.Payloads))], true, at)
	})
}

// write sends one packet to all who play; the payload is not kept. A reader whose queue is full loses the packet and
// the server notes that.
func (c *Camera) write(medi *description.Media, pkt *rtp.Packet, payload []byte, marker bool, at time.Time) {
	pkt.Payload, pkt.Marker = payload, marker
	c.cfg.Quirks.header(pkt)
	err := c.current().WritePacketRTPWithNTP(medi, pkt, at)
	pkt.SequenceNumber++
	if err != nil && !errors.As(err, new(liberrors.ErrServerStreamClosed)) {
		panic(fmt.Sprintf("simulated camera %s made a packet that cannot be sent: %v", c.cfg.ID, err))
	}
}

// VisibleFrame returns the frame number within the loop that the picture of an instant shows.
func (c *Camera) VisibleFrame(at time.Time) int {
	return int(content.Number(at.Add(-c.phase), int64(c.cfg.Video.FPS), 1) % int64(picture.LoopSeconds*c.cfg.Video.FPS))
}
