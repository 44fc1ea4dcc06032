package pack

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

// packets takes what Append gave apart, and holds it to the layout.
func packets(t *testing.T, b []byte, h Head, n int) (list []rtp.Packet) {
	t.Helper()
	for len(b) > 0 {
		size := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if b[0] != '$' || b[1] != h.Channel || size > len(b) {
			t.Fatalf("no interleaved frame: % x", b[:min(len(b), 16)])
		}
		var p rtp.Packet
		if err := p.Unmarshal(bytes.Clone(b[4:size])); err != nil {
			t.Fatal(err)
		}
		if p.SequenceNumber != h.Sequence+uint16(len(list)) || p.SSRC != h.SSRC || p.PayloadType != h.Type {
			t.Errorf("packet %d: %+v", len(list), p.Header)
		}
		list = append(list, p)
		b = b[size:]
	}
	if len(list) != n {
		t.Errorf("%d packets, said to be %d", len(list), n)
	}
	return list
}

func nalus(sizes ...int) (payload []byte) {
	for i, n := range sizes {
		b := bytes.Repeat([]byte{byte(i + 1)}, n)
		b[0] = 0x65
		payload = append(binary.BigEndian.AppendUint32(payload, uint32(n)), b...)
	}
	return payload
}

func TestOnlyTheLastPacketOfAPictureIsMarkedAndNoneIsTooLong(t *testing.T) {
	h := Head{Channel: 2, Type: VideoType, SSRC: 7, Sequence: 65534, Timestamp: 9}
	for _, c := range []struct {
		name    string
		codec   media.Codec
		sets    Sets
		payload []byte
		replay  *Replay
	}{
		{"H.264", media.H264, nil, nalus(100, 1430, 1431, 50_000, 2), nil},
		{"H.264 with sets", media.H264, Sets{{0x67, 1, 2, 3}, {0x68, 1, 2}}, nalus(3000), nil},
		{"H.265", media.H265, nil, nalus(100, 1430, 1431, 50_000), nil},
		{"a recording", media.H264, nil, nalus(5000), &Replay{TimeNs: 1, Keyframe: true}},
		{"MPEG-4", media.MPEG4, nil, bytes.Repeat([]byte{0, 0, 1, 0xb6}, 1000), nil},
		{"AAC", media.AAC, nil, make([]byte, 5000), nil},
	} {
		h.Replay = c.replay
		track := &media.Track{Codec: c.codec, ClockRate: 90000, Channels: 1}
		b, n, err := Append(nil, h, track, c.sets, c.payload)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		list := packets(t, b, h, n)
		for i, p := range list {
			if p.Marker != (i == len(list)-1) || p.Timestamp != 9 || len(p.Payload) > maxPayload {
				t.Errorf("%s, packet %d of %d: marker %v, %d bytes", c.name, i, n, p.Marker, len(p.Payload))
			}
			if p.Extension != (c.replay != nil && i == 0) {
				t.Errorf("%s, packet %d: extension %v", c.name, i, p.Extension)
			}
		}
		again, _, _ := Append(nil, h, track, c.sets, c.payload)
		if !bytes.Equal(b, again) {
			t.Errorf("%s: made again it is another", c.name)
		}
	}
}

func TestNTP(t *testing.T) {
	for ns, want := range map[int64]uint64{0: 2208988800 << 32, 500_000_000: 2208988800<<32 | 1<<31, -1_000_000_000: 2208988799 << 32} {
		if got := NTP(ns); got != want {
			t.Errorf("%d: %x, want %x", ns, got, want)
		}
	}
}

func FuzzAppend(f *testing.F) {
	codecs := []media.Codec{media.H264, media.H265, media.MPEG4, media.MJPEG, media.AAC, media.Opus, media.PCMA, media.G726x24, media.G726x40}
	f.Add(uint8(0), nalus(10, 2000))
	f.Add(uint8(3), []byte{0xff, 0xd8, 0xff, 0xc0, 0, 8, 8, 0, 16, 0, 16, 3, 0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9})
	f.Add(uint8(3), []byte{0xff, 0xd8, 0xff, 0xdd, 0, 4, 0, 1, 0xff, 0xda, 0, 2})
	f.Add(uint8(4), make([]byte, 3000))
	f.Fuzz(func(t *testing.T, which uint8, payload []byte) {
		track := &media.Track{Codec: codecs[int(which)%len(codecs)], ClockRate: 90000, SampleRate: 8000, Channels: 1 + int(which)%2}
		h := Head{Type: VideoType, Replay: &Replay{TimeNs: 5}}
		b, n, err := Append(nil, h, track, nil, payload)
		if err == nil {
			packets(t, b, h, n)
		} else if len(b) > 0 {
			t.Error("packets beside an error")
		}
		HasSets(track.Codec, payload)
	})
}
