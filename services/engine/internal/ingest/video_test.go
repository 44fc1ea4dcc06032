package ingest

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

// pack makes the RTP packets of a clip.
func pack(t testing.TB, f format.Format, v *cameratest.Video) [][]*rtp.Packet {
	t.Helper()
	var encode func([][]byte) ([]*rtp.Packet, error)
	switch f := f.(type) {
	case *format.H264:
		e, err := f.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		encode = e.Encode
	case *format.H265:
		e, err := f.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		encode = e.Encode
	}
	var out [][]*rtp.Packet
	for _, u := range v.Units {
		packets, err := encode(u.NALUs)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			p.Timestamp = uint32(u.PTS)
		}
		out = append(out, packets)
	}
	return out
}

func TestUnitsWithoutMarkerEndWithTheNextTime(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 30, Slices: 2})
	f := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	v, err := newVideo(f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, packets := range pack(t, f, clip) {
		for _, p := range packets {
			p.Marker = false
			v.packet(p, 0, func(u unit) {
				if u.pts != clip.Units[n].PTS || string(u.payload) != string(avcc(media.H264, clip.Units[n].NALUs)) {
					t.Fatalf("unit %d: time %d, want %d, or other bytes", n, u.pts, clip.Units[n].PTS)
				}
				n++
			})
		}
	}
	if n != 29 || v.lost != 0 {
		t.Errorf("%d units, %d lost; want all but the last", n, v.lost)
	}
}

func TestParameterSetsSentOnTheirOwnJoinThePicture(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 10})
	f := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	v, err := newVideo(f)
	if err != nil {
		t.Fatal(err)
	}
	first := clip.Units[0].NALUs
	for i, au := range [][][]byte{first[:2], first[2:]} {
		u, ok := v.unit(au, avcc(media.H264, au), 1000, 0)
		if ok != (i == 1) {
			t.Fatalf("part %d: %v", i, ok)
		}
		if ok && string(u.payload) != string(avcc(media.H264, first)) {
			t.Error("the parameter sets are not in the keyframe")
		}
	}
}

func TestDelimitersAndFillerAreLeftOut(t *testing.T) {
	got := avcc(media.H264, [][]byte{{9, 0xf0}, {0x65, 0x88}, {12, 0xff, 0xff}})
	if string(got) != "\x00\x00\x00\x02\x65\x88" {
		t.Errorf("% x", got)
	}
	got = avcc(media.H265, [][]byte{{35 << 1, 1, 0x50}, {19 << 1, 1, 0x80}, {38 << 1, 1, 0xff}})
	if string(got) != "\x00\x00\x00\x03\x26\x01\x80" {
		t.Errorf("% x", got)
	}
}

func TestSequence(t *testing.T) {
	var s sequence
	for _, c := range []struct {
		seq    uint16
		ssrc   uint32
		lost   int64
		broken bool
	}{{65534, 1, 0, false}, {65535, 1, 0, false}, {0, 1, 0, false}, {3, 1, 2, true}, {4, 1, 0, false}, {4, 1, 0, true}, {5, 1, 0, false}, {6, 2, 0, true}, {7, 2, 0, false}} {
		if lost, broken := s.lost(c.seq, c.ssrc); lost != c.lost || broken != c.broken {
			t.Errorf("packet %d of %d: %d, %v", c.seq, c.ssrc, lost, broken)
		}
	}
}

// Whatever a camera sends, what comes out is sound: a keyframe first, whole NAL units, growing decode times.
func FuzzVideo(f *testing.F) {
	clips := map[bool]*cameratest.Video{false: cameratest.EncodeVideo(f, cameratest.VideoOptions{Frames: 6, GOP: 3, BFrames: 1, Size: "64x64"}),
		true: cameratest.EncodeVideo(f, cameratest.VideoOptions{Codec: media.H265, Frames: 6, GOP: 3, Size: "64x64"})}
	formats := func(h265 bool) format.Format {
		if h265 {
			return &format.H265{PayloadTyp: 96}
		}
		return &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	}
	for h265, clip := range clips {
		var data []byte
		for _, packets := range pack(f, formats(h265), clip) {
			for _, p := range packets {
				flags := byte(0)
				if p.Marker {
					flags = 1
				}
				data = append(data, flags, byte(p.Timestamp/3600))
				data = append(binary.BigEndian.AppendUint16(data, uint16(len(p.Payload))), p.Payload...)
			}
		}
		f.Add(h265, data)
	}
	f.Fuzz(func(t *testing.T, h265 bool, data []byte) {
		data = bytes.Clone(data)
		v, err := newVideo(formats(h265))
		if err != nil {
			t.Fatal(err)
		}
		var out []*media.Frame
		now := time.Duration(0)
		s := newStamper("k3f9x2ab", "main", &clockMemory{}, func() (time.Time, time.Duration) { return time.Unix(1_795_000_000, 0).Add(now), now },
			func(f *media.Frame) { out = append(out, f) })
		// A packet is: flags (1 marker, 2 one was lost before, 4 other source, 8 end of a read), time in frames, length, payload.
		for seq := uint16(0); len(data) >= 4; seq++ {
			flags, ts, n := data[0], data[1], min(int(binary.BigEndian.Uint16(data[2:])), len(data)-4)
			if flags&2 != 0 {
				seq++
			}
			now += 10 * time.Millisecond
			p := &rtp.Packet{Header: rtp.Header{Marker: flags&1 != 0, SequenceNumber: seq, Timestamp: uint32(ts) * 3600, SSRC: uint32(flags & 4)}, Payload: data[4 : 4+n]}
			v.packet(p, now, s.add)
			if flags&8 != 0 { // the packets' memory is used again
				v.hold()
				clear(data[:4+n])
			}
			data = data[4+n:]
		}
		s.flush()
		checkOrder(t, out)
		for _, fr := range out {
			rest := fr.Payload
			for len(rest) > 0 {
				if len(rest) < 5 || int64(binary.BigEndian.Uint32(rest)) > int64(len(rest)-4) || binary.BigEndian.Uint32(rest) == 0 {
					t.Fatal("a payload that is no sequence of NAL units")
				}
				rest = rest[4+binary.BigEndian.Uint32(rest):]
			}
			if tr := fr.Run.Tracks[0]; tr.Width == 0 || tr.SPS == nil || tr.PPS == nil {
				t.Fatal("a frame without parameter sets")
			}
		}
	})
}

// From RTP packets to the ring, without the network: pictures of 20 kB, which at 25 a second are 4 Mbit/s.
func BenchmarkPicture(b *testing.B) {
	clip := cameratest.EncodeVideo(b, cameratest.VideoOptions{Frames: 50})
	for i := range clip.Units { // the last slice grows: nothing looks at the end of a slice
		last := &clip.Units[i].NALUs[len(clip.Units[i].NALUs)-1]
		*last = append((*last)[:len(*last):len(*last)], bytes.Repeat([]byte{0x55}, max(0, 20_000-len(*last)))...)
	}
	f := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	packets := pack(b, f, clip)
	v, err := newVideo(f)
	if err != nil {
		b.Fatal(err)
	}
	r := ring.New(ring.Config{MaxBytes: 4 << 20})
	now := time.Duration(0)
	s := newStamper("k3f9x2ab", "main", &clockMemory{}, func() (time.Time, time.Duration) { return time.Unix(1_795_000_000, 0).Add(now), now }, r.Push)
	b.SetBytes(20_000)
	b.ReportAllocs()
	seq, n := uint16(0), 0
	for b.Loop() {
		for _, p := range packets[n%50] {
			q := *p
			q.SequenceNumber, q.Timestamp = seq, uint32(n)*3600
			seq++
			v.packet(&q, now, s.add)
		}
		v.hold()
		n++
		now += 40 * time.Millisecond
	}
	s.flush()
	if got := r.Stats().Pushed; got != uint64(n) || v.lost != 0 {
		b.Fatalf("%d of %d pictures, %d lost", got, n, v.lost)
	}
}
