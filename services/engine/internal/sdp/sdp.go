// Package sdp reads how cameras describe their streams (SDP, RFC 8866, within RTSP, RFC 2326 appendix C), in the way in which
// they really write it.
//
// It owns the way from the text to the medias and formats that gortsplib's client and package ingest work with. That
// library's own reader refuses the whole description for one line that it does not like; here each line, parameter and
// media stands for itself.
//
// Invariants:
//   - One strange media never costs the others: what cannot be used is left out, and Session.Left says why.
//   - A format of a codec that we record is complete: what its decoder needs is there, or it was left out.
//   - What a description promises of the payload is taken for a hint where the payload itself tells (H.264's packetisation
//     mode, where a LATM multiplex has its configuration), and mended where only one meaning is possible.
//   - Nothing that a camera writes makes memory grow past a few times its text.
//
// A Session belongs to who read it.
package sdp

import (
	"errors"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/mikey"
)

// ErrNothing: the text describes no media.
var ErrNothing = errors.New("session description without a media")

const (
	maxMedias  = 32 // of a session that are looked at
	maxFormats = 32 // of a media, ditto
)

// Session is what a camera offers.
type Session struct {
	description.Session // its medias have at least one format each
	// Left are the videos and sounds that cannot be fetched.
	Left []Left

	filters map[*description.Media][]filter
}

// Left is a format that was left out.
type Left struct {
	Kind   description.MediaType // video or audio
	Codec  string                // for people; may be empty
	Reason string                // half a sentence for people: why
}

// Read reads the answer to DESCRIBE of asked, whose header Content-Base, if any, is contentBase.
func Read(text []byte, contentBase base.HeaderValue, asked *base.URL) (*Session, error) {
	session, medias := sections(string(text))
	if len(medias) == 0 {
		return nil, ErrNothing
	}
	s := &Session{filters: make(map[*description.Media][]filter)}
	s.BaseURL = baseOf(session.value("control"), contentBase, asked)
	s.KeyMgmtMikey = keys(session.value("key-mgmt"))
	common := filters(session)
	for _, lines := range medias[:min(len(medias), maxMedias)] {
		m := s.media(lines)
		if m == nil {
			continue
		}
		s.Medias = append(s.Medias, m)
		if own := filters(lines); len(own) > 0 {
			s.filters[m] = own
		} else {
			s.filters[m] = common
		}
	}
	unmarkBackChannels(s.Medias)
	return s, nil
}

// section is a part of a description: its lines, as they begin with "m=" or at the top.
type section []string

// sections cuts a description into the session's part and those of its medias. What is no line of SDP is passed over.
func sections(text string) (session section, medias []section) {
	part := &session
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		if line[0] == 'm' {
			medias = append(medias, nil)
			part = &medias[len(medias)-1]
		}
		*part = append(*part, line)
	}
	return session, medias
}

// attributes calls visit with the value of each attribute of a name; one without a value has an empty one.
func (s section) attributes(name string, visit func(value string)) {
	for _, line := range s {
		if a, ok := strings.CutPrefix(line, "a="); ok {
			if key, value, _ := strings.Cut(a, ":"); strings.EqualFold(strings.TrimSpace(key), name) {
				visit(strings.TrimSpace(value))
			}
		}
	}
}

// value is that of the first attribute of a name.
func (s section) value(name string) (v string) {
	found := false
	s.attributes(name, func(value string) {
		if !found {
			v, found = value, true
		}
	})
	return v
}

func (s section) has(name string) (found bool) {
	s.attributes(name, func(string) { found = true })
	return found
}

// baseOf finds what the medias' controls are relative to (RFC 2326 §C.1.1): the session's own control, the Content-Base,
// or the URL asked for. What cannot be understood is passed over.
func baseOf(control string, contentBase base.HeaderValue, asked *base.URL) *base.URL {
	candidates := []string{control}
	if len(contentBase) == 1 {
		candidates = append(candidates, contentBase[0])
	}
	for _, text := range candidates {
		if strings.HasPrefix(text, "/") {
			text = asked.Scheme + "://" + asked.Host + text
		}
		if u, err := base.ParseURL(text); err == nil && u.Host != "" {
			return u.CloneWithoutCredentials()
		}
	}
	return asked
}

// keys reads key management data (RFC 4567, RFC 3830); nil: there are none that make sense. They may come with the answer
// to SETUP as well.
func keys(value string) *mikey.Message {
	b, ok := decode64(strings.TrimSpace(strings.TrimPrefix(value, "mikey ")))
	if !ok || len(b) == 0 {
		return nil
	}
	m := &mikey.Message{}
	if m.Unmarshal(b) != nil {
		return nil
	}
	return m
}

// unmarkBackChannels: some cameras mark all medias as for talking to them, though they send by them.
func unmarkBackChannels(medias []*description.Media) {
	for _, m := range medias {
		if !m.IsBackChannel {
			return
		}
	}
	for _, m := range medias {
		m.IsBackChannel = false
	}
}
