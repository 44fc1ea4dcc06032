package relay

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"

	"vigie/services/engine/internal/rtsp"
)

// transports are Transport headers and what is understood of them.
var transports = []struct {
	text string
	want []transport
}{
	{"RTP/AVP/TCP;unicast;interleaved=0-1", []transport{{way: byTCP, channels: [2]int{0, 1}}}},
	{"RTP/AVP/TCP", []transport{{way: byTCP, channels: [2]int{-1, -1}}}},
	{"RTP/AVP;unicast;client_port=5000-5001", []transport{{way: byUDP, channels: [2]int{-1, -1}, ports: [2]int{5000, 5001}}}},
	{"rtp/avp/udp; unicast; client_port=5000", []transport{{way: byUDP, channels: [2]int{-1, -1}, ports: [2]int{5000, 5001}}}},
	{"RTP/AVP;client_port=5000-5001", []transport{{way: byUDP, channels: [2]int{-1, -1}, ports: [2]int{5000, 5001}}}},
	{"RTP/AVP;multicast", []transport{{way: byMulticast, channels: [2]int{-1, -1}}}},
	{"RTP/AVP", []transport{{way: byMulticast, channels: [2]int{-1, -1}}}},
	{"RTP/SAVP;unicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=2-3;mode=\"PLAY\"", []transport{{way: byTCP, channels: [2]int{2, 3}}}},
	{"RTP/AVP;unicast", nil},
	{"RTP/AVP;unicast;client_port=22-23", nil},
	{"RTP/AVP;unicast;client_port=70000-70001", nil},
	{"RTP/AVP/TCP;interleaved=255-256", nil},
	{"RTP/AVP/TCP;interleaved=1-1", nil},
	{"RTP/AVP/TCP;multicast", nil},
	{"RTP/AVP/TCP;mode=record", nil},
	{"", nil},
	{";;;,,,==", nil},
}

func TestTransports(t *testing.T) {
	for _, c := range transports {
		got := parseTransports([]string{c.text})
		if len(got) != len(c.want) {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: %+v, want %+v", c.text, got[i], c.want[i])
			}
		}
	}
}

func FuzzTransports(f *testing.F) {
	for _, c := range transports {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, o := range parseTransports([]string{text}) {
			if o.way == byUDP && (o.ports[0] < lowestPort || o.ports[1] < lowestPort || o.ports[1] > 65535) {
				t.Errorf("%q: ports %v", text, o.ports)
			}
			if o.channels[0] > 255 || o.channels[1] > 255 || o.channels[0] >= 0 && o.channels[0] == o.channels[1] {
				t.Errorf("%q: channels %v", text, o.channels)
			}
		}
	})
}

// spansAsked are Range headers.
var spansAsked = []struct {
	text string
	want span
	bad  bool
}{
	{text: "clock=20260131T235959Z-", want: span{clock: true, from: 1769903999_000_000_000, to: -1}},
	{text: "clock=20260131T235959.25Z-20260201T000000Z;time=20260131T235959Z", want: span{clock: true, from: 1769903999_250_000_000, to: 1769904000_000_000_000}},
	{text: "clock=-20260201T000000Z", want: span{clock: true, from: -1, to: 1769904000_000_000_000}},
	{text: "npt=0.000-", want: span{from: 0, to: -1}},
	{text: "npt=now-", want: span{from: -1, to: -1, now: true}},
	{text: " npt = 1:02:03.5 - 3725 ", want: span{from: 3723_500_000_000, to: 3725_000_000_000}},
	{text: "npt=-", bad: true},
	{text: "clock=now-", bad: true},
	{text: "clock=20261331T235959Z-", bad: true},
	{text: "clock=18000101T000000Z-", bad: true},
	{text: "smpte=10:07:00-", bad: true},
	{text: "npt=NaN-", bad: true},
	{text: "npt=1e300-", bad: true},
	{text: "npt=-5-", bad: true},
	{text: "", bad: true},
}

func TestRanges(t *testing.T) {
	for _, c := range spansAsked {
		if got, err := parseSpan(c.text); (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, c := range spansAsked {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSpan(text)
		if err == nil && (s.from < -1 || s.to < -1) {
			t.Errorf("%q: %+v", text, s)
		}
		if v, ok := parseScale(text); ok && (v == 0 || v > fastest || v < -fastest) {
			t.Errorf("%q: scale %v", text, v)
		}
	})
}

// requests are what clients send.
var requests = []string{
	"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
	"DESCRIBE rtsp://host/live/k3f9x2ab/main RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
	"SETUP rtsp://host/live/k3f9x2ab/main?x=y/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP\r\n\r\n",
	"PLAY rtsp://host/recordings/k3f9x2ab/main/trackID=1?from=20260131T000000Z RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 3\r\n\r\nabc",
	"$\x00\x00\x04abcdOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
	"GET /x HTTP/1.0\r\n\r\n",
	"DESCRIBE rtsp://host/live/../.. RTSP/1.0\r\n\r\n",
}

func FuzzRequest(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			kind, size, err := rtsp.Next(b)
			if err != nil || kind == rtsp.Incomplete {
				return
			}
			if size <= 0 || size > len(b) {
				t.Fatalf("%q: size %d", b, size)
			}
			if kind == rtsp.Request {
				req, err := rtsp.ReadRequest(b[:size])
				if err != nil {
					return
				}
				if a, err := parseAddress((*url.URL)(req.URL)); err == nil && (!plain(a.camera) || !plain(a.stream) || a.media > 1) {
					t.Errorf("%q: %+v", b, a)
				}
				parseTransports(req.Header["Transport"])
			}
			b = b[size:]
		}
	})
}

func FuzzTunnel(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(base64.StdEncoding.EncodeToString([]byte(r))))
	}
	f.Add([]byte("T1BU\r\nSU9OUw==UExBWQ=="))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := io.ReadAll(&unbase{r: bytes.NewReader(b)})
		if err == nil && len(out) > len(b) {
			t.Errorf("%q gives %q", b, out)
		}
	})
}

func TestEachMessageInATunnelIsBase64ByItself(t *testing.T) {
	var sent strings.Builder
	for _, r := range requests {
		sent.WriteString(base64.StdEncoding.EncodeToString([]byte(r)) + "\r\n")
	}
	got, err := io.ReadAll(&unbase{r: strings.NewReader(sent.String())})
	if want := strings.Join(requests, ""); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}
