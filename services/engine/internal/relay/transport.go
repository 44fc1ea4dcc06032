package relay

import (
	"strconv"
	"strings"
)

// way is how a session gets its packets.
type way int

const (
	byTCP way = iota // within the RTSP connection
	byUDP
	byMulticast
)

func (w way) String() string { return [...]string{"tcp", "udp", "multicast"}[w] }

// transport is one of the ways that a client offers in a Transport header (RFC 2326 §12.39).
type transport struct {
	way      way
	channels [2]int // TCP; -1: the client does not care
	ports    [2]int // UDP: the client's for RTP and RTCP
}

// maxTransports bounds what is looked at of a Transport header.
const maxTransports = 16

// parseTransports reads Transport headers, in the client's order of preference. What is not offered here (SRTP, recording)
// or makes no sense is passed over: a client may offer it beside other ways.
func parseTransports(headers []string) (list []transport) {
	for _, h := range headers {
		for one := range strings.SplitSeq(h, ",") {
			if t, ok := parseTransport(one); ok && len(list) < maxTransports {
				list = append(list, t)
			}
		}
	}
	return list
}

func parseTransport(text string) (transport, bool) {
	t := transport{channels: [2]int{-1, -1}}
	profile, rest, _ := strings.Cut(text, ";")
	switch strings.ToUpper(strings.TrimSpace(profile)) {
	case "RTP/AVP/TCP":
	case "RTP/AVP", "RTP/AVP/UDP":
		t.way = byMulticast // unless it is said (RFC 2326 §12.39)
	default:
		return t, false
	}
	ports := false
	for p := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		ok := true
		switch strings.ToLower(name) {
		case "unicast":
			if t.way == byMulticast {
				t.way = byUDP
			}
		case "multicast":
			if t.way == byTCP {
				return t, false
			}
		case "client_port":
			t.ports, ok = parsePair(value, 65535)
			ports = true
			if t.way == byMulticast { // some clients leave unicast out
				t.way = byUDP
			}
		case "interleaved":
			t.channels, ok = parsePair(value, 255)
		case "mode":
			mode := strings.ToLower(strings.Trim(value, `"`))
			ok = mode == "play" || mode == ""
		}
		if !ok {
			return t, false
		}
	}
	if t.way == byUDP && (!ports || t.ports[0] < lowestPort || t.ports[1] < lowestPort) {
		return t, false
	}
	return t, true
}

// parsePair reads "a-b", or "a" for a and a+1.
func parsePair(text string, most int) (pair [2]int, ok bool) {
	first, second, two := strings.Cut(text, "-")
	a, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	if err != nil {
		return pair, false
	}
	b := a + 1
	if two {
		if b, err = strconv.ParseUint(strings.TrimSpace(second), 10, 16); err != nil {
			return pair, false
		}
	}
	if a > uint64(most) || b > uint64(most) || a == b {
		return pair, false
	}
	return [2]int{int(a), int(b)}, true
}
