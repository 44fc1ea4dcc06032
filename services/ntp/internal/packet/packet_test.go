package packet

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// header is a request of chrony's, as it comes off the wire.
const header = "230206ec0000000000000000000000000000000000000000000000000000000000000000000000000123456789abcdef"

func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with is a request of a version with something behind it.
func with(t testing.TB, version byte, more ...byte) []byte {
	b := raw(t, header)
	b[0] = version<<3 | ModeClient
	return append(b, more...)
}

func field(length byte) []byte { return append([]byte{1, 4, 0, length}, make([]byte, length-4)...) }

func cases(t testing.TB) []struct {
	name string
	b    []byte
	ok   bool
} {
	zeros := func(n int) []byte { return make([]byte, n) }
	return []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"a request", raw(t, header), true},
		{"version 3", with(t, 3), true},
		{"version 3 with MD5", with(t, 3, zeros(20)...), true},
		{"version 3 with DES", with(t, 3, zeros(12)...), true},
		{"version 3 with more", with(t, 3, zeros(28)...), false},
		{"version 4 with SHA-1", with(t, 4, zeros(24)...), true},
		{"crypto-NAK", with(t, 4, zeros(4)...), true},
		{"a field", with(t, 4, field(28)...), true},
		{"two fields", with(t, 4, slices.Concat(field(32), field(28))...), true},
		{"a field and a code", with(t, 4, slices.Concat(field(28), zeros(20))...), true},
		{"a field longer than the packet", with(t, 4, slices.Concat(field(28)[:3], []byte{200}, zeros(24))...), false},
		{"a field of no length", with(t, 4, zeros(28)...), false},
		{"a field of odd length", with(t, 4, slices.Concat([]byte{1, 4, 0, 30}, zeros(26))...), false},
		{"a byte too much", with(t, 4, 0), false},
		{"cut", raw(t, header)[:47], false},
		{"nothing", nil, false},
	}
}

func TestParse(t *testing.T) {
	for _, c := range cases(t) {
		if _, err := Parse(c.b); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p, err := Parse(raw(t, header))
	want := Packet{Version: 4, Mode: ModeClient, Stratum: 2, Poll: 6, Precision: -20, Transmit: 0x0123456789abcdef}
	if err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAnEveryFieldGoesThereAndBack(t *testing.T) {
	p := Packet{
		Leap: LeapUnsynchronised, Version: 3, Mode: ModeServer, Stratum: 16, Poll: -2, Precision: -24, RootDelay: 1, RootDispersion: 2,
		ReferenceID: [4]byte{'R', 'A', 'T', 'E'}, Reference: 3, Origin: 4, Receive: 5, Transmit: 6,
	}
	b := p.Append(nil)
	if back, err := Parse(b); err != nil || back != p || len(b) != Size {
		t.Errorf("%d bytes, %+v, %v", len(b), back, err)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]Short{
		0: 0, -1: 0, 1: 1, time.Second: 1 << 16, time.Second / 2: 1 << 15, 15 * time.Microsecond: 1, 16 * time.Microsecond: 2, 1 << 20 * time.Second: 1<<32 - 1,
		1<<16*time.Second - 1: 1<<32 - 1,
	} {
		if got := ShortOf(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
	if got := ShortOf(1500 * time.Millisecond).Duration(); got != 1500*time.Millisecond {
		t.Errorf("got %v", got)
	}
}

func TestTimestamp(t *testing.T) {
	for _, c := range []struct {
		at   string
		want Timestamp
	}{
		{"1970-01-01T00:00:00Z", unix1970 << 32},
		{"2000-01-01T00:00:00.5Z", 3_155_673_600<<32 | 1<<31},
		{"2036-02-07T06:28:15.75Z", 0xffffffff<<32 | 3<<30},
		{"2036-02-07T06:28:16Z", 0}, // a new era
		{"2040-01-01T00:00:00Z", 123_010_304 << 32},
	} {
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got := TimestampOf(at)
		if got != c.want {
			t.Errorf("%s: %x, want %x", c.at, uint64(got), uint64(c.want))
		}
		for _, off := range []time.Duration{0, time.Hour, -60 * 365 * 24 * time.Hour} {
			if back := got.Near(at.Add(off)); back.Sub(at).Abs() > time.Nanosecond {
				t.Errorf("%s from %v off: %v", c.at, off, back)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(again, b[:Size]) {
			t.Errorf("%x became %x", b[:Size], again)
		}
	})
}
