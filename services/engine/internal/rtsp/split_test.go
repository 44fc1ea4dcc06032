package rtsp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/pion/rtp"
)

// rtpFrame is an interleaved frame with a packet of n bytes of payload.
func rtpFrame(channel byte, seq uint16, n int) []byte {
	b := []byte{'$', channel, byte((12 + n) >> 8), byte(12 + n), 0x80, 96}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 2)
	return append(b, bytes.Repeat([]byte{'$'}, n)...)
}

const answer = "RTSP/1.0 200 OK\r\nCSeq: 1\r\ncontent-length: 3\r\n\r\nabc"

var splitCases = []struct {
	name string
	in   string
	want []part // what the whole is made of; partial ends it
}{
	{"frames", string(rtpFrame(0, 1, 100)) + string(rtpFrame(9, 1, 0)), []part{frame, frame}},
	{"an empty frame", "$\x00\x00\x00" + string(rtpFrame(0, 1, 5)), []part{frame, frame}},
	{"an answer among frames", string(rtpFrame(0, 1, 10)) + answer + string(rtpFrame(0, 2, 10)), []part{frame, response, frame}},
	{"a request", "OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 7\r\n\r\n" + answer, []part{request, response}},
	{"a request of everything", "GET_PARAMETER * RTSP/1.0\r\n\r\n", []part{request}},
	{"half a frame", string(rtpFrame(0, 1, 10)[:12]), []part{partial}},
	{"half a head", answer[:20], []part{partial}},
	{"half a body", answer[:len(answer)-1], []part{partial}},
	{"the beginning of a version", "RT", []part{partial}},
	{"junk, then a frame", "\x00\x01 bad $\xff$" + string(rtpFrame(1, 1, 30)), []part{junk, frame}},
	{"junk, then an answer", "xxRxRTSx" + answer, []part{junk, response}},
	{"junk that looks like a method", "HELLO world" + answer, []part{junk, response}},
	{"junk only", "no frame here", []part{junk}},
	{"junk with the beginning of an answer", "??RTSP", []part{junk, partial}},
	{"junk with the beginning of a frame", "??$\x00", []part{junk, partial}},
}

// pieces takes bytes apart as the read loop does, giving at most step more each time.
func pieces(t testing.TB, in []byte, step int) (got []part, sizes []int, err error) {
	known := [256]bool{0: true, 1: true}
	for have := min(step, len(in)); ; {
		p, size, err := split(in[:have], &known)
		switch {
		case err != nil:
			return got, sizes, err
		case p == partial && have < len(in):
			have = min(have+step, len(in))
			continue
		case size > have || size <= 0 && p != partial:
			t.Fatalf("part %d of %d bytes out of %d", p, size, have)
		}
		if n := len(got); p == junk && n > 0 && got[n-1] == junk {
			sizes[n-1] += size
		} else if p != partial || have > 0 {
			got, sizes = append(got, p), append(sizes, size)
		}
		if p == partial || size == len(in) {
			return got, sizes, nil
		}
		in = in[size:]
		have = max(min(step, len(in)), have-size)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range splitCases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := pieces(t, []byte(c.in), len(c.in))
			if err != nil || !equal(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func equal(a, b []part) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestMessagesAreBounded(t *testing.T) {
	head := "RTSP/1.0 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHead)
	if _, _, err := pieces(t, []byte(head), 1000); !errors.Is(err, errHead) {
		t.Errorf("endless head: %v", err)
	}
	for _, n := range []string{"65537", "-1", "99999999999999999999", "x"} {
		if _, _, err := pieces(t, []byte("RTSP/1.0 200 OK\r\nContent-Length: "+n+"\r\n\r\n"), 1000); !errors.Is(err, errBody) {
			t.Errorf("body of %s bytes: %v", n, err)
		}
	}
}

// However the bytes come, messages and frames are found where they are. Where junk ends may depend on how it came.
func FuzzSplit(f *testing.F) {
	for _, c := range splitCases {
		f.Add([]byte(c.in), uint16(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint16) {
		whole, sizes, err := pieces(t, in, len(in)+1)
		got, gotSizes, gerr := pieces(t, in, int(step%512)+1)
		for i := 0; i < len(whole) && i < len(got); i++ {
			if whole[i] == junk || got[i] == junk {
				return
			}
			if whole[i] != got[i] || sizes[i] != gotSizes[i] {
				t.Fatalf("part %d is %d of %d bytes, and %d of %d when read in steps", i, whole[i], sizes[i], got[i], gotSizes[i])
			}
		}
		if (err == nil) != (gerr == nil) {
			t.Fatalf("%v, and %v when read in steps", err, gerr)
		}
	})
}

// What we read of a packet is what pion reads.
func FuzzRTP(f *testing.F) {
	for _, p := range []rtp.Packet{
		{Header: rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 7}, Payload: []byte("abc")},
		{Header: rtp.Header{Version: 2, CSRC: []uint32{1, 2, 3}}, Payload: []byte("abc")},
		{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 4}, Payload: []byte("abc")},
		{Header: rtp.Header{Version: 2, Extension: true, ExtensionProfile: 0x1000, Extensions: nil}, Payload: []byte("abc")},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x90\x60\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\xab\xac\x00\x01\x01\x02\x03\x04payload"))
	f.Add([]byte("\x90\x60\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\xff\xd8\x00\x02\x01\x02\x03\x04\x05\x06\x07\x08payload")) // ONVIF's, for JPEG
	f.Add([]byte("\xa0\x60\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := rtp.Packet{Header: rtp.Header{Extension: true, ExtensionProfile: 7, Extensions: make([]rtp.Extension, 1)}} // of the packet before
		if parseRTP(b, &got) != nil {
			return
		}
		var want rtp.Packet
		if want.Unmarshal(b) != nil {
			return // pion is stricter about what extensions hold
		}
		if got.Marker != want.Marker || got.PayloadType != want.PayloadType || got.SequenceNumber != want.SequenceNumber ||
			got.Timestamp != want.Timestamp || got.SSRC != want.SSRC || !bytes.Equal(got.Payload, want.Payload) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		if got.Extension && (got.ExtensionProfile != want.ExtensionProfile || !bytes.Equal(got.GetExtension(0), want.GetExtension(0))) {
			t.Fatalf("extension %+v, want %+v", got.Header, want.Header)
		}
	})
}

func TestRTPThatIsNone(t *testing.T) {
	good := rtpFrame(0, 1, 4)[frameHead:]
	for name, change := range map[string]func([]byte) []byte{
		"version 1":                    func(b []byte) []byte { b[0] = 0x40; return b },
		"short":                        func(b []byte) []byte { return b[:11] },
		"sources beyond its end":       func(b []byte) []byte { b[0] |= 15; return b },
		"an extension beyond its end":  func(b []byte) []byte { b[0] |= 0x10; return b },
		"padding longer than it":       func(b []byte) []byte { b[0] |= 0x20; b[15] = 200; return b },
		"padding of no bytes":          func(b []byte) []byte { b[0] |= 0x20; b[15] = 0; return b },
		"padding that covers its head": func(b []byte) []byte { b[0] |= 0x20; b[15] = 5; return b },
	} {
		var p rtp.Packet
		if err := parseRTP(change(bytes.Clone(good)), &p); !errors.Is(err, errRTP) {
			t.Errorf("%s: %v, payload % x", name, err, p.Payload)
		}
	}
}
