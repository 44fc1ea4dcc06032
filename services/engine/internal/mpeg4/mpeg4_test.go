package mpeg4

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// headers are what encoders nobody here wrote put in front of their pictures.
var headers = []struct {
	name, hex     string
	width, height int
}{
	{"libavcodec", "000001b001000001b58913000001000000012000c48d8800f53c04871443000001b24c61766336302e33312e313030", 1920, 1080},
	{"a VOL alone", "000001000000012000c48d8800cd0c0424146300", 384, 288},
}

// encode has ffmpeg make a stream of a given size.
func encode(t testing.TB, size string, args ...string) []byte {
	t.Helper()
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=10", "-frames:v", "12", "-c:v", "mpeg4", "-g", "6"}, args...)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, "-f", "m4v", "-")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSizeAndKindsAreThoseOfTheEncoder(t *testing.T) {
	for _, c := range []struct {
		size          string
		width, height int
		args          []string
		kinds         string // in order of the stream
	}{
		{"320x240", 320, 240, nil, "IPPPPPIPPPPP"},
		{"1280x720", 1280, 720, []string{"-aspect", "2.35"}, "IPPPPPIPPPPP"},
		{"352x288", 352, 288, []string{"-bf", "2", "-b_strategy", "0"}, "IPBBPBBIBPBB"},
	} {
		b := encode(t, c.size, c.args...)
		config := Config(b)
		w, h, err := Size(config)
		if err != nil || w != c.width || h != c.height {
			t.Errorf("%s: %d x %d, %v", c.size, w, h, err)
		}
		if bytes.Contains(config, []byte("Lavc")) {
			t.Errorf("%s: user data in %x", c.size, config)
		}
		got := ""
		for _, vop := range bytes.Split(b, []byte{0, 0, 1, 0xb6})[1:] {
			got += map[Kind]string{Intra: "I", Predicted: "P", Bipredicted: "B"}[Picture(append([]byte{0, 0, 1, 0xb6}, vop...))]
		}
		if len(c.args) == 0 && got != c.kinds || len(got) != 12 || got[0] != 'I' {
			t.Errorf("%s: pictures %s, want %s", c.size, got, c.kinds)
		}
		if bframes := bytes.ContainsRune([]byte(got), 'B'); bframes != (len(c.args) == 4) {
			t.Errorf("%s: pictures %s", c.size, got)
		}
	}
}

// TestPicturesAreCutAndTimedAsTheEncoderMadeThem: cut, and put together again, they are the stream; shown in order of their
// own times they follow one another as they were filmed.
func TestPicturesAreCutAndTimedAsTheEncoderMadeThem(t *testing.T) {
	for _, args := range [][]string{nil, {"-bf", "2", "-b_strategy", "0"}, {"-bf", "1"}} {
		b := encode(t, "320x240", args...)
		parts := Pictures(b)
		if len(parts) != 12 || !bytes.Equal(bytes.Join(parts, nil), b) {
			t.Fatalf("%v: %d parts", args, len(parts))
		}
		var c Clock
		var times []int64
		for i, p := range parts {
			at, ok := c.Time(p, 90000)
			if !ok || bytes.Count(p, []byte{0, 0, 1, 0xb6}) != 1 {
				t.Fatalf("%v: part %d: %v, or not one picture", args, i, ok)
			}
			times = append(times, at)
		}
		slices.Sort(times)
		for i := range times {
			if times[i]-times[0] != int64(i)*9000 {
				t.Fatalf("%v: times %d", args, times)
			}
		}
	}
	for _, c := range []struct{ stream, want string }{
		{"", ""}, {"0000", "0000"}, {"000001b2aa", "000001b2aa"}, {"ff000001b600", "ff000001b600"},
		{"000001b600000001b640", "000001b600 000001b640"},
		{"000001b5000001b600000001b2aa000001b300000001b640000001b1", "000001b5000001b600 000001b2aa000001b300000001b640000001b1"},
	} {
		var got []string
		for _, p := range Pictures(unhex(t, c.stream)) {
			got = append(got, hex.EncodeToString(p))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s is cut into %s, want %s", c.stream, s, c.want)
		}
	}
}

// TestPicturesCountSeconds: from the reference before; a B-VOP from the one before that; and anew where a group says.
func TestPicturesCountSeconds(t *testing.T) {
	var c Clock
	if _, ok := c.Time(unhex(t, "000001b61040"), 1000); ok {
		t.Error("a time without a resolution")
	}
	for _, p := range []struct {
		what, hex string
		want      int64
	}{
		{"I at 0, of 25 parts a second", headers[1].hex + "000001b61040", 0},
		{"P two seconds later", "000001b67410", 2000},
		{"B five parts from the first second on", "000001b692c0", 200},
		{"P ten parts into the same second", "000001b65540", 2400},
		{"I in a group of a minute and a second", "000001b3003040" + "000001b61040", 61_000},
	} {
		if got, ok := c.Time(unhex(t, p.hex), 1000); !ok || got != p.want {
			t.Errorf("%s: %d, %v, want %d", p.what, got, ok, p.want)
		}
	}
	for _, bad := range []string{"", "000001b6", "000001b61", "000001b67fffffffffffffffffffff"} {
		if _, ok := c.Time(unhex(t, bad+strings.Repeat("0", len(bad)%2)), 1000); ok {
			t.Errorf("%s has a time", bad)
		}
	}
}

func TestHeadersOfOthers(t *testing.T) {
	for _, h := range headers {
		b := unhex(t, h.hex)
		w, ht, err := Size(Config(b))
		if err != nil || w != h.width || ht != h.height {
			t.Errorf("%s: %d x %d, %v", h.name, w, ht, err)
		}
		if k := Picture(b); k != None {
			t.Errorf("%s: picture of kind %d", h.name, k)
		}
	}
	for _, bad := range []string{"", "000001", "000001b6", "00000120", "00000120ffffffff", "000001b001000001b58913"} {
		if _, _, err := Size(unhex(t, bad)); !errors.Is(err, ErrVOL) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	for _, h := range headers {
		f.Add(unhex(f, h.hex))
	}
	f.Add(encode(f, "64x48", "-bf", "1")[:400])
	f.Fuzz(func(t *testing.T, b []byte) {
		config := Config(b)
		if len(config) > len(b) {
			t.Fatalf("%d bytes of headers in %d", len(config), len(b))
		}
		if !bytes.Equal(Config(config), config) {
			t.Fatalf("headers %x, of which the headers are %x", config, Config(config))
		}
		w, h, err := Size(config)
		if (err == nil) != (w > 0 && h > 0) || w > 1<<13 || h > 1<<13 {
			t.Fatalf("%d x %d, %v", w, h, err)
		}
		Picture(b)
		if parts := Pictures(b); !bytes.Equal(bytes.Join(parts, nil), b) {
			t.Fatalf("cut into %x", parts)
		}
		var c Clock
		for _, p := range Pictures(b) {
			c.Time(p, 90000)
		}
	})
}
