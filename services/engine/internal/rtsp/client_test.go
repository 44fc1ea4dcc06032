package rtsp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const sessionText = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"

// script is a camera that answers requests as a test wants, and keeps a list of them.
type script struct {
	t       *testing.T
	address string
	// reply answers a request, with an own status or headers; nil is the usual answer.
	reply func(s *script, req *base.Request) *base.Response
	// playing is called after the answer to PLAY.
	playing func(s *script)

	mu   sync.Mutex
	conn net.Conn
	r    *bufio.Reader
	asks []string
}

func run(t *testing.T, s *script) *script {
	t.Helper()
	s.t = t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conn, s.r = conn, bufio.NewReader(conn)
			s.mu.Unlock()
			s.serve()
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return s
}

func (s *script) serve() {
	for {
		var req base.Request
		if b, err := s.r.Peek(1); err != nil {
			return
		} else if b[0] == '$' {
			head := make([]byte, 4)
			io.ReadFull(s.r, head)
			io.CopyN(io.Discard, s.r, int64(head[2])<<8|int64(head[3]))
			s.note("report")
			continue
		}
		if err := req.Unmarshal(s.r); err != nil {
			return
		}
		s.note(string(req.Method))
		res := &base.Response{StatusCode: base.StatusOK, Header: base.Header{}}
		switch req.Method {
		case base.Options:
			res.Header["Public"] = base.HeaderValue{"DESCRIBE, SETUP, PLAY"}
		case base.Describe:
			res.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
			res.Body = []byte(sessionText)
		case base.Setup:
			res.Header["Session"] = base.HeaderValue{"12345;timeout=2"}
			res.Header["Transport"] = req.Header["Transport"]
		}
		if s.reply != nil {
			if own := s.reply(s, &req); own != nil {
				res = own
			}
		}
		if res.StatusCode == 0 {
			continue // no answer
		}
		if res.Header["CSeq"] == nil {
			res.Header["CSeq"] = req.Header["CSeq"]
		}
		b, _ := res.Marshal()
		s.write(b)
		if req.Method == base.Play && s.playing != nil {
			s.playing(s)
		}
	}
}

func (s *script) write(b []byte) { _, _ = s.conn.Write(b) }

func (s *script) note(ask string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, ask)
}

func (s *script) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asks, " ")
}

// player is a session in progress.
type player struct {
	*Client
	mu       sync.Mutex
	seqs     []uint16
	payloads int
	bad      int
	ended    chan error
}

func config(s *script) Config {
	return Config{URL: &url.URL{Scheme: "rtsp", Host: s.address, Path: "/x"}, Username: "admin", Password: "secret", UserAgent: "test",
		Timeout: 5 * time.Second, Dial: new(net.Dialer).DialContext}
}

func play(t *testing.T, s *script) (*player, error) {
	t.Helper()
	p := &player{ended: make(chan error, 1)}
	var err error
	if p.Client, err = Dial(t.Context(), config(s)); err != nil {
		return nil, err
	}
	t.Cleanup(p.Close)
	desc, err := p.Describe(t.Context())
	if err != nil {
		return nil, err
	}
	err = p.Setup(desc, desc.Medias[0], Receiver{
		PayloadType: 96,
		Packet: func(pkt *rtp.Packet) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.seqs = append(p.seqs, pkt.SequenceNumber)
			p.payloads += len(pkt.Payload)
		},
		Malformed: func() { p.mu.Lock(); defer p.mu.Unlock(); p.bad++ },
	})
	if err != nil {
		return nil, err
	}
	if err := p.Play(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.Run() }()
	return p, nil
}

// got waits for packets.
func (p *player) got(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		have := len(p.seqs)
		p.mu.Unlock()
		if have >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d packets, want %d", have, n)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not: %s", what)
		}
	}
}

func TestPacketsComeInOrderWhateverIsBetweenThem(t *testing.T) {
	t.Parallel()
	s := run(t, &script{playing: func(s *script) {
		var b bytes.Buffer
		for i := range uint16(2000) {
			switch i % 100 {
			case 10:
				b.WriteString("junk $ between frames")
			case 20:
				b.WriteString("RTSP/1.0 200 OK\r\nCSeq: 99999\r\n\r\n")
			case 30:
				b.Write(rtpFrame(7, i, 100)) // of a channel that nobody asked for
			case 40:
				b.Write([]byte{'$', 1, 0, 3, 0xff, 0xff, 0xff}) // RTCP that is none
			}
			b.Write(rtpFrame(0, i, 1400))
			if b.Len() > 40_000 {
				s.write(b.Bytes())
				b.Reset()
			}
		}
		s.write(b.Bytes())
	}})
	p, err := play(t, s)
	if err != nil {
		t.Fatal(err)
	}
	p.got(t, 2000)
	for i, seq := range p.seqs {
		if seq != uint16(i) {
			t.Fatalf("packet %d is %d", i, seq)
		}
	}
	if p.payloads != 2000*1400 || p.bad != 0 {
		t.Errorf("%d bytes, %d malformed", p.payloads, p.bad)
	}
	p.Close()
	if err := <-p.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
	eventually(t, "TEARDOWN", func() bool { return strings.HasSuffix(s.asked(), "TEARDOWN") })
}

func TestEndlessJunkEndsTheSession(t *testing.T) {
	t.Parallel()
	s := run(t, &script{playing: func(s *script) { s.write(bytes.Repeat([]byte("junk"), maxJunk)) }})
	p, err := play(t, s)
	if err == nil { // what comes with the answer to PLAY ends it already
		err = <-p.ended
	}
	if !errors.Is(err, ErrJunk) {
		t.Errorf("ended with %v", err)
	}
}

func TestPacketsThatAreNoneAreCounted(t *testing.T) {
	t.Parallel()
	other := rtpFrame(0, 1, 10)
	other[5] = 97
	s := run(t, &script{playing: func(s *script) {
		s.write(other)
		s.write([]byte{'$', 0, 0, 4, 1, 2, 3, 4})
		s.write(rtpFrame(0, 3, 10))
	}})
	p, err := play(t, s)
	if err != nil {
		t.Fatal(err)
	}
	p.got(t, 1)
	if p.bad != 2 {
		t.Errorf("%d malformed, want 2", p.bad)
	}
}

func TestTheCameraChoosesChannels(t *testing.T) {
	t.Parallel()
	s := run(t, &script{
		reply: func(_ *script, req *base.Request) *base.Response {
			if req.Method != base.Setup {
				return nil
			}
			return &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Session": {"1"}, "Transport": {"RTP/AVP/TCP;unicast;interleaved=4-5"}}}
		},
		playing: func(s *script) { s.write(rtpFrame(4, 1, 10)) },
	})
	p, err := play(t, s)
	if err != nil {
		t.Fatal(err)
	}
	p.got(t, 1)
}

// A login with a nonce that the camera wants to be another one now and then, with SHA-256 offered beside MD5.
func TestNonceGetsOld(t *testing.T) {
	t.Parallel()
	nonce, served := 1, 0
	s := run(t, &script{reply: func(_ *script, req *base.Request) *base.Response {
		if served++; served%3 == 0 {
			nonce++
		}
		n := fmt.Sprintf("nonce%d", nonce)
		if auth.Verify(req, "admin", "secret", nil, "cam", n) == nil {
			return nil
		}
		return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": auth.GenerateWWWAuthenticate(nil, "cam", n)}}
	}})
	p, err := play(t, s)
	if err != nil {
		t.Fatalf("%v after %s", err, s.asked())
	}
	// Keep-alives go on through changes of the nonce.
	eventually(t, "keep-alives", func() bool { return strings.Count(s.asked(), "OPTIONS") > 5 })
	select {
	case err := <-p.ended:
		t.Errorf("ended with %v", err)
	default:
	}
}

func TestWrongPasswordIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	n := 0
	s := run(t, &script{reply: func(*script, *base.Request) *base.Response {
		n++
		return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{
			"WWW-Authenticate": {fmt.Sprintf(`Digest realm="cam", nonce="n%d", stale=true`, n)}}}
	}})
	_, err := play(t, s)
	var status liberrors.ErrClientBadStatusCode
	if !errors.As(err, &status) || status.Code != base.StatusUnauthorized {
		t.Fatalf("%v", err)
	}
	if got := strings.Count(s.asked(), " ") + 1; got != 1+maxLogins {
		t.Errorf("asked %d times", got)
	}
}

func TestKeepAliveByWhatTheCameraAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, public string
		status       base.StatusCode // of GET_PARAMETER; 0: no answer
		want         string
	}{
		{"OPTIONS", "OPTIONS, DESCRIBE, SETUP, PLAY", base.StatusOK, "PLAY OPTIONS OPTIONS"},
		{"GET_PARAMETER", "DESCRIBE,GET_PARAMETER , PLAY", base.StatusOK, "PLAY GET_PARAMETER GET_PARAMETER"},
		{"GET_PARAMETER without answer", "GET_PARAMETER", 0, "PLAY GET_PARAMETER GET_PARAMETER"},
		{"GET_PARAMETER in name only", "GET_PARAMETER", base.StatusNotImplemented, "PLAY GET_PARAMETER OPTIONS OPTIONS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := run(t, &script{reply: func(_ *script, req *base.Request) *base.Response {
				switch req.Method {
				case base.Options:
					return &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Public": {c.public}}}
				case base.GetParameter:
					return &base.Response{StatusCode: c.status, Header: base.Header{}}
				}
				return nil
			}})
			if _, err := play(t, s); err != nil {
				t.Fatal(err)
			}
			eventually(t, c.want, func() bool { return strings.Contains(s.asked(), c.want) })
		})
	}
}

func TestSessionThatTheCameraForgotEnds(t *testing.T) {
	t.Parallel()
	playing := false
	s := run(t, &script{reply: func(_ *script, req *base.Request) *base.Response {
		if req.Method == base.Options && playing {
			return &base.Response{StatusCode: base.StatusSessionNotFound, Header: base.Header{}}
		}
		playing = req.Method == base.Play
		return nil
	}})
	p, err := play(t, s)
	if err != nil {
		t.Fatal(err)
	}
	var status liberrors.ErrClientBadStatusCode
	if err := <-p.ended; !errors.As(err, &status) || status.Code != base.StatusSessionNotFound {
		t.Errorf("ended with %v", err)
	}
}

func TestRedirectsAreBounded(t *testing.T) {
	t.Parallel()
	to := func(location string) func(*script, *base.Request) *base.Response {
		return func(s *script, req *base.Request) *base.Response {
			if req.Method != base.Describe || location == "" {
				return nil
			}
			return &base.Response{StatusCode: base.StatusFound, Header: base.Header{"Location": {strings.ReplaceAll(location, "SELF", s.address)}}}
		}
	}
	good := run(t, &script{})
	for name, c := range map[string]struct {
		location string
		good     bool
	}{
		"another port":   {"rtsp://" + good.address + "/y", true},
		"itself":         {"rtsp://SELF/y", false},
		"another host":   {"rtsp://127.0.0.2:554/y", false},
		"another scheme": {"http://SELF/y", false},
		"nothing":        {"::", false},
	} {
		s := run(t, &script{reply: to(c.location)})
		_, err := play(t, s)
		if c.good && err != nil || !c.good && !errors.Is(err, ErrRedirect) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := run(t, &script{reply: to("rtsps://SELF/y")})
	if _, err := play(t, s); !errors.Is(err, ErrSecure) {
		t.Errorf("to TLS: %v", err)
	}
}

func TestRequestsOfTheCameraAreAnswered(t *testing.T) {
	t.Parallel()
	answers := make(chan string, 2)
	s := run(t, &script{playing: func(s *script) {
		for _, q := range []string{"OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 77\r\n\r\n", "REDIRECT rtsp://a/b RTSP/1.0\r\nCSeq: 78\r\n\r\n"} {
			s.write([]byte(q))
			var res base.Response
			if err := res.Unmarshal(s.r); err != nil {
				answers <- err.Error()
				continue
			}
			answers <- fmt.Sprint(res.StatusCode, res.Header["CSeq"])
		}
	}})
	if _, err := play(t, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 [77]", "501 [78]"} {
		if got := <-answers; got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
}

func TestSenderReportsAreAnswered(t *testing.T) {
	t.Parallel()
	s := run(t, &script{playing: func(s *script) {
		s.write(rtpFrame(0, 65534, 10))
		s.write(rtpFrame(0, 1, 10))
		b, _ := (&rtcp.SenderReport{SSRC: 2, NTPTime: 1 << 33, RTPTime: 9}).Marshal()
		s.write(append([]byte{'$', 1, 0, byte(len(b))}, b...))
	}})
	if _, err := play(t, s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a report", func() bool { return strings.Contains(s.asked(), "report") })
}

func TestReceiverReport(t *testing.T) {
	var r reception
	now := time.Now()
	for _, seq := range []uint16{65533, 65534, 1, 0, 2} { // 65535 is missing, and 0 comes late
		r.packet(7, seq)
	}
	r.senderReport(&rtcp.SenderReport{SSRC: 7, NTPTime: 0x1122334455667788}, now)
	b := r.report(9, now.Add(time.Second)).Reports[0]
	if b.SSRC != 7 || b.LastSequenceNumber != 0x10002 || b.TotalLost != 1 || b.FractionLost != 256/6 || b.LastSenderReport != 0x33445566 || b.Delay != 65536 {
		t.Errorf("%+v", b)
	}
	r.packet(7, 3)
	if b := r.report(9, now).Reports[0]; b.FractionLost != 0 || b.TotalLost != 1 {
		t.Errorf("later %+v", b)
	}
}

// A connection on which nothing comes waits without being looked at, and is awake again at once.
func TestIdleConnectionWakes(t *testing.T) {
	t.Parallel()
	more := make(chan int)
	s := run(t, &script{playing: func(s *script) {
		for n := range more {
			for i := range n {
				s.write(rtpFrame(0, uint16(i), 1000))
			}
		}
	}})
	t.Cleanup(func() { close(more) })
	p, err := play(t, s)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range []int{1, 300, 1} {
		more <- n
		sum += n
		p.got(t, sum)
		time.Sleep((idleTicks + 3) * tick) // until it is left to wake us
	}
}

func TestCloseEndsWhateverIsUnderWay(t *testing.T) {
	t.Parallel()
	s := run(t, &script{reply: func(_ *script, req *base.Request) *base.Response {
		if req.Method == base.Describe {
			return &base.Response{}
		}
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, config(s))
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, c.Close)()
	ended := make(chan error, 1)
	go func() { _, err := c.Describe(ctx); ended <- err }()
	eventually(t, "DESCRIBE", func() bool { return strings.Contains(s.asked(), "DESCRIBE") })
	cancel()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}
