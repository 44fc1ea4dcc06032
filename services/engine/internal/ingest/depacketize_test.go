package ingest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

func TestDepacketize(t *testing.T) {
	const n4 = "\x00\x00\x00\x04"
	for _, c := range []struct {
		name  string
		codec media.Codec
		in    []string // payloads of packets
		want  string   // of the unit
		err   error    // of the last packet
	}{
		{"single", media.H264, []string{"\x65abc"}, n4 + "\x65abc", nil},
		{"STAP-A", media.H264, []string{"\x78\x00\x02\x67s\x00\x02\x68p", "\x65abc"}, "\x00\x00\x00\x02\x67s\x00\x00\x00\x02\x68p" + n4 + "\x65abc", nil},
		{"STAP-A with padding", media.H264, []string{"\x78\x00\x04\x65abc\x00\x00\x00"}, n4 + "\x65abc", nil},
		{"STAP-A with a NAL unit beyond its end", media.H264, []string{"\x78\x00\x05\x65abc"}, "", errPacket},
		{"STAP-A of nothing", media.H264, []string{"\x78\x00\x00"}, "", errPacket},
		{"FU-A", media.H264, []string{"\x7c\x85ab", "\x7c\x05cd", "\x7c\x45e"}, "\x00\x00\x00\x06\x65abcde", nil},
		{"FU-A in one", media.H264, []string{"\x7c\xc5abc"}, n4 + "\x65abc", nil},
		{"FU-A without its end", media.H264, []string{"\x7c\x85ab", "\x65abc"}, "\x00\x00\x00\x03\x65ab" + n4 + "\x65abc", nil},
		{"FU-A from its middle", media.H264, []string{"\x7c\x05ab"}, "", errMiddle},
		{"FU-A from its middle after others", media.H264, []string{"\x65abc", "\x7c\x05ab"}, "", errPacket},
		{"FU-A without a head", media.H264, []string{"\x7c"}, "", errPacket},
		{"filler in fragments", media.H264, []string{"\x7c\x8cab", "\x7c\x4ccd", "\x65abc"}, n4 + "\x65abc", nil},
		{"a delimiter", media.H264, []string{"\x09\xf0", "\x65abc"}, n4 + "\x65abc", nil},
		{"nothing", media.H264, []string{""}, "", errPacket},
		{"STAP-B", media.H264, []string{"\x79abc"}, "", errPacket},
		{"MTAP16", media.H264, []string{"\x7aabc"}, "", errPacket},
		{"FU-B", media.H264, []string{"\x7d\x85abc"}, "", errPacket},

		{"single", media.H265, []string{"\x26\x01ab"}, n4 + "\x26\x01ab", nil},
		{"AP", media.H265, []string{"\x60\x01\x00\x03\x42\x01s\x00\x03\x44\x01p"}, "\x00\x00\x00\x03\x42\x01s\x00\x00\x00\x03\x44\x01p", nil},
		{"AP cut off", media.H265, []string{"\x60\x01\x00\x03\x42\x01s\x00"}, "", errPacket},
		{"FU", media.H265, []string{"\x62\x01\x93ab", "\x62\x01\x13cd", "\x62\x01\x53e"}, "\x00\x00\x00\x07\x26\x01abcde", nil},
		{"FU of another layer", media.H265, []string{"\x63\x09\x93ab", "\x63\x09\x53c"}, "\x00\x00\x00\x05\x27\x09abc", nil},
		{"FU from its middle", media.H265, []string{"\x62\x01\x13ab"}, "", errMiddle},
		{"FU without a head", media.H265, []string{"\x62\x01"}, "", errPacket},
		{"PACI", media.H265, []string{"\x64\x01abc"}, "", errPacket},
		{"too short", media.H265, []string{"\x26"}, "", errPacket},
	} {
		for _, held := range []bool{false, true} {
			var a assembly
			var err error
			for _, p := range c.in {
				b := []byte(p)
				if c.codec == media.H264 {
					err = a.depacketizeH264(b)
				} else {
					err = a.depacketizeH265(b)
				}
				if held { // the packet's memory is used again
					a.hold()
					clear(b)
				}
			}
			if !errors.Is(err, c.err) {
				t.Errorf("%s %s: %v, want %v", c.codec, c.name, err, c.err)
			}
			if err == nil {
				if got := a.payload(); string(got) != c.want || cap(got) != len(got) {
					t.Errorf("%s %s, held %v: %q of %d, want %q", c.codec, c.name, held, got, cap(got), c.want)
				}
			}
		}
	}
}

func TestAccessUnitsAreBounded(t *testing.T) {
	var a assembly
	b := append([]byte{0x7c, 0x85}, make([]byte, 1<<16)...)
	var err error
	for n := 0; err == nil; n++ {
		if n > maxAssembly>>16 {
			t.Fatal("no end")
		}
		err = a.depacketizeH264(b)
		b[1] = 0x05
		a.hold()
	}
	if !errors.Is(err, errAssembly) {
		t.Error(err)
	}
	a.reset()
	if err := a.depacketizeH264([]byte("\x65abc")); err != nil || len(a.payload()) != 8 {
		t.Errorf("after a unit that was too large: %v", err)
	}
}

// Cameras that put several NAL units into one, with start codes between them.
func TestStartCodesWithinNALUnits(t *testing.T) {
	sps, pps := strings.Repeat("s", 20), strings.Repeat("p", 8)
	v, err := newVideo(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for i, p := range []string{
		"\x67" + sps + "\x00\x00\x00\x01\x68" + pps + "\x00\x00\x01\x65\x88abc\x00\x00\x00\x01\x65\x40def",
		"\x00\x00\x00\x01\x41\x9aghi\x00\x00\x01\x41\x40jkl",
	} {
		v.au.reset()
		if err := v.au.depacketizeH264([]byte(p)); err != nil {
			t.Fatal(err)
		}
		v.auTS = uint32(i) * 3600
		v.finish(0, func(unit) {})
		for _, n := range v.nalus {
			got = append(append(got, n...), '|')
		}
	}
	if want := "\x67" + sps + "|\x68" + pps + "|\x65\x88abc|\x65\x40def|\x41\x9aghi|\x41\x40jkl|"; !bytes.Equal(got, []byte(want)) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAssemblyCopiesOnceIntoWhatFits(t *testing.T) {
	v, err := newVideo(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	if err != nil {
		t.Fatal(err)
	}
	first, rest, last := append([]byte{0x7c, 0x81, 0x88}, make([]byte, 1300)...), append([]byte{0x7c, 0x01}, make([]byte, 1300)...), []byte{0x7c, 0x41, 1}
	pkt := &rtp.Packet{}
	unit := func() {
		for i, b := range [][]byte{first, rest, rest, rest, last} {
			pkt.Payload, pkt.Marker = b, i == 4
			v.packet(pkt, 0, nil)
			pkt.SequenceNumber++
		}
		pkt.Timestamp += 3600
		v.hold()
	}
	unit()
	if n := testing.AllocsPerRun(100, unit); n > 1 {
		t.Errorf("%v allocations for an access unit, want that of its payload", n)
	}
}
