package g726

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
)

func ffmpeg(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error"}, args...)...)
	var diag bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &diag
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, diag.Bytes())
	}
	return out
}

// sounds are what encoders get to hear.
var sounds = map[string]string{
	"chirp": "aevalsrc=0.6*sin(2*PI*(200+700*t)*t)*(0.6+0.4*sin(9*t)):s=8000:d=2",
	"tone":  "aevalsrc=0.3*sin(2*PI*400*t)*lt(mod(t\\,0.5)\\,0.3):s=8000:d=2",
}

// encode lets ffmpeg encode a sound.
func encode(t testing.TB, code int, sound string) []byte {
	return ffmpeg(t, nil, "-f", "lavfi", "-i", sound, "-ac", "1", "-c:a", "g726", "-code_size", fmt.Sprint(code), "-b:a", fmt.Sprint(code*8000), "-f", "g726", "-")
}

// noise is codes that no encoder makes.
func noise(code int) []byte {
	rng := rand.New(rand.NewPCG(7, uint64(code)))
	b := make([]byte, code*500)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// little is the inverse of Repack.
func little(packed []byte, code int) []byte {
	out := make([]byte, len(packed))
	for i := range len(packed) * 8 {
		from := i/code*code + code - 1 - i%code // bits of a code are in order of value in both
		if packed[from/8]>>(7-from%8)&1 != 0 {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// TestSoundIsWhatFfmpegHears: ffmpeg's is another implementation. It rounds the mixture of the scale factors otherwise
// than the Recommendation (MIX) and has one leak for all rates (UPB), so that the lowest bits differ.
func TestSoundIsWhatFfmpegHears(t *testing.T) {
	for code, least := range map[int]float64{2: 20, 3: 30, 4: 35, 5: 40} { // dB
		for name, sound := range sounds {
			packed := encode(t, code, sound)
			packed = packed[:len(packed)/code*code]
			var got []int16
			d := NewDecoder(code)
			d.leak = 8                                       // as ffmpeg's encoder has it
			for at := 0; at < len(packed); at += code * 20 { // 20 ms at a time, as they come
				got = d.Decode(got, packed[at:min(at+code*20, len(packed))])
			}
			for format, in := range map[string][]byte{"g726": packed, "g726le": little(packed, code)} {
				want := ffmpeg(t, in, "-f", format, "-code_size", fmt.Sprint(code), "-i", "-", "-f", "s16le", "-")
				if len(want)/2 != len(got) || len(got) != len(packed)*8/code {
					t.Fatalf("%d bits, %s: %d samples, ffmpeg has %d", code, name, len(got), len(want)/2)
				}
				var signal, noise float64
				for i, g := range got {
					w := float64(int16(binary.LittleEndian.Uint16(want[2*i:])))
					signal += w * w
					noise += (w - float64(g)) * (w - float64(g))
				}
				if db := 10 * math.Log10((signal+1)/(noise+1)); db < least {
					t.Errorf("%d bits, %s, %s: differs by %.1f dB", code, name, format, db)
				}
			}
		}
	}
}

func TestRepackTurnsCodesAround(t *testing.T) {
	if got := Repack([]byte{0b11_10_01_00}, 2); got[0] != 0b00_01_10_11 {
		t.Errorf("%08b", got)
	}
	if got := Repack([]byte{0x21}, 4); got[0] != 0x12 {
		t.Errorf("%x", got)
	}
	for code := 2; code <= 5; code++ {
		in := noise(code)
		if !bytes.Equal(Repack(little(in, code), code), in) {
			t.Errorf("%d bits: other bytes come back", code)
		}
		if got := Repack(in[:len(in)-1], code); code%2 == 1 && len(got) != len(in)-code || len(got) > len(in) {
			t.Errorf("%d bits: %d of %d bytes", code, len(got), len(in)-1)
		}
	}
	if NewDecoder(1) != nil || NewDecoder(6) != nil {
		t.Error("codes of 1 and 6 bits are decoded")
	}
}

func FuzzDecode(f *testing.F) {
	for code := 2; code <= 5; code++ {
		f.Add(code, noise(code)[:400])
	}
	f.Fuzz(func(t *testing.T, code int, packed []byte) {
		code = 2 + code&3
		if got := NewDecoder(code).Decode(nil, packed); len(got) != len(packed)*8/code {
			t.Fatalf("%d samples of %d bytes", len(got), len(packed))
		}
		if whole := Repack(packed, code); !bytes.Equal(little(whole, code), packed[:len(whole)]) {
			t.Fatal("repacked codes are others")
		}
	})
}
