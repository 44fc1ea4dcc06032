package systemapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Paths of the diagnostics (POST), which are there for the SSH service alone and no part of the public API. Ping and trace
// answer with a JSON object a line as it comes, the last one an Ending where something went wrong; a capture is a pcap file,
// followed by trailers.
const (
	PingPath    = "/v1/diagnostics/ping"
	TracePath   = "/v1/diagnostics/trace"
	CapturePath = "/v1/diagnostics/capture"
)

// Trailers of a capture.
const (
	TrailerPackets = "Vigie-Packets" // in the file
	TrailerDropped = "Vigie-Dropped" // that came too fast
	TrailerEnd     = "Vigie-End"     // what ended it: time, size, or the asker
	TrailerProblem = "Vigie-Problem" // a sentence; absent: none
)

// PingRequest asks a host, by name or address, for echoes, one a second.
type PingRequest struct {
	Host  string `json:"host"`
	Count int    `json:"count"`
}

// PingReply is what came of one request.
type PingReply struct {
	Sequence int    `json:"sequence"` // from 1
	Address  string `json:"address"`
	TookUs   int64  `json:"tookUs"`
	Problem  string `json:"problem,omitempty"` // why there is no answer
}

// TraceRequest asks for the routers on the way to a host.
type TraceRequest struct {
	Host string `json:"host"`
}

// Hop is one station on the way.
type Hop struct {
	Number  int    `json:"number"`  // from 1
	Address string `json:"address"` // "": it keeps silent
	TookUs  int64  `json:"tookUs"`
	Reached bool   `json:"reached"` // it is the host itself
	Problem string `json:"problem,omitempty"`
}

// Ending is the last line of a stream that did not end well.
type Ending struct {
	Error string `json:"error"`
}

// CaptureRequest asks for packets of an interface.
type CaptureRequest struct {
	Interface  string `json:"interface"`            // its name
	Host       string `json:"host,omitempty"`       // an address, as sender or receiver
	Port       int    `json:"port,omitempty"`       // of TCP or UDP, at either end
	Protocol   string `json:"protocol,omitempty"`   // tcp, udp, icmp or arp
	ExceptPort int    `json:"exceptPort,omitempty"` // of TCP, at either end
	Seconds    int    `json:"seconds"`
	Bytes      int64  `json:"bytes"` // of the file
}

// CaptureResult is what came of a capture.
type CaptureResult struct {
	Packets, Dropped int64
	End              string
}

// Ping calls each with what came of each request, in order, until all are done, each fails, or ctx ends.
func (c *Client) Ping(ctx context.Context, r PingRequest, each func(PingReply) error) error {
	return stream(ctx, c, PingPath, r, each)
}

// Trace calls each with each station, in order.
func (c *Client) Trace(ctx context.Context, r TraceRequest, each func(Hop) error) error {
	return stream(ctx, c, TracePath, r, each)
}

func stream[T any](ctx context.Context, c *Client, path string, in any, each func(T) error) error {
	resp, err := c.ask.Stream(ctx, http.MethodPost, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var value T
		var ending Ending
		var raw json.RawMessage
		switch err := d.Decode(&raw); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("system: %s: %w", path, err)
		}
		if err := errors.Join(json.Unmarshal(raw, &ending), json.Unmarshal(raw, &value)); err != nil {
			return fmt.Errorf("system: %s: %w", path, err)
		}
		if ending.Error != "" {
			return errors.New(ending.Error)
		}
		if err := each(value); err != nil {
			return err
		}
	}
}

// Capture writes a pcap file to w as packets come.
func (c *Client) Capture(ctx context.Context, r CaptureRequest, w io.Writer) (CaptureResult, error) {
	var out CaptureResult
	resp, err := c.ask.Stream(ctx, http.MethodPost, CapturePath, r)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return out, err
	}
	out.Packets, _ = strconv.ParseInt(resp.Trailer.Get(TrailerPackets), 10, 64)
	out.Dropped, _ = strconv.ParseInt(resp.Trailer.Get(TrailerDropped), 10, 64)
	out.End = resp.Trailer.Get(TrailerEnd)
	if p := resp.Trailer.Get(TrailerProblem); p != "" {
		return out, errors.New(p)
	}
	return out, nil
}
