package relay

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/internal/answer"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/relay/account"
)

// maxReplays bounds the sessions of recordings: each reads a file of its own, beside what is being recorded.
const maxReplays = 32

var errNothing = errors.New("nothing of this stream is recorded")

// strip is what there is of a camera's recordings, and what they consist of where a client begins.
type strip struct {
	firstMs, lastMs int64
	originNs        int64 // where the client begins, as the address says: play time counts from here
	tracks          [2]*media.Track
}

// strip finds it.
func (s *Server) strip(a address) (strip, error) {
	p := strip{}
	if s.cfg.Archive == nil {
		return p, answer.Refuse(http.StatusNotFound, "no_recordings", "Recordings are not offered")
	}
	var found bool
	var err error
	if p.firstMs, p.lastMs, found, err = s.cfg.Archive.Bounds(a.camera); err != nil {
		return p, err
	}
	if !found {
		return p, answer.Refuse(http.StatusNotFound, "no_footage", errNothing.Error())
	}
	p.originNs = p.firstMs * int64(time.Millisecond)
	if text := a.query.Get("from"); text != "" {
		if p.originNs, err = parseClock(text); err != nil {
			return p, answer.Refuse(http.StatusNotFound, "bad_time", "from is an instant like 20260131T235959Z")
		}
	}
	p.tracks, err = s.tracksAt(a, ms(p.originNs))
	return p, err
}

// tracksAt is what a stream's recordings consist of at an instant, or after it, or before.
func (s *Server) tracksAt(a address, atMs int64) (tracks [2]*media.Track, err error) {
	list, err := s.cfg.Archive.Next(a.camera, a.stream, atMs, lookahead)
	if err != nil {
		return tracks, err
	}
	before, err := s.cfg.Archive.Previous(a.camera, a.stream, math.MaxInt64/int64(time.Millisecond), lookahead)
	if err != nil {
		return tracks, err
	}
	for _, f := range append(list, before...) {
		file, err := s.cfg.Archive.Open(f.ID)
		if err != nil {
			continue // another will do
		}
		film, err := mkv.Open(file, file.Size())
		_ = file.Close()
		if err != nil {
			continue
		}
		run := film.Run()
		for i := range run.Tracks {
			m := 1
			if run.Tracks[i].Codec.IsVideo() {
				m = 0
			}
			if tracks[m] == nil {
				tracks[m] = &run.Tracks[i]
			}
		}
		return tracks, nil
	}
	return tracks, answer.Refuse(http.StatusNotFound, "no_footage", errNothing.Error())
}

// describeRecordings answers DESCRIBE.
func (c *conn) describeRecordings(req *base.Request, a address) *base.Response {
	p, err := c.server.strip(a)
	if err != nil {
		return unavailable(err)
	}
	span := "clock=" + clockText(p.firstMs*int64(time.Millisecond)) + "-" + clockText(p.lastMs*int64(time.Millisecond))
	body, err := describe((*url.URL)(req.URL), a.camera+" "+a.stream, span, p.tracks)
	if err != nil {
		return unavailable(err)
	}
	return described(req, body)
}

// beginReplay begins a session of recordings.
func (c *conn) beginReplay(a address, row *account.Row, w way) (*session, error) {
	if w == byMulticast {
		return nil, &refusal{refuse(base.StatusUnsupportedTransport, "Recordings are not sent by multicast")}
	}
	p, err := c.server.strip(a)
	if err != nil {
		return nil, &refusal{unavailable(err)}
	}
	s := newSession(c, a, w)
	s.release = func() {}
	s.replay = newReplay(c.server.cfg.Archive, a, p.tracks, p.originNs)
	if why := c.server.admit(c, s, row); why != "" {
		return nil, &refusal{refuse(base.StatusNotEnoughBandwidth, why)}
	}
	return s, nil
}

// order reads what a PLAY asks for. A non-nil answer refuses it.
func (s *session) order(req *base.Request) (order, *base.Response) {
	o := order{scale: 1, paced: true}
	head := func(name string) string { return strings.TrimSpace(strings.Join(req.Header[name], ",")) }
	if text := head("Scale"); text != "" {
		var ok bool
		if o.scale, ok = parseScale(text); !ok {
			return o, refuse(base.StatusBadRequest, fmt.Sprintf("Scale is a number from 1/16 to %d, or the same backwards", fastest))
		}
	}
	switch strings.ToLower(head("Rate-Control")) {
	case "", "yes":
	case "no":
		o.paced = false
	default:
		return o, refuse(base.StatusBadRequest, "Rate-Control is yes or no")
	}
	o.keys = o.scale > allUpTo || o.scale < -1
	switch frames, _, _ := strings.Cut(strings.ToLower(head("Frames")), "/"); frames {
	case "", "all", "predicted":
	case "intra":
		o.keys = true
	default:
		return o, refuse(base.StatusBadRequest, "Frames is all, predicted or intra")
	}
	o.onvif = strings.EqualFold(head("Require"), featureReplay)
	if seq, err := strconv.ParseUint(head("CSeq"), 10, 64); err == nil {
		o.sequence = byte(seq)
	}
	return o, s.place(&o, head("Range"))
}

// place settles from where to where an order goes.
func (s *session) place(o *order, header string) *base.Response {
	p := s.replay
	first, last, found, err := p.archive.Bounds(p.camera)
	if err != nil || !found {
		return unavailable(errors.Join(errNothing, err))
	}
	firstNs, lastNs := first*int64(time.Millisecond), last*int64(time.Millisecond)
	o.fromNs = p.position()
	switch {
	case o.fromNs == 0 && o.scale < 0:
		o.fromNs = lastNs
	case o.fromNs == 0:
		o.fromNs = p.originNs
	}
	if header != "" {
		r, err := parseSpan(header)
		if err != nil {
			return refuse(base.StatusInvalidRange, err.Error())
		}
		origin := p.originNs
		if r.clock {
			origin = 0
		}
		switch {
		case r.now:
			o.fromNs = lastNs
		case r.from >= 0 && (r.clock || r.from > 0 || p.position() == 0 || s.streams()):
			o.fromNs = origin + r.from
		}
		if r.to >= 0 {
			o.toNs = origin + r.to
		}
	}
	backwards := o.scale < 0
	switch {
	case !backwards && o.fromNs >= lastNs, backwards && o.fromNs <= firstNs:
		return refuse(base.StatusInvalidRange, "Nothing is recorded there; recordings are from "+clockText(firstNs)+" to "+clockText(lastNs))
	case o.toNs > 0 && !backwards && o.toNs <= o.fromNs, o.toNs > 0 && backwards && o.toNs >= o.fromNs:
		return refuse(base.StatusInvalidRange, "The range ends before it begins")
	}
	return nil
}

// playRecordings answers PLAY: from the beginning, on after a pause, or from another place or at another speed.
func (c *conn) playRecordings(req *base.Request, row *account.Row, s *session) error {
	o, res := s.order(req)
	if res != nil {
		c.reply(req, res)
		return nil
	}
	fresh := !s.streams()
	if len(req.Header["Range"]) == 0 && len(req.Header["Scale"]) == 0 && !fresh { // asks whether we are there
		res = &base.Response{StatusCode: base.StatusOK}
		c.withSession(res)
		c.reply(req, res)
		return nil
	}
	s.halt()
	to := ""
	if o.toNs > 0 {
		to = clockText(o.toNs)
	}
	res = &base.Response{StatusCode: base.StatusOK, Header: base.Header{
		"Range": {"clock=" + clockText(o.fromNs) + "-" + to}, "Scale": {fmt.Sprintf("%g", o.scale)}}}
	if info := s.replay.info(s.setups); info != "" {
		res.Header["RTP-Info"] = base.HeaderValue{info}
	}
	c.withSession(res)
	c.reply(req, res)
	if err := s.startReplay(o); err != nil {
		return err
	}
	if fresh {
		c.log().Info("reads recordings", "account", row.Name, "camera", s.at.camera, "stream", s.at.stream, "transport", s.transport(), "agent", c.agent,
			"from", clockText(o.fromNs), "scale", o.scale)
	}
	return nil
}
