package mpeg4

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os/exec"
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
	})
}
