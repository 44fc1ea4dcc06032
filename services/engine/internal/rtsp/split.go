package rtsp

import (
	"bytes"
	"errors"
	"strconv"
)

const (
	maxHead = 32 << 10 // of a message, in bytes
	maxBody = 64 << 10 // the longest session description taken
	maxJunk = 64 << 10 // skipped in a row before the session ends

	frameHead = 4 // '$', channel, length (RFC 2326 §10.12)
	rtpHead   = 12
	maxMethod = 24 // letters in a request's method
)

// part is what stands at the beginning of some bytes.
type part int

const (
	partial  part = iota // not known yet: more bytes are needed
	frame                // an interleaved frame
	response             //
	request              // of the camera's
	junk                 // none of these
)

var (
	errHead = errors.New("RTSP message with an endless head")
	errBody = errors.New("RTSP message with a body too large")
)

// split tells what b begins with and how long it is; with partial it is 0. known tells which channels are in use: it
// decides what is believed after junk, never what is a frame where one is due.
func split(b []byte, known *[256]bool) (p part, size int, err error) {
	if len(b) == 0 {
		return partial, 0, nil
	}
	if b[0] == '$' {
		if len(b) < frameHead {
			return partial, 0, nil
		}
		size = frameHead + int(b[2])<<8 + int(b[3])
		if len(b) < size {
			return partial, 0, nil
		}
		return frame, size, nil
	}
	switch p = message(b); p {
	case junk:
		return junk, resync(b, known), nil
	case partial:
		return partial, 0, nil
	}
	end := bytes.Index(b[:min(len(b), maxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= maxHead {
			return 0, 0, errHead
		}
		return partial, 0, nil
	}
	size = end + 4
	body, err := contentLength(b[:end])
	if err != nil {
		return 0, 0, err
	}
	if size += body; len(b) < size {
		return partial, 0, nil
	}
	return p, size, nil
}

// message tells whether a message begins here: response, request, junk, or partial when that cannot be told yet.
func message(b []byte) part {
	const version = "RTSP/"
	n := min(len(b), len(version))
	if string(b[:n]) == version[:n] {
		if n < len(version) {
			return partial
		}
		return response
	}
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z' || c == '_':
			if i >= maxMethod {
				return junk
			}
		case c == ' ' && i >= 4:
			return uri(b[i+1:])
		default:
			return junk
		}
	}
	return partial
}

// uri tells a request, whose method is followed by a URI, from text that looks like a method.
func uri(b []byte) part {
	for _, scheme := range []string{"rtsp", "*", "/"} {
		n := min(len(b), len(scheme))
		if string(b[:n]) == scheme[:n] {
			if n < len(scheme) {
				return partial
			}
			return request
		}
	}
	return junk
}

// contentLength finds a message's body length in its head.
func contentLength(head []byte) (int, error) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(name), []byte("Content-Length")) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
		if err != nil || n > maxBody {
			return 0, errBody
		}
		return int(n), nil
	}
	return 0, nil
}

// resync returns how many bytes to skip to where something that is understood may begin; at least one.
func resync(b []byte, known *[256]bool) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '$':
			if plausible(b[i:], known) {
				return i
			}
		case 'R':
			if p := message(b[i:]); p == response || p == partial && len(b)-i < 5 {
				return i
			}
		}
	}
	return len(b)
}

// plausible tells whether a frame begins here, as far as can be seen.
func plausible(b []byte, known *[256]bool) bool {
	if len(b) > 1 && !known[b[1]] {
		return false
	}
	if len(b) <= frameHead {
		return true
	}
	size := frameHead + int(b[2])<<8 + int(b[3])
	if size < frameHead+4 || b[4]>>6 != 2 { // RTP and RTCP both begin with their version
		return false
	}
	return len(b) <= size || b[size] == '$' || b[size] == 'R'
}
