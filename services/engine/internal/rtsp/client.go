package rtsp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/login"
	"vigie/services/engine/internal/sdp"
)

const (
	maxRedirects   = 2
	defaultTimeout = 60 * time.Second // of a session (RFC 2326 §12.37)
	goodbyeTimeout = 300 * time.Millisecond
)

var (
	// ErrRedirect: the camera leads to another host, around in circles, or from TLS to plain.
	ErrRedirect = errors.New("redirected to where we do not go")
	// ErrSecure: TLS is asked for and Config.Secure is not set.
	ErrSecure = errors.New("TLS is asked for")
	// ErrSRTP: the camera wants to encrypt RTP itself, which this package does not do.
	ErrSRTP = errors.New("SRTP is asked for")
	// ErrJunk: nothing that is understood came for too long.
	ErrJunk = errors.New("neither RTP nor RTSP")
)

// Config describes a session. All but Username, Password and Secure must be set.
type Config struct {
	URL                *url.URL // rtsp or rtsps, without credentials
	Username, Password string
	UserAgent          string
	Timeout            time.Duration // for each request to be answered, and for each write
	Dial               func(ctx context.Context, network, address string) (net.Conn, error)
	Secure             func(ctx context.Context, conn net.Conn, host string) (net.Conn, error) // puts TLS on a connection; nil: rtsps is refused
}

// Receiver takes the packets of one payload type. Its functions run in Run or Play and must not block.
type Receiver struct {
	PayloadType uint8
	Packet      func(*rtp.Packet) // valid, payload included, until it returns
	Control     func(rtcp.Packet) // each RTCP packet of the track; may be nil
	Malformed   func()            // a packet of the track that is none, or of a type that nobody takes; may be nil
}

// Client is one session. Make one with Dial; use it in the order Describe, Setup, Play, Run.
type Client struct {
	cfg    Config
	target *base.URL

	conn   net.Conn // pace, or TLS on it
	pace   *pacer
	rest   []byte // of a frame or message that has come in part
	junk   int    // bytes skipped since the last that was understood
	known  [256]bool
	tracks [256]*track // by channel; RTCP's are one above
	list   []*track
	pkt    rtp.Packet
	own    uint32 // our SSRC
	base   *base.URL
	answer *base.Response // to the request under way
	before func()         // of OnRead
	after  func()

	mu       sync.Mutex // for what follows, and for writing
	seq      int
	want     string       // CSeq of the request under way
	keepSeq  string       // of the last keep-alive
	login    *login.Login // nil: without
	tried    bool         // to log in
	session  string
	timeout  time.Duration
	getParam bool // keep-alive by GET_PARAMETER
	keep     *time.Timer
	closed   bool
}

// track is one media that was set up.
type track struct {
	receivers []Receiver
	channel   int
	seen      reception
	reported  time.Time
}

// Dial connects, and asks what the camera can do.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	nothing := func() {}
	c := &Client{cfg: cfg, target: (*base.URL)(cfg.URL), own: rand.Uint32(), timeout: defaultTimeout, before: nothing, after: nothing}
	c.newLogin()
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// newLogin forgets what was asked before.
func (c *Client) newLogin() {
	if c.tried = false; c.cfg.Username != "" {
		c.login = login.New(c.cfg.Username, c.cfg.Password)
	}
}

func (c *Client) connect(ctx context.Context) error {
	port := c.target.Port()
	secure := c.target.Scheme == "rtsps"
	switch {
	case secure && c.cfg.Secure == nil:
		return ErrSecure
	case port == "" && secure:
		port = "322"
	case port == "":
		port = "554"
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	plain, err := c.cfg.Dial(ctx, "tcp", net.JoinHostPort(c.target.Hostname(), port))
	if err != nil {
		return err
	}
	c.pace = &pacer{Conn: plain}
	c.conn = c.pace
	if secure {
		if c.conn, err = c.cfg.Secure(ctx, c.pace, c.target.Hostname()); err != nil {
			return errors.Join(err, plain.Close())
		}
	}
	c.rest = c.rest[:0]
	return nil
}

// Close says goodbye and closes the connection.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if c.keep != nil {
		c.keep.Stop()
	}
	if c.session != "" {
		// Its answer is not waited for: some cameras send none, and what matters is that they stop sending.
		_ = c.send(&base.Request{Method: base.Teardown, URL: c.base}, goodbyeTimeout)
	}
	_ = c.conn.Close()
}

// Describe asks what the camera can do and what the URL's stream consists of.
func (c *Client) Describe(ctx context.Context) (*sdp.Session, error) {
	for redirects := 0; ; redirects++ {
		res, err := c.do(&base.Request{Method: base.Options, URL: c.target})
		if err != nil {
			return nil, err
		}
		if res.StatusCode == base.StatusUnauthorized || res.StatusCode == base.StatusForbidden {
			return nil, badStatus(res)
		}
		c.getParam = offers(res.Header["Public"], base.GetParameter) // cameras that do not know OPTIONS may know DESCRIBE
		res, err = c.do(&base.Request{Method: base.Describe, URL: c.target, Header: base.Header{"Accept": {"application/sdp"}}})
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode == base.StatusOK:
			return c.describe(res)
		case res.StatusCode < base.StatusMovedPermanently || res.StatusCode > base.StatusUseProxy || len(res.Header["Location"]) != 1:
			return nil, badStatus(res)
		case redirects == maxRedirects:
			return nil, ErrRedirect
		}
		to, err := base.ParseURL(res.Header["Location"][0])
		if err != nil || to.Hostname() != c.target.Hostname() || c.target.Scheme == "rtsps" && to.Scheme != "rtsps" {
			return nil, ErrRedirect
		}
		if err := c.follow(ctx, to.CloneWithoutCredentials()); err != nil {
			return nil, err
		}
	}
}

// follow connects to where a camera has sent us.
func (c *Client) follow(ctx context.Context, to *base.URL) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	_ = c.conn.Close() // nothing was asked of it that could be lost
	c.target, c.session = to, ""
	c.newLogin()
	return c.connect(ctx)
}

// describe reads the answer to DESCRIBE.
func (c *Client) describe(res *base.Response) (*sdp.Session, error) {
	kind := res.Header["Content-Type"]
	if len(kind) != 1 {
		return nil, liberrors.ErrClientContentTypeMissing{}
	}
	if name, _, _ := strings.Cut(kind[0], ";"); !strings.EqualFold(strings.TrimSpace(name), "application/sdp") {
		return nil, liberrors.ErrClientContentTypeUnsupported{CT: kind}
	}
	desc, err := sdp.Read(res.Body, res.Header["Content-Base"], c.target)
	if err != nil {
		return nil, liberrors.ErrClientSDPInvalid{Err: err}
	}
	return desc, nil
}

// Setup asks for a media of the description. Its packets go to the receiver of their payload type.
func (c *Client) Setup(desc *sdp.Session, m *description.Media, receivers ...Receiver) error {
	if m.Profile == headers.TransportProfileSAVP && c.target.Scheme == "rtsps" {
		return ErrSRTP
	}
	u, err := m.URL(desc.BaseURL)
	if err != nil || u == nil {
		return fmt.Errorf("control %q of a media: %w", m.Control, errors.Join(errURL, err))
	}
	c.base = desc.BaseURL
	channel := 2 * len(c.list)
	res, err := c.do(&base.Request{Method: base.Setup, URL: u.CloneWithoutCredentials(), Header: base.Header{
		"Transport": {fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", channel, channel+1)},
	}})
	if err != nil {
		return err
	}
	if res.StatusCode != base.StatusOK {
		return badStatus(res)
	}
	var th headers.Transport
	if err := th.Unmarshal(res.Header["Transport"]); err != nil {
		return fmt.Errorf("transport header: %w", err)
	}
	if th.Protocol != headers.TransportProtocolTCP {
		return liberrors.ErrClientServerRequestedUDP{}
	}
	if ids := th.InterleavedIDs; ids != nil { // the camera may choose others
		channel = ids[0]
	}
	if channel > 254 || c.tracks[channel] != nil || c.tracks[channel+1] != nil {
		return fmt.Errorf("interleaved channel %d: %w", channel, liberrors.ErrClientTransportHeaderInterleavedIDsInUse{})
	}
	t := &track{receivers: receivers, channel: channel}
	c.list = append(c.list, t)
	c.tracks[channel], c.tracks[channel+1] = t, t
	c.known[channel], c.known[channel+1] = true, true
	return nil
}

var errURL = errors.New("not a URL")

// OnRead has before called before the packets of one read are handed out, and after when their memory is about to be used
// again. It is for before Play.
func (c *Client) OnRead(before, after func()) { c.before, c.after = before, after }

// Play asks for packets; some may come before it returns.
func (c *Client) Play() error {
	// Some cameras answer only a PLAY with a range.
	res, err := c.do(&base.Request{Method: base.Play, URL: c.base, Header: base.Header{"Range": {"npt=0.000-"}}})
	if err != nil {
		return err
	}
	if res.StatusCode != base.StatusOK {
		return badStatus(res)
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.pace.start()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.keep = time.AfterFunc(c.keepPeriod(), c.keepAlive)
	}
	return nil
}

// Run reads until the session ends and says why it did.
func (c *Client) Run() error {
	for {
		if err := c.read(); err != nil {
			return err
		}
	}
}

func badStatus(res *base.Response) error {
	return liberrors.ErrClientBadStatusCode{Code: res.StatusCode, Message: res.StatusMessage}
}

// offers tells whether a method is in a Public header.
func offers(public base.HeaderValue, method base.Method) bool {
	for _, v := range public {
		for name := range strings.SplitSeq(v, ",") {
			if base.Method(strings.TrimSpace(name)) == method {
				return true
			}
		}
	}
	return false
}
