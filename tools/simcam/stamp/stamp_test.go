package stamp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func table() []Stamp {
	return []Stamp{
		{Camera: "cam1", Number: 0, Capture: time.UnixMicro(0).UTC()},
		{Camera: "a-b_c9", Number: 44096850123, Capture: time.UnixMicro(1763874004920001).UTC()},
		{Camera: string(bytes.Repeat([]byte{'z'}, 64)), Number: 1<<63 - 1, Capture: time.UnixMicro(1<<62 - 1).UTC()},
	}
}

func TestStampComesBackFromEveryCodec(t *testing.T) {
	for _, c := range []Codec{H264, H265, MPEG4, MJPEG} {
		for _, want := range table() {
			nalu := Append(nil, c, want)
			if c == MPEG4 {
				nalu = nalu[3:]
			}
			if bytes.Contains(nalu, []byte{0, 0}) {
				t.Errorf("%v: %x needs emulation prevention", want, nalu)
			}
			got, err := Parse(c, nalu)
			if err != nil {
				t.Fatalf("Parse(%d, %x): %v", c, nalu, err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if _, err := Parse((c+1)%4, nalu); c != MPEG4 && !errors.Is(err, ErrNone) {
				t.Errorf("read as the other codec: %v, want ErrNone", err)
			}
		}
	}
}

func TestDamagedStampIsAnError(t *testing.T) {
	for _, text := range []string{"", "cam1", "cam1 5", "cam1 x 1", "cam1 1 y", "CAM 1 1", "cam1 -1 1", "cam1 1 1 1"} {
		n := append([]byte{6, 5, byte(16 + len(text))}, uuid()...)
		n = append(append(n, text...), 0x80)
		if s, err := Parse(H264, n); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%q: %v, %v, want an error", text, s, err)
		}
	}
}

func TestPaddingIsAsLongAsAskedAndNoStamp(t *testing.T) {
	for _, c := range []Codec{H264, H265} {
		for size := range 3000 {
			n := AppendPadding(nil, c, size)
			switch {
			case size < PaddingOverhead(c) && len(n) != 0:
				t.Fatalf("size %d: %d bytes, want none", size, len(n))
			case size >= PaddingOverhead(c) && (len(n) > size || len(n) < size-2):
				t.Fatalf("codec %d size %d: %d bytes", c, size, len(n))
			}
			if _, err := Parse(c, n); !errors.Is(err, ErrNone) {
				t.Fatalf("size %d: %v, want ErrNone", size, err)
			}
		}
	}
}

func TestReadFindsStampsAmongOtherUnits(t *testing.T) {
	var b bytes.Buffer
	for _, s := range table() {
		b.Write([]byte{0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1})
		b.Write(Append(nil, H264, s))
		b.Write([]byte{0, 0, 0, 1})
		b.Write(AppendPadding(nil, H264, 700))
		b.Write([]byte{0, 0, 1, 0x65, 0x88, 0, 0, 3, 1})
	}
	got, err := Read(&b, H264)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(table(), got); d != "" {
		t.Error(d)
	}
}

func TestReadFindsStampsOfTheOlderCodecs(t *testing.T) {
	for c, frame := range map[Codec][2]string{
		MPEG4: {"\x00\x00\x01\xb0\x01\x00\x00\x01\xb2Lavc", "\x00\x00\x01\xb6\x10\x20"},
		MJPEG: {"\xff\xd8\xff\xdb\x00\x04\x01\x02\xff\xfe\x00\x06Lavc\xff\xda\x00\x02\x55", "\xff\xd9"},
	} {
		var b bytes.Buffer
		for _, s := range table() {
			b.WriteString(frame[0])
			b.Write(Append(nil, c, s))
			b.WriteString(frame[1])
		}
		got, err := Read(&b, c)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(table(), got); d != "" {
			t.Error(d)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range []Codec{H264, H265} {
		for _, s := range table() {
			f.Add(int(c), Append(nil, c, s))
		}
		f.Add(int(c), AppendPadding(nil, c, 600))
	}
	f.Add(0, []byte{6, 5, 0xff, 0xff})
	for _, c := range []Codec{MPEG4, MJPEG} {
		f.Add(int(c), Append(nil, c, table()[1]))
	}
	f.Fuzz(func(t *testing.T, codec int, nalu []byte) {
		c := Codec(codec & 3)
		s, err := Parse(c, nalu)
		if err != nil {
			return
		}
		b := Append(nil, c, s)
		if c == MPEG4 {
			b = b[3:]
		}
		again, err := Parse(c, b)
		if err != nil || again != s {
			t.Errorf("%+v comes back as %+v, %v", s, again, err)
		}
	})
}
