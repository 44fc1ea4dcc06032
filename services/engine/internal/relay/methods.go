package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/internal/answer"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/account"
)

// readyWithin is how long DESCRIBE and SETUP wait for a stream's first frame: it may have to be fetched first.
const readyWithin = 8 * time.Second

// target finds what a request is about, and whether the account may read it. A non-nil answer refuses it.
func (c *conn) target(req *base.Request, row *account.Row) (address, *base.Response) {
	a, err := parseAddress((*url.URL)(req.URL))
	if err != nil {
		return a, refuse(base.StatusNotFound, "No stream has this address; it is rtsp://host/live/camera/stream")
	}
	if !row.May(a.camera, a.recordings, time.Now()) {
		return a, refuse(base.StatusForbidden, "This account may not read this stream")
	}
	return a, nil
}

// unavailable says why a stream cannot be read.
func unavailable(err error) *base.Response {
	if p := new(answer.Problem); errors.As(err, &p) {
		return refuse(base.StatusNotFound, printable(p.Detail.Message))
	}
	return refuse(base.StatusServiceUnavailable, printable(err.Error()))
}

// describe answers DESCRIBE.
func (c *conn) describe(req *base.Request, row *account.Row) *base.Response {
	a, res := c.target(req, row)
	if res != nil {
		return res
	}
	if a.recordings {
		return c.describeRecordings(req, a)
	}
	ctx, cancel := context.WithTimeout(c.ctx, readyWithin)
	defer cancel()
	h, release, err := c.server.enter(a)
	if err != nil {
		return unavailable(err)
	}
	defer release()
	tracks, err := h.ready(ctx)
	if err != nil {
		return unavailable(err)
	}
	body, err := describe((*url.URL)(req.URL), a.camera+" "+a.stream, "npt=now-", tracks)
	if err != nil {
		return unavailable(err)
	}
	return described(req, body)
}

// described is the answer with a session description.
func described(req *base.Request, body []byte) *base.Response {
	root := *req.URL
	root.Path = strings.TrimRight(root.Path, "/") + "/"
	return &base.Response{StatusCode: base.StatusOK, Body: body,
		Header: base.Header{"Content-Type": {"application/sdp"}, "Content-Base": {root.String()}, "Cache-Control": {"no-cache"}}}
}

// ready waits until it is known what the stream consists of.
func (h *hub) ready(ctx context.Context) (tracks [2]*media.Track, err error) {
	for {
		h.mu.Lock()
		fresh, closed := h.fresh, h.closed
		for m, fl := range h.medias {
			if fl != nil {
				t := fl.track
				tracks[m] = &t
			}
		}
		h.mu.Unlock()
		switch {
		case closed:
			return tracks, errGone
		case tracks[0] != nil || tracks[1] != nil:
			return tracks, nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return tracks, h.absent()
		}
	}
}

// setup answers SETUP.
func (c *conn) setup(req *base.Request, row *account.Row) *base.Response {
	a, res := c.target(req, row)
	if res != nil {
		return res
	}
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	switch v := req.Header["Session"]; {
	case len(v) > 0 && (s == nil || !sessionIs(v[0], s.id)):
		return refuse(base.StatusSessionNotFound, "Session not found")
	case s != nil && !s.at.same(a):
		return refuse(base.StatusAggregateOperationNotAllowed, "A session is of one stream")
	case s != nil && s.streams():
		return refuse(base.StatusMethodNotValidInThisState, "The session plays already")
	}
	m := max(0, a.media)
	offers := parseTransports(req.Header["Transport"])
	var chosen *transport
	for i := range offers {
		if o := &offers[i]; chosen == nil && c.offers(o.way) && (s == nil || s.way == o.way) {
			chosen = o
		}
	}
	if chosen == nil {
		return refuse(base.StatusUnsupportedTransport, "None of these transports is offered here; RTP/AVP/TCP always is")
	}
	ctx, cancel := context.WithTimeout(c.ctx, readyWithin)
	defer cancel()
	if s == nil {
		var err error
		if s, err = c.begin(ctx, a, row, chosen.way); err != nil {
			return err.(*refusal).response // begin knows no other
		}
	}
	transport, res := s.setUp(m, *chosen, req)
	if res != nil {
		return res
	}
	s.heard()
	res = &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Transport": {transport}}}
	c.withSession(res)
	return res
}

// offers tells whether a way of transport is offered to this client. Within TLS and tunnels nothing goes around them.
func (c *conn) offers(w way) bool {
	switch w {
	case byTCP:
		return true
	case byUDP:
		return !c.secure && !c.tunnel
	}
	return !c.secure && !c.tunnel && c.server.cfg.Book.Settings().Multicast
}

// refusal is an answer as an error.
type refusal struct{ response *base.Response }

func (r *refusal) Error() string { return r.response.StatusMessage }

// begin begins a session.
func (c *conn) begin(ctx context.Context, a address, row *account.Row, w way) (*session, error) {
	if a.recordings {
		return c.beginReplay(a, row, w)
	}
	s := newSession(c, a, w)
	h, release, err := c.server.enter(a)
	if err != nil {
		return nil, &refusal{unavailable(err)}
	}
	s.hub, s.release = h, release
	if _, err := h.ready(ctx); err != nil {
		release()
		return nil, &refusal{unavailable(err)}
	}
	if why := c.server.admit(c, s, row); why != "" {
		release()
		return nil, &refusal{refuse(base.StatusNotEnoughBandwidth, why)}
	}
	return s, nil
}

// setUp sets one media up and returns the Transport header of the answer. A non-nil answer refuses it.
func (s *session) setUp(m int, t transport, req *base.Request) (string, *base.Response) {
	ssrc, ok := s.source(m)
	if !ok {
		return "", refuse(base.StatusNotFound, "The stream has no such track")
	}
	u := &setup{control: req.URL.CloneWithoutCredentials().String(), channels: t.channels, ports: t.ports}
	var answer string
	switch s.way {
	case byUDP:
		p, err := s.conn.server.udp()
		if err != nil {
			return "", unavailable(err)
		}
		answer = fmt.Sprintf("RTP/AVP;unicast;client_port=%d-%d;server_port=%d-%d;ssrc=%08X", u.ports[0], u.ports[1], p.number, p.number+1, ssrc)
	case byMulticast:
		if s.caster == nil {
			local, _ := s.conn.conn.LocalAddr().(*net.TCPAddr)
			caster, err := s.conn.server.cast(s.hub, local.AddrPort().Addr().Unmap())
			if err != nil {
				return "", unavailable(err)
			}
			s.caster = caster
		}
		port := s.caster.port + 2*m
		answer = fmt.Sprintf("RTP/AVP;multicast;destination=%s;port=%d-%d;ttl=%d;ssrc=%08X", s.caster.group, port, port+1, hops, ssrc)
	default:
		s.interleave(m, u)
		answer = fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d;ssrc=%08X", u.channels[0], u.channels[1], ssrc)
	}
	s.setups[m] = u
	return answer, nil
}

// interleave settles the channels of a media: those that the client wants, or else free ones.
func (s *session) interleave(m int, u *setup) {
	other := s.setups[1-m]
	if u.channels[0] < 0 || other != nil && overlap(u.channels, other.channels) {
		u.channels = [2]int{2 * m, 2*m + 1}
		for other != nil && overlap(u.channels, other.channels) {
			u.channels[0], u.channels[1] = u.channels[0]+2, u.channels[1]+2
		}
	}
}

func overlap(a, b [2]int) bool { return a[0] == b[0] || a[0] == b[1] || a[1] == b[0] || a[1] == b[1] }

// play answers PLAY, and has packets follow the answer.
func (c *conn) play(req *base.Request, row *account.Row) error {
	a, res := c.target(req, row)
	if res == nil {
		res = c.known(req)
	}
	if res != nil {
		c.reply(req, res)
		return nil
	}
	s := c.session
	switch r := req.Header["Range"]; {
	case !s.at.same(a):
		res = refuse(base.StatusAggregateOperationNotAllowed, "The session is of another stream")
	case s.wants() == [2]bool{}:
		res = refuse(base.StatusMethodNotValidInThisState, "Nothing is set up")
	case s.replay != nil:
		return c.playRecordings(req, row, s)
	case len(r) > 0 && strings.Contains(strings.ToLower(r[0]), "clock"):
		res = refuse(base.StatusInvalidRange, "This stream is live; recordings are at /"+recordingsRoot+"/"+a.camera+"/"+a.stream)
	}
	if res != nil {
		c.reply(req, res)
		return nil
	}
	res = &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Range": {"npt=now-"}}}
	fresh := !s.streams()
	if fresh && s.way != byMulticast {
		cur := s.hub.attach(s.wants(), c.waker(s))
		s.cursor.Store(cur)
		if info := s.info(cur); info != "" {
			res.Header["RTP-Info"] = base.HeaderValue{info}
		}
	}
	c.withSession(res)
	c.reply(req, res)
	if !fresh {
		return nil
	}
	if err := s.start(); err != nil {
		return err
	}
	c.log().Info("reads", "account", row.Name, "camera", a.camera, "stream", a.stream, "transport", s.transport(), "agent", c.agent)
	return nil
}

// waker is how a session is told of new frames.
func (c *conn) waker(s *session) func() {
	if s.way == byUDP {
		return s.woken.ring
	}
	return c.out.pump
}

// info is the RTP-Info header (RFC 2326 §12.33) of where a reader begins.
func (s *session) info(cur *cursor) string {
	var list []string
	for m, u := range s.setups {
		if u == nil {
			continue
		}
		if sequence, timestamp, ok := cur.start(m); ok {
			list = append(list, fmt.Sprintf("url=%s;seq=%d;rtptime=%d", u.control, sequence, timestamp))
		}
	}
	return strings.Join(list, ",")
}

// pause answers PAUSE.
func (c *conn) pause(req *base.Request) *base.Response {
	if res := c.known(req); res != nil {
		return res
	}
	c.session.halt()
	res := &base.Response{StatusCode: base.StatusOK}
	c.withSession(res)
	return res
}
