package sdp

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// payload is what a description says of one RTP payload type.
type payload struct {
	kind     description.MediaType
	number   uint8
	name     string // of the encoding, in capitals; empty: unknown
	clock    int    // Hz; 0: not said
	channels int    // 0: not said
	params   map[string]string
}

// media reads a media's part; nil: nothing of it can be used.
func (s *Session) media(lines section) *description.Media {
	fields := strings.Fields(lines[0][2:])
	kind := ""
	if len(fields) > 0 {
		kind = strings.ToLower(fields[0])
	}
	m := &description.Media{Type: description.MediaType(kind), Control: lines.value("control"), Profile: headers.TransportProfileAVP,
		IsBackChannel: lines.has("sendonly"), KeyMgmtMikey: keys(lines.value("key-mgmt"))}
	left := func(codec, reason string) {
		if !m.IsBackChannel && (m.Type == description.MediaTypeVideo || m.Type == description.MediaTypeAudio) {
			s.Left = append(s.Left, Left{m.Type, codec, reason})
		}
	}
	switch {
	case len(fields) < 3:
		left("", "the line that offers it cannot be understood")
		return nil
	case lines.has("inactive"):
		left("", "the camera says that it is switched off")
		return nil
	}
	if u, err := m.URL(s.BaseURL); err != nil || u == nil {
		left("", "its address cannot be understood")
		return nil
	}
	profile := strings.Split(strings.ToUpper(fields[2]), "/")
	if !slices.Contains(profile, "RTP") {
		left("", "it does not come as RTP")
		return nil
	}
	if slices.Contains(profile, "SAVP") || slices.Contains(profile, "SAVPF") {
		m.Profile = headers.TransportProfileSAVP
	}
	seen := make(map[uint8]bool)
	for _, number := range numbers(fields[3:], lines) {
		if seen[number] {
			continue
		}
		seen[number] = true
		p := describe(m.Type, number, lines)
		f, reason := p.format()
		if reason != "" {
			left(p.label(), reason)
			continue
		}
		m.Formats = append(m.Formats, f)
	}
	switch {
	case len(seen) == 0:
		left("", "the camera does not say what it consists of")
		return nil
	case len(m.Formats) == 0:
		return nil
	}
	return m
}

// numbers are the payload types that a media's line names. Where it has something else in their place, they are those that
// are described.
func numbers(fields []string, lines section) (all []uint8) {
	for _, f := range fields[:min(len(fields), maxFormats)] {
		if n, err := strconv.ParseUint(f, 10, 7); err == nil {
			all = append(all, uint8(n))
		}
	}
	if len(all) > 0 {
		return all
	}
	lines.attributes("rtpmap", func(value string) {
		number, _, _ := strings.Cut(value, " ")
		if n, err := strconv.ParseUint(number, 10, 7); err == nil && len(all) < maxFormats {
			all = append(all, uint8(n))
		}
	})
	return all
}

// fixed are the payload types whose meaning needs no description (RFC 3551 §6).
var fixed = map[uint8]payload{
	0: {name: "PCMU", clock: 8000, channels: 1}, 2: {name: "G726-32", clock: 8000}, 3: {name: "GSM", clock: 8000}, 4: {name: "G723", clock: 8000},
	5: {name: "DVI4", clock: 8000}, 8: {name: "PCMA", clock: 8000, channels: 1}, 9: {name: "G722", clock: 8000},
	10: {name: "L16", clock: 44100, channels: 2}, 11: {name: "L16", clock: 44100, channels: 1}, 12: {name: "QCELP", clock: 8000},
	14: {name: "MPA", clock: 90000}, 15: {name: "G728", clock: 8000}, 18: {name: "G729", clock: 8000}, 26: {name: "JPEG", clock: 90000},
	31: {name: "H261", clock: 90000}, 32: {name: "MPV", clock: 90000}, 33: {name: "MP2T", clock: 90000}, 34: {name: "H263", clock: 90000},
}

// describe collects what is said of a payload type. Of the fixed ones of G.711 nothing else than what they mean is
// believed.
func describe(kind description.MediaType, number uint8, lines section) payload {
	p := fixed[number]
	p.kind, p.number, p.params = kind, number, make(map[string]string)
	lines.attributes("rtpmap", func(value string) {
		n, encoding, ok := strings.Cut(value, " ")
		if !ok || n != strconv.Itoa(int(number)) || number == 0 || number == 8 {
			return
		}
		parts := strings.Split(strings.ReplaceAll(encoding, " ", ""), "/")
		p.name, p.clock, p.channels = strings.ToUpper(parts[0]), 0, 0
		if len(parts) > 1 {
			p.clock = count(parts[1])
		}
		if len(parts) > 2 {
			p.channels = count(parts[2])
		}
	})
	lines.attributes("fmtp", func(value string) {
		n, list, ok := strings.Cut(value, " ")
		if !ok || n != strconv.Itoa(int(number)) {
			return
		}
		for item := range strings.SplitSeq(list, ";") {
			key, value, _ := strings.Cut(item, "=")
			if key = strings.ToLower(strings.TrimSpace(key)); key != "" {
				p.params[key] = strings.TrimSpace(value)
			}
		}
	})
	return p
}

// count reads a number that is not negative; 0: it is none.
func count(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// rtpmap is the payload as an attribute would have it.
func (p *payload) rtpmap() string {
	if p.name == "" {
		return ""
	}
	text := p.name + "/" + strconv.Itoa(p.clock)
	if p.channels > 0 {
		text += "/" + strconv.Itoa(p.channels)
	}
	return text
}

// generic is a format that says no more than the payload's name. Formats of which the library has no type, or one that is
// bound to other payload types, are known by it.
func (p *payload) generic() *format.Generic {
	if p.clock == 0 {
		if p.clock = 8000; p.kind == description.MediaTypeVideo {
			p.clock = 90000
		}
	}
	return &format.Generic{PayloadTyp: p.number, RTPMa: p.rtpmap(), FMT: p.params, ClockRat: p.clock}
}

// decode64 reads base64, whose padding some cameras forget.
func decode64(text string) ([]byte, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil
}
