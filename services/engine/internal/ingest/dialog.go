package ingest

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigie/services/engine/internal/login"
	"vigie/services/engine/internal/sdp"
)

const (
	maxLogins    = 2       // times one request is sent again with another login: a nonce may get old between two
	firstOwnCSeq = 1 << 20 // of our keep-alives: the library counts up from 1
)

// dialog is what the library's conversation with a camera lacks: logins by all methods and with nonces that get old, and
// keep-alives by what the camera answers, in time. It sees each request before it is sent and each answer.
type dialog struct {
	login *login.Login // nil: without
	agent string
	write func([]byte) error
	gone  func()        // the camera knows the session no more
	most  time.Duration // between keep-alives

	// Of DESCRIBE and SETUP, while nobody else asks for anything.
	asked  *base.URL
	method base.Method
	desc   *sdp.Session // what the camera offers; nil: it was not understood
	groups *groups      // nil: no multicast

	mu       sync.Mutex
	again    bool  // the last request was refused, and is worth sending again
	unknown  error // no way of logging in is known
	session  string
	timeout  time.Duration
	getParam bool      // the camera knows GET_PARAMETER: keep-alives by it
	base     *base.URL // of the session; nil: it does not play
	cseq     int
	timer    *time.Timer
}

// request completes a request of the library's.
func (d *dialog) request(req *base.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.base != nil && req.Method == base.GetParameter && !d.getParam {
		req.Method = base.Options
	}
	d.method, d.asked = req.Method, req.URL
	if d.groups != nil && req.Method == base.Setup {
		d.groups.request(req)
	}
	d.authorize(req)
}

func (d *dialog) authorize(req *base.Request) {
	if d.login == nil {
		return
	}
	if a := d.login.Authorization(string(req.Method), req.URL.CloneWithoutCredentials().String()); a != "" {
		req.Header["Authorization"] = base.HeaderValue{a}
	}
}

// response takes each answer.
func (d *dialog) response(res *base.Response) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := res.Header["Session"]; ok {
		var h headers.Session
		if h.Unmarshal(v) == nil { // if not, the library says so
			d.session = h.Session
			if h.Timeout != nil && *h.Timeout > 0 {
				d.timeout = time.Duration(min(*h.Timeout, 3600)) * time.Second
			}
		}
	}
	for _, v := range res.Header["Public"] {
		d.getParam = d.getParam || strings.Contains(v, string(base.GetParameter))
	}
	d.again = false
	switch {
	case res.StatusCode == base.StatusUnauthorized && d.login != nil:
		d.again, d.unknown = d.login.Challenge(res.Header["WWW-Authenticate"])
	case res.StatusCode < 300 && d.login != nil:
		d.login.Accepted()
	}
	if d.base == nil {
		d.translate(res)
		return
	}
	switch { // of a keep-alive
	case res.StatusCode < 300:
	case res.StatusCode == base.StatusSessionNotFound:
		d.gone()
	case res.StatusCode == base.StatusUnauthorized:
		if d.again {
			d.keepAlive()
		}
	case d.getParam:
		d.getParam = false
		d.keepAlive()
	}
}

// stub is a description that the library reads without complaint.
const stub = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"

// translate reads what a camera offers in the library's place, which refuses all of it for one media that it does not
// like, and which group it sends to.
func (d *dialog) translate(res *base.Response) {
	switch {
	case res.StatusCode != base.StatusOK:
	case d.method == base.Describe:
		if desc, err := sdp.Read(res.Body, res.Header["Content-Base"], d.asked.CloneWithoutCredentials()); err == nil {
			d.desc, res.Body = desc, []byte(stub)
			delete(res.Header, "Content-Base")
		}
	case d.method == base.Setup && d.groups != nil:
		d.groups.response(res)
	}
}

// ask sends a request of the library's, and again as long as it is refused for want of a login.
func (d *dialog) ask(send func() error) error {
	for tries := 0; ; tries++ {
		err := send()
		var status liberrors.ErrClientBadStatusCode
		if !errors.As(err, &status) || status.Code != base.StatusUnauthorized {
			return err
		}
		d.mu.Lock()
		again, unknown := d.again, d.unknown
		d.mu.Unlock()
		switch {
		case unknown != nil:
			return liberrors.ErrClientAuthSetup{Err: unknown}
		case !again || tries == maxLogins:
			return err
		}
	}
}

// start begins to keep the session of a URL alive; stop ends that.
func (d *dialog) start(base *base.URL) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.base, d.cseq = base, firstOwnCSeq
	d.timer = time.AfterFunc(d.period(), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.base != nil {
			d.keepAlive()
			d.timer.Reset(d.period())
		}
	})
}

func (d *dialog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.base = nil; d.timer != nil {
		d.timer.Stop()
	}
}

// period leaves room for a keep-alive to be lost.
func (d *dialog) period() time.Duration {
	if d.timeout == 0 {
		return d.most
	}
	return min(d.most, max(time.Second, d.timeout/2))
}

// keepAlive tells the camera that the session is wanted (RFC 2326 §10.8), by GET_PARAMETER where it is known, since some
// cameras end sessions in spite of OPTIONS. That nothing can be written shows where the connection is read.
func (d *dialog) keepAlive() {
	d.cseq++
	req := &base.Request{Method: base.Options, URL: d.base, Header: base.Header{
		"CSeq": {strconv.Itoa(d.cseq)}, "User-Agent": {d.agent}, "Session": {d.session},
	}}
	if d.getParam {
		req.Method = base.GetParameter
	}
	d.authorize(req)
	if b, err := req.Marshal(); err == nil {
		_ = d.write(b)
	}
}
