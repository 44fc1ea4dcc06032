package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/rtc"
)

const (
	offerWithin   = 5 * time.Second // from the camera's first frame
	connectWithin = 4 * time.Second
	maxOffer      = 32 << 10
	anewPeriod    = 300 * time.Millisecond // between beginnings with the newest keyframe
)

// errAnew: go on from the newest keyframe.
var errAnew = errors.New("begin with the newest keyframe")

// peer is the WebRTC side of a viewer.
type peer struct {
	endpoint *rtc.Endpoint
	end      context.CancelFunc // of the viewer
	offers   chan string        // one at most
	session  *rtc.Session
	run      *media.Run
	begun    time.Time // when it last began with a keyframe
}

func newPeer(endpoint *rtc.Endpoint, end context.CancelFunc) *peer {
	return &peer{endpoint: endpoint, end: end, offers: make(chan string, 1)}
}

func (p *peer) close() {
	if p.session != nil {
		p.session.Close()
	}
}

// listen takes the client's one message; false when it is none.
func (p *peer) listen(ctx context.Context, conn *websocket.Conn) bool {
	kind, r, err := conn.Reader(ctx)
	if err != nil {
		return true // gone: no fault
	}
	b, err := io.ReadAll(io.LimitReader(r, maxOffer+1024))
	if err != nil {
		return true
	}
	offer, ok := readOffer(b)
	if !ok || kind != websocket.MessageText {
		return false
	}
	p.offers <- offer
	return true
}

// readOffer reads a LiveOffer.
func readOffer(b []byte) (sdp string, ok bool) {
	var m api.LiveOffer
	if json.Unmarshal(b, &m) != nil || m.Type != api.LiveOfferTypeOffer || m.Sdp == "" || len(m.Sdp) > maxOffer {
		return "", false
	}
	return m.Sdp, true
}

// pass sends a frame by WebRTC, opening the session with the first. A *rtc.Refusal has been told to the client.
func (v *viewer) pass(ctx context.Context, f *media.Frame) error {
	p := v.peer
	err := func() error {
		if p.session == nil {
			return v.openSession(ctx, f.Run)
		}
		if f.Run != p.run {
			if err := p.session.SetRun(f.Run); err != nil {
				return err
			}
			p.run = f.Run
		}
		if now := time.Now(); now.Sub(p.begun) > anewPeriod && p.session.KeyframeWanted() {
			p.begun = now
			return errAnew
		}
		return p.session.Send(f)
	}()
	if r := new(rtc.Refusal); errors.As(err, &r) {
		return errors.Join(err, v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeRefused, Reason: r.Reason}))
	}
	return err
}

// openSession answers the offer for a run and waits for the browser. It ends with errAnew: meanwhile time has passed.
func (v *viewer) openSession(ctx context.Context, run *media.Run) error {
	p := v.peer
	var offer string
	select {
	case offer = <-p.offers:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(offerWithin):
		return &rtc.Refusal{Reason: "No offer has come."}
	}
	s, answer, err := p.endpoint.Open(run, offer)
	if err != nil {
		if r := new(rtc.Refusal); !errors.As(err, &r) {
			v.log.Warn("WebRTC session cannot be opened", "err", err)
			err = &rtc.Refusal{Reason: "The appliance cannot open a WebRTC session."}
		}
		return err
	}
	p.session, p.run = s, run
	if err := v.text(ctx, api.LiveMessage{Type: api.LiveMessageTypeAnswer, Sdp: answer}); err != nil {
		return err
	}
	select {
	case <-s.Connected():
	case <-s.Done():
		return &rtc.Refusal{Reason: "The WebRTC connection broke off."}
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(connectWithin):
		return &rtc.Refusal{Reason: fmt.Sprintf("No way by UDP was found within %v: a firewall may be between.", connectWithin)}
	}
	context.AfterFunc(ctx, s.Close)
	go func() {
		<-s.Done()
		p.end()
	}()
	p.begun = time.Now()
	return errAnew
}
