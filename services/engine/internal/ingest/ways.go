package ingest

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"vigie/internal/api"
)

// way is one manner of reaching a camera.
type way struct {
	transport api.Transport // never auto
	port      string        // instead of the address's; empty: that one
}

// name is the way as StreamState.transport has it.
func (w way) name(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "rtsps" {
		return "tls " + string(w.transport)
	}
	return string(w.transport)
}

// forgetAfter is how many times in a row what worked last may fail before all ways are tried again.
const forgetAfter = 3

// ways are the manners of reaching one camera, and which of them worked last. Not safe for concurrent use.
type ways struct {
	port     string // of the address
	all      []way
	worked   int // index into all; -1: none has
	failures int // of it, in a row
}

// waysTo returns those that a setting allows. Tunnels are mostly found at the web server's port; an address that names
// another port than RTSP's own means that one.
func waysTo(rawURL string, t api.Transport) *ways {
	w := &ways{worked: -1, port: "554"}
	web := "80"
	if u, err := url.Parse(rawURL); err == nil {
		own := w.port
		if u.Scheme == "rtsps" {
			own, web = "322", "443"
		}
		w.port = own
		if p := u.Port(); p != "" && p != own {
			w.port, web = p, p
		}
	}
	tunnel := []way{{transport: api.TransportHTTP}}
	if web != w.port {
		tunnel = []way{{api.TransportHTTP, web}, {transport: api.TransportHTTP}}
	}
	switch t {
	case "", api.TransportAuto:
		w.all = append([]way{{transport: api.TransportTCP}, {transport: api.TransportUDP}}, tunnel...)
	case api.TransportHTTP:
		w.all = tunnel
	default:
		w.all = []way{{transport: t}}
	}
	return w
}

// outcome is how far one way led.
type outcome struct {
	err    error
	came   bool // media came, though perhaps nothing that could be used
	frames bool // frames came
}

// round tries one way after the other until frames came. It begins, and is content, with what worked last. The error is that
// of the way that came nearest.
func (w *ways) round(ctx context.Context, try func(way) outcome) error {
	list := slices.Clone(w.all)
	if w.worked >= 0 && w.failures < forgetAfter {
		list = []way{w.all[w.worked]}
	}
	var best error
	var last outcome
	var tried way
	for n, way := range list {
		if n > 0 && !mayHelp(tried, last, way) {
			continue
		}
		last, tried = try(way), way
		if last.frames {
			w.worked, w.failures = slices.Index(w.all, way), 0
			return last.err
		}
		if ctx.Err() != nil {
			return last.err
		}
		if best == nil || distance(last.err) < distance(best) {
			best = last.err
		}
	}
	if w.failures++; w.failures >= forgetAfter {
		w.worked = -1
	}
	return best
}

// mayHelp tells whether another way could do better than the one before it did.
func mayHelp(before way, seen outcome, next way) bool {
	var f *Fault
	if seen.came || !errors.As(seen.err, &f) {
		return false
	}
	switch f.Code {
	case "transport", "rejected", "stalled", "ended":
		return true
	case "closed", "protocol", "tls", "no_tunnel": // RTSP itself does not get through
		return next.transport == api.TransportHTTP
	case "refused", "timeout": // nor does anything at this port
		return next.transport == api.TransportHTTP && next.port != before.port
	}
	return false // who is not let in, or finds no video, finds none on another way
}

// distance orders faults by how far from a picture they left us.
func distance(err error) int {
	var f *Fault
	if errors.As(err, &f) {
		switch f.Code {
		case "no_tunnel":
			return 2
		case "refused", "timeout", "closed", "protocol", "tls":
			return 1
		}
	}
	return 0
}
