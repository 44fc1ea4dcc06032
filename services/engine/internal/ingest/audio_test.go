package ingest

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// latmConfig is how a clip is described in a LATM multiplex.
func latmConfig(a *cameratest.Audio) *mpeg4audio.StreamMuxConfig {
	return &mpeg4audio.StreamMuxConfig{Programs: []*mpeg4audio.StreamMuxConfigProgram{{
		Layers: []*mpeg4audio.StreamMuxConfigLayer{{AudioSpecificConfig: a.Config, LatmBufferFullness: 255}}}}}
}

// latmElements packs each unit of a clip; in band the first and every tenth tell the configuration.
func latmElements(t testing.TB, a *cameratest.Audio, inBand bool) (out [][]byte) {
	t.Helper()
	for i, u := range a.Units {
		e := mpeg4audio.AudioMuxElement{MuxConfigPresent: inBand, StreamMuxConfig: latmConfig(a), UseSameStreamMux: inBand && i%10 != 0, Payloads: [][][][]byte{{{u}}}}
		b, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func TestLATMGivesTheUnitsOfAAC(t *testing.T) {
	clip := cameratest.EncodeAudio(t, media.AAC)
	for _, c := range []struct{ inBand, extended bool }{{false, false}, {false, true}, {true, false}} {
		inBand := c.inBand
		f := &format.MPEG4AudioLATM{PayloadTyp: 97, CPresent: inBand}
		step := uint32(1024)
		if inBand {
			step = 1920 // counts in 90 kHz
		} else {
			f.StreamMuxConfig = latmConfig(clip)
		}
		if c.extended { // as it reads with an extension behind the AudioSpecificConfig
			f.StreamMuxConfig.OtherDataPresent = true
			f.StreamMuxConfig.Programs[0].Layers[0].FrameLengthType = 2
		}
		if !recordable(f) {
			t.Fatal("not recorded")
		}
		a, err := newAudio(f)
		if err != nil {
			t.Fatal(err)
		}
		if known := a.track.Codec != ""; known == inBand {
			t.Errorf("in band %v: known before the first packet: %v", inBand, known)
		}
		e, err := f.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		var got []unit
		elements := latmElements(t, clip, inBand)
		for i, element := range elements[3:] { // joined in the middle
			packets, err := e.Encode(element)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range packets {
				p.Timestamp = uint32(i) * step
				a.packet(p, 0, func(u unit) { got = append(got, u) })
			}
		}
		want := clip.Units[3:]
		if inBand {
			want = clip.Units[10:] // nothing is known before
		}
		if len(got) != len(want) || a.lost != 0 {
			t.Fatalf("in band %v: %d units, %d lost, want %d", inBand, len(got), a.lost, len(want))
		}
		for i, u := range got {
			if !bytes.Equal(u.payload, want[i]) || u.duration != 1024 || i > 0 && u.pts != got[i-1].pts+1024 {
				t.Fatalf("unit %d: %d bytes of %d samples at %d", i, len(u.payload), u.duration, u.pts)
			}
		}
		if a.track.Codec != media.AAC || a.track.SampleRate != 48000 || a.track.Channels != 1 || len(a.track.Config) < 2 {
			t.Errorf("%+v", a.track)
		}
	}
}

func TestG726IsKnownByItsName(t *testing.T) {
	for name, want := range map[string]media.Codec{
		"G726-16/8000": media.G726x16, "G726-24/8000": media.G726x24, "g726-32/8000": media.G726x32, "G726-40/8000/1": media.G726x40,
		"AAL2-G726-16/8000": media.G726x16, "AAL2-G726-40/8000": media.G726x40, "G726-48/8000": "", "G726-32/16000": "", "G722/8000": "",
	} {
		f := &format.Generic{PayloadTyp: 2, RTPMa: name, ClockRat: 8000}
		if got := audioTrack(f).Codec; got != want || recordable(f) != (want != "") {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, c := range []struct {
		f    *format.G726
		want string // of the codes 1 2 3 1 2 3 1 2
	}{{&format.G726{BitRate: 16}, "\x6d\xb6"}, {&format.G726{BitRate: 16, BigEndian: true}, "\x79\x9e"}} {
		a, err := newAudio(c.f)
		if err != nil {
			t.Fatal(err)
		}
		a.packet(&rtp.Packet{Payload: []byte{0x79, 0x9e}}, 0, func(u unit) {
			if string(u.payload) != c.want || u.duration != 8 {
				t.Errorf("%+v: % x of %d samples", c.f, u.payload, u.duration)
			}
		})
	}
}

// TestSoundJoinsThePicture: what is said in band is waited for, for a second; later it joins at a keyframe.
func TestSoundJoinsThePicture(t *testing.T) {
	picture := []media.Track{{Codec: media.H264, ClockRate: 90000}}
	for _, c := range []struct {
		name    string
		known   time.Duration // when the sound is known
		tracks  []int         // of the pictures, a second apart but for the first two
		audible int
	}{
		{"at once", 0, []int{2, 2, 2, 2, 2}, 4},
		{"soon", 300 * time.Millisecond, []int{2, 2, 2, 2, 2}, 4},
		{"late", 1900 * time.Millisecond, []int{1, 1, 1, 2, 2}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &audio{}
			var got []int
			audible := 0
			l := layout{sound: a, deliver: func(u unit) {
				if u.track == 1 {
					audible++
					return
				}
				got = append(got, len(u.tracks))
			}}
			for i, at := range []time.Duration{0, 500, 1500, 2500, 3500} {
				at *= time.Millisecond
				if at >= c.known && a.track.Codec == "" {
					a.track, a.version = media.Track{Codec: media.AAC}, 1
				}
				l.add(unit{key: i != 4, arrival: at, tracks: picture})
				if i > 0 && a.track.Codec != "" {
					l.add(unit{track: 1, arrival: at})
				}
			}
			if len(got) != 5 {
				t.Fatalf("%d pictures", len(got))
			}
			for i, n := range c.tracks {
				if got[i] != n {
					t.Errorf("picture %d has %d tracks, want %d", i, got[i], n)
				}
			}
			if audible != c.audible {
				t.Errorf("%d units of sound, want %d", audible, c.audible)
			}
		})
	}
}

// Whatever comes, units are of a known length and their times grow.
func FuzzAudio(f *testing.F) {
	clip := cameratest.EncodeAudio(f, media.AAC)
	for i, inBand := range []bool{false, true} {
		var data []byte
		for _, e := range latmElements(f, clip, inBand)[:12] {
			data = append(append(data, byte(len(e)>>8), byte(len(e))), e...)
		}
		f.Add(i, data)
	}
	opus := cameratest.EncodeAudio(f, media.Opus)
	var data []byte
	for _, u := range opus.Units[:12] {
		data = append(append(data, byte(len(u)>>8), byte(len(u))), u...)
	}
	f.Add(2, data)
	f.Add(3, data)
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		formats := []format.Format{&format.MPEG4AudioLATM{StreamMuxConfig: latmConfig(clip)}, &format.MPEG4AudioLATM{CPresent: true},
			&format.Opus{ChannelCount: 2}, &format.G726{BitRate: 24}}
		a, err := newAudio(formats[uint(kind)%4])
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint16(0); len(data) >= 2; seq++ { // a packet is: marker and length, payload
			n := min(int(data[0]&0x7f)<<8|int(data[1]), len(data)-2)
			a.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq) * 960, Marker: data[0]&0x80 == 0}, Payload: data[2 : 2+n]}, 0, func(u unit) {
				if u.duration <= 0 || len(u.payload) == 0 || !plausible(&a.track) {
					t.Fatalf("%d bytes of %d samples, %+v", len(u.payload), u.duration, a.track)
				}
			})
			data = data[2+n:]
		}
	})
}
