package rtspcam

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

// Quirks are ways in which cameras that work differ from what the standards say, or from what is usual. The zero value
// has none. Each was seen on sold cameras.
type Quirks struct {
	FirstSequence uint16        // sequence number of the first packet
	TickHz        int64         // what video time stamps really count in, although the description says 90 kHz; 0: that
	Jump          time.Duration // every JumpEvery time stamps go this far back, and the next time forth again
	JumpEvery     time.Duration
	Uptime        bool          // sender reports tell the time since the camera was switched on, 10,000 s ago
	GarbageRTCP   bool          // bytes that are no RTCP come on its channel
	Junk          bool          // bytes that belong to nothing come between packets in the RTSP connection
	Extensions    bool          // RTP header extensions and padding
	NoMarker      bool          // no marker bit says where a picture ends
	NoSets        bool          // no parameter sets in the description
	SDP           string        // how the description is put, see sdpQuirks; empty: well
	SecondPPS     bool          // another picture parameter set that no picture uses
	SlowDescribe  time.Duration // how long DESCRIBE takes
	LateAudio     time.Duration // how long after the first reader sound begins
}

// quirks are the named ones, for descriptions of cameras.
func quirks() map[string]Quirks {
	list := map[string]Quirks{
		"sequence-wrap":  {FirstSequence: 65500},
		"milliseconds":   {TickHz: 1000},
		"jumps":          {Jump: 5 * time.Second, JumpEvery: 6 * time.Second},
		"uptime-clock":   {Uptime: true},
		"garbage-rtcp":   {GarbageRTCP: true},
		"junk":           {Junk: true},
		"extensions":     {Extensions: true},
		"no-marker":      {NoMarker: true},
		"no-sets-in-sdp": {NoSets: true},
		"two-pps":        {SecondPPS: true},
		"slow-describe":  {SlowDescribe: 5 * time.Second},
		"late-audio":     {LateAudio: 6 * time.Second},
	}
	for name := range sdpQuirks() {
		list[name] = Quirks{SDP: name}
	}
	return list
}

// QuirkNames lists the names that ParseQuirk knows.
func QuirkNames() []string { return slices.Sorted(maps.Keys(quirks())) }

// ParseQuirk returns the quirk of a name.
func ParseQuirk(name string) (Quirks, error) {
	q, ok := quirks()[name]
	if !ok {
		return Quirks{}, fmt.Errorf("quirk %q: want one of %s", name, strings.Join(QuirkNames(), ", "))
	}
	return q, nil
}

// timestamp is a frame's RTP time: at is its instant, ticks its time in 90 kHz.
func (q Quirks) timestamp(ticks int64, at, start time.Time) uint32 {
	if q.TickHz > 0 {
		ticks = ticks/90000*q.TickHz + ticks%90000*q.TickHz/90000
	}
	if q.JumpEvery > 0 && at.Sub(start)/q.JumpEvery%2 == 1 {
		ticks -= int64(q.Jump.Seconds() * 90000)
	}
	return uint32(ticks)
}

// header changes a packet's header.
func (q Quirks) header(pkt *rtp.Packet) {
	if q.NoMarker {
		pkt.Marker = false
	}
	if !q.Extensions {
		return
	}
	if !pkt.Extension { // once: the packet is used again
		pkt.Extension, pkt.ExtensionProfile = true, rtp.ExtensionProfileOneByte // RFC 8285 §4.2
		if err := pkt.SetExtension(1, []byte{1, 2, 3}); err != nil {
			panic(fmt.Sprintf("header extension: %v", err))
		}
	}
	pkt.Padding, pkt.PaddingSize = true, 4
}

// describe changes what a description says of the video.
func (q Quirks) describe(f format.Format) format.Format {
	if !q.NoSets {
		return f
	}
	switch f := f.(type) {
	case *format.H264:
		f.SPS, f.PPS = nil, nil
	case *format.H265:
		f.VPS, f.SPS, f.PPS = nil, nil, nil
	}
	return f
}

// secondPPS makes an H.264 picture parameter set of id 1 of one of id 0 (ITU-T H.264 §7.3.2.2): its first bit, the id as
// ue(v), becomes 010.
func secondPPS(pps []byte) []byte {
	if len(pps) < 2 || pps[1]&0x80 == 0 {
		return nil
	}
	var bits []bool
	for _, b := range pps[1:] {
		for i := 7; i >= 0; i-- {
			bits = append(bits, b>>i&1 == 1)
		}
	}
	for len(bits) > 0 && !bits[len(bits)-1] { // zeros behind the stop bit
		bits = bits[:len(bits)-1]
	}
	bits = append([]bool{false, true, false}, bits[1:]...)
	out := []byte{pps[0]}
	for i := 0; i < len(bits); i += 8 {
		var b byte
		for j := range 8 {
			b <<= 1
			if i+j < len(bits) && bits[i+j] {
				b |= 1
			}
		}
		out = append(out, b)
	}
	return out
}

// wire is a connection to a reader on which bytes can go astray.
type wire struct {
	net.Conn
	quirks atomic.Pointer[Quirks]
	dark   atomic.Bool // nothing goes through any more, and nobody is told
	frames atomic.Int64
}

// quirkEvery is after how many packets something comes that should not.
const quirkEvery = 50

// Write sends what the RTSP server has: an answer, or one packet behind a '$' (RFC 2326 §10.12).
func (w *wire) Write(b []byte) (int, error) {
	if w.dark.Load() {
		return len(b), nil
	}
	q := w.quirks.Load()
	if q == nil || len(b) < 4 || b[0] != '$' {
		return w.Conn.Write(b)
	}
	if w.frames.Add(1)%quirkEvery != 0 {
		return w.Conn.Write(b)
	}
	var extra []byte
	if q.Junk {
		extra = append(extra, "\r\n\x00\x00junk\xff\xfe"...)
	}
	if q.GarbageRTCP {
		extra = append(extra, '$', b[1]|1, 0, 16)
		for range 16 {
			extra = append(extra, byte(rand.Uint32()))
		}
	}
	if _, err := w.Conn.Write(append(extra, b...)); err != nil { // in one piece: answers are written by another goroutine
		return 0, err
	}
	return len(b), nil
}

// Read takes what a reader says; in the dark nothing more comes.
func (w *wire) Read(b []byte) (int, error) {
	for {
		n, err := w.Conn.Read(b)
		if err != nil || !w.dark.Load() {
			return n, err
		}
	}
}

// wires makes a wire of each connection.
type wires struct{ net.Listener }

func (l wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c}, nil
}
