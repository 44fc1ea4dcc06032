package ingest

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mpeg4"
)

// packOther makes the RTP packets of a clip without NAL units, a slice a picture.
func packOther(t testing.TB, v *cameratest.Video) (format.Format, [][]*rtp.Packet) {
	t.Helper()
	var f format.Format = &format.MJPEG{}
	var encode func(b []byte) ([]*rtp.Packet, error)
	if v.Codec == media.MPEG4 {
		m := &format.MPEG4Video{PayloadTyp: 96}
		e, err := m.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		f, encode = m, e.Encode
	} else {
		e, err := (&format.MJPEG{}).CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		encode = e.Encode
	}
	var out [][]*rtp.Packet
	for _, u := range v.Units {
		packets, err := encode(u.NALUs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			p.Timestamp = uint32(u.PTS)
		}
		out = append(out, packets)
	}
	return f, out
}

// feed gives packets to a depacketiser, but for those that drop picks, and returns the units.
func feed(t testing.TB, p picture, packets [][]*rtp.Packet, drop func(unit, packet int) bool) (units []unit, lost int64) {
	t.Helper()
	for i, group := range packets {
		for j, pkt := range group {
			if drop == nil || !drop(i, j) {
				p.packet(pkt, time.Duration(i)*time.Millisecond, func(u unit) { units = append(units, u) })
			}
		}
		p.hold()
	}
	for i := 1; i < len(units); i++ {
		if units[i].dts <= units[i-1].dts {
			t.Errorf("unit %d: decode time %d after %d", i, units[i].dts, units[i-1].dts)
		}
	}
	return units, p.takeLost()
}

func TestMPEG4ComesOutAsItWentIn(t *testing.T) {
	for _, marker := range []bool{true, false} {
		clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, Frames: 30, GOP: 10})
		f, packets := packOther(t, clip)
		for _, group := range packets {
			group[len(group)-1].Marker = marker
		}
		p, err := newPicture(f)
		if err != nil {
			t.Fatal(err)
		}
		units, lost := feed(t, p, packets, nil)
		want := len(clip.Units)
		if !marker {
			want-- // nothing shows yet that the last one is complete
		}
		if len(units) != want || lost != 0 {
			t.Fatalf("marker %v: %d units, %d lost", marker, len(units), lost)
		}
		for i, u := range units {
			w := clip.Units[i]
			if !bytes.Equal(u.payload, w.NALUs[0]) || u.key != w.Key || u.pts != w.PTS || u.dts != w.PTS {
				t.Fatalf("unit %d: key %v, time %d, or other bytes", i, u.key, u.pts)
			}
			if tr := u.tracks[0]; tr.Codec != media.MPEG4 || tr.Width != 320 || tr.Height != 240 || !bytes.Equal(tr.Config, clip.Config) {
				t.Fatalf("unit %d: %+v", i, tr)
			}
			if &u.tracks[0] != &units[0].tracks[0] {
				t.Fatal("headers that are repeated make a new format")
			}
		}
	}
}

// TestSmallPicturesOfMPEG4ShareAPacket: as long as they fit, behind one another, under the time stamp of the earliest or, as
// GStreamer does it, of the first.
func TestSmallPicturesOfMPEG4ShareAPacket(t *testing.T) {
	for _, c := range []struct {
		name     string
		bframes  int
		earliest bool
	}{{"no B-VOPs", 0, true}, {"B-VOPs, time of the earliest", 2, true}, {"B-VOPs, time of the first", 2, false}} {
		clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, Frames: 40, GOP: 10, BFrames: c.bframes, Size: "64x64"})
		f, single := packOther(t, clip)
		var packets [][]*rtp.Packet
		most, seq := 0, uint16(0)
		for n, shared := 0, 0; n < len(clip.Units); n += shared {
			var payload []byte
			at := clip.Units[n].PTS
			shared = 0
			for _, u := range clip.Units[n:] {
				if shared > 0 && len(payload)+len(u.NALUs[0]) > 5000 {
					break
				}
				payload = append(payload, u.NALUs[0]...)
				if shared++; c.earliest {
					at = min(at, u.PTS)
				}
			}
			most = max(most, shared)
			packets = append(packets, []*rtp.Packet{{Header: rtp.Header{Marker: true, SequenceNumber: seq, Timestamp: uint32(at)}, Payload: payload}})
			seq++
		}
		if most < 3 || len(packets) == len(single) {
			t.Fatalf("%s: %d packets, at most %d pictures in one", c.name, len(packets), most)
		}
		p, err := newPicture(f)
		if err != nil {
			t.Fatal(err)
		}
		units, lost := feed(t, p, packets, nil)
		if len(units) < len(clip.Units)-c.bframes || lost != 0 {
			t.Fatalf("%s: %d units of %d, %d lost", c.name, len(units), len(clip.Units), lost)
		}
		at := 0
		for i, u := range units {
			for !bytes.Equal(u.payload, clip.Units[at].NALUs[0]) { // B-VOPs of an open beginning are left out
				if at++; at == len(clip.Units) {
					t.Fatalf("%s: unit %d has other bytes than sent", c.name, i)
				}
			}
			if u.pts != clip.Units[at].PTS && (c.earliest || i > 3) {
				t.Errorf("%s: unit %d is shown at %d, want %d", c.name, i, u.pts, clip.Units[at].PTS)
			}
			at++
		}
	}
}

func TestLossCostsMPEG4TheRestOfTheGOP(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, Frames: 30, GOP: 10})
	f, packets := packOther(t, clip)
	p, err := newPicture(f)
	if err != nil {
		t.Fatal(err)
	}
	units, lost := feed(t, p, packets, func(i, j int) bool { return i == 13 && j == len(packets[13])-1 })
	var got []int64
	for _, u := range units {
		got = append(got, u.pts/3600)
	}
	if len(got) != 13+10 || got[12] != 12 || got[13] != 20 || lost < 1 {
		t.Errorf("pictures %v, %d lost", got, lost)
	}
}

func TestBVOPsAreOrdered(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, Frames: 40, GOP: 10, BFrames: 1})
	f, packets := packOther(t, clip)
	p, err := newPicture(f)
	if err != nil {
		t.Fatal(err)
	}
	units, lost := feed(t, p, packets, nil)
	if lost != 0 || len(units) < 38 {
		t.Fatalf("%d units, %d lost", len(units), lost)
	}
	reordered := 0
	for i, u := range units {
		if i > 10 && u.dts > u.pts {
			t.Errorf("unit %d is decoded at %d, shown at %d", i, u.dts, u.pts)
		}
		if u.dts != u.pts {
			reordered++
		}
	}
	if reordered < 10 {
		t.Errorf("%d pictures are decoded at another time than shown", reordered)
	}
	// Begun at a keyframe in the middle, what builds on the GOP before is left out.
	at := 1
	for !clip.Units[at].Key {
		at++
	}
	p, _ = newPicture(f)
	units, _ = feed(t, p, packets[at:], nil)
	if !units[0].key || mpeg4.Picture(units[1].payload) == mpeg4.Bipredicted {
		t.Errorf("begins with key %v, then %v", units[0].key, mpeg4.Picture(units[1].payload))
	}
}

// pictures lets ffmpeg decode JPEG files and returns a hash of each picture.
func pictures(t *testing.T, files [][]byte) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-f", "mjpeg", "-i", "-", "-f", "framemd5", "-")
	var diag bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(bytes.Join(files, nil)), &diag
	out, err := cmd.Output()
	if err != nil || diag.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, diag.Bytes())
	}
	var sums []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			sums = append(sums, line[strings.LastIndex(line, ",")+1:])
		}
	}
	return sums
}

func TestJPEGsShowWhatWasSent(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MJPEG, Frames: 20})
	f, packets := packOther(t, clip)
	p, err := newPicture(f)
	if err != nil {
		t.Fatal(err)
	}
	lostPicture := 7
	units, lost := feed(t, p, packets, func(i, j int) bool { return i == lostPicture && j == 1 })
	if len(units) != 19 || lost < 1 {
		t.Fatalf("%d units, %d lost; want all but one", len(units), lost)
	}
	var sent, got [][]byte
	for i, u := range clip.Units {
		if i != lostPicture {
			sent = append(sent, u.NALUs[0])
		}
	}
	for _, u := range units {
		got = append(got, u.payload)
		if tr := u.tracks[0]; !u.key || tr.Width != 320 || tr.Height != 240 {
			t.Fatalf("key %v, %+v", u.key, tr)
		}
	}
	want := pictures(t, sent)
	for i, sum := range pictures(t, got) {
		if sum != want[i] {
			t.Errorf("picture %d shows something else", i)
		}
	}
}

// TestJPEGHeaders: what RTP's own description leaves open, and the headers that some cameras send besides.
func TestJPEGHeaders(t *testing.T) {
	piece := func(offset int, typ, q byte, rest ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(offset))
		return append(append(b, typ, q, 2, 2), rest...)
	}
	tables := append([]byte{0, 0, 0, 128}, bytes.Repeat([]byte{9}, 128)...)
	v := newJPEG()
	var got []unit
	seq := uint16(0)
	send := func(ts uint32, payload, extension []byte) {
		pkt := &rtp.Packet{Header: rtp.Header{Marker: true, SequenceNumber: seq, Timestamp: ts}, Payload: payload}
		if extension != nil {
			pkt.Extension, pkt.ExtensionProfile = true, 0xffd8
			if err := pkt.SetExtension(0, extension); err != nil {
				t.Fatal(err)
			}
		}
		seq++
		v.packet(pkt, 0, func(u unit) { got = append(got, u) })
	}
	send(1, piece(0, 1, 200, append(tables, 0x12, 0x34)...), nil)
	send(2, piece(0, 1, 200, 0, 0, 0, 0, 0x12, 0x34), nil) // its tables came before
	send(3, piece(0, 65, 50, 0, 7, 0xff, 0xff, 0x12, 0x34), nil)
	big := []byte{0xff, 0xff, 0xff, 0xc0, 0, 17, 8, 0x0b, 0x40, 0x10, 0x00, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1}
	big = append(append(big, 0xff, 0xdb, 0, 67, 0), bytes.Repeat([]byte{3}, 64)...)
	send(4, piece(0, 1, 255, append(tables, 0x12, 0x34)...), append(big, 0xff, 0xff, 0xff)[:len(big)+(4-len(big)%4)%4])
	if len(got) != 4 || v.lost != 0 {
		t.Fatalf("%d pictures, %d lost", len(got), v.lost)
	}
	if !bytes.Equal(got[0].payload, got[1].payload) {
		t.Error("tables are not remembered")
	}
	if !bytes.Contains(got[2].payload, []byte{0xff, 0xdd, 0, 4, 0, 7}) {
		t.Error("no restart interval")
	}
	if tr := got[3].tracks[0]; tr.Width != 4096 || tr.Height != 2880 || bytes.Count(got[3].payload, []byte{0xff, 0xdb}) != 1 {
		t.Errorf("headers of its own: %+v", tr)
	}
	for i, bad := range [][]byte{nil, {0, 0, 0, 0}, piece(0, 2, 50, 1, 2), piece(0, 1, 0, 1, 2), piece(0, 1, 110, 1, 2), piece(0, 65, 50, 1), piece(0, 1, 130, 0, 0, 0, 0, 1, 2), piece(5, 1, 50, 1, 2)} {
		send(uint32(10+i), bad, nil)
	}
	if len(got) != 4 || v.lost == 0 {
		t.Errorf("%d pictures, %d lost", len(got), v.lost)
	}
}

// Whatever a camera sends, what comes out is a keyframe first, described, with growing decode times.
func FuzzPicture(f *testing.F) {
	for i, codec := range []media.Codec{media.MPEG4, media.MJPEG} {
		_, packets := packOther(f, cameratest.EncodeVideo(f, cameratest.VideoOptions{Codec: codec, Frames: 6, GOP: 3, Size: "64x64"}))
		var data []byte
		for n, group := range packets {
			for _, p := range group {
				flags := byte(0)
				if p.Marker {
					flags = 1
				}
				data = append(data, flags, byte(n))
				data = append(binary.BigEndian.AppendUint16(data, uint16(len(p.Payload))), p.Payload...)
			}
		}
		f.Add(i == 1, data)
	}
	f.Fuzz(func(t *testing.T, jpeg bool, data []byte) {
		var p picture = newMPEG4(&format.MPEG4Video{})
		if jpeg {
			p = newJPEG()
		}
		first := true
		// A packet is: flags (1 marker, 2 one was lost before, 4 header extension), time in frames, length, payload.
		for seq := uint16(0); len(data) >= 4; seq++ {
			flags, ts, n := data[0], data[1], min(int(binary.BigEndian.Uint16(data[2:])), len(data)-4)
			if flags&2 != 0 {
				seq++
			}
			pkt := &rtp.Packet{Header: rtp.Header{Marker: flags&1 != 0, SequenceNumber: seq, Timestamp: uint32(ts) * 3600}, Payload: data[4 : 4+n]}
			if flags&4 != 0 {
				pkt.Extension, pkt.ExtensionProfile = true, 0xffd8
				_ = pkt.SetExtension(0, pkt.Payload[:len(pkt.Payload)/4*4])
			}
			p.packet(pkt, 0, func(u unit) {
				if first && !u.key || len(u.payload) == 0 || u.tracks[0].Width < 1 || u.tracks[0].Height < 1 {
					t.Fatalf("unit of %d bytes, key %v, %+v", len(u.payload), u.key, u.tracks[0])
				}
				first = false
			})
			data = data[4+n:]
		}
	})
}
