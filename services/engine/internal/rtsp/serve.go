package rtsp

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// Kind is what the bytes that a client sent begin with.
type Kind int

// Kinds.
const (
	Incomplete  Kind = iota // not known yet: more bytes are needed
	Interleaved             // a frame: FrameHead bytes of head, then RTP or RTCP
	Request
)

// FrameHead is the length of an interleaved frame's head: '$', channel, length (RFC 2326 §10.12).
const FrameHead = frameHead

// MaxMessage is the longest message that is taken, in bytes.
const MaxMessage = maxHead + maxBody

// ErrRequest: what a client sent is neither a frame nor a request.
var ErrRequest = errors.New("not a request of RTSP")

// Next is for servers: what b begins with, and how long it is. Clients are held to the letter, unlike cameras: nothing is
// skipped.
func Next(b []byte) (Kind, int, error) {
	p, size, err := split(b, &[256]bool{})
	switch {
	case err != nil:
		return Incomplete, 0, err
	case p == frame:
		return Interleaved, size, nil
	case p == request:
		return Request, size, nil
	case p == partial:
		return Incomplete, 0, nil
	}
	return Incomplete, 0, ErrRequest
}

// ReadRequest reads a whole request, as Next tells of one.
func ReadRequest(b []byte) (*base.Request, error) {
	r := bytes.NewReader(b)
	buffered := bufio.NewReader(r)
	req := &base.Request{}
	if err := req.Unmarshal(buffered); err != nil {
		return nil, errors.Join(ErrRequest, err)
	}
	if _, err := buffered.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, ErrRequest
	}
	return req, nil
}
