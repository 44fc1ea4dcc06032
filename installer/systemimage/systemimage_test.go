package systemimage

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// key is a signing key made for this run.
func key(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	text, err := NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(k ed25519.PrivateKey) []ed25519.PublicKey {
	return []ed25519.PublicKey{k.Public().(ed25519.PublicKey)}
}

// squashfs has the head of one, and is padded as one.
func squashfs(used int) []byte {
	b := bytes.Repeat([]byte("content "), used/8+1)[:used]
	clear(b[:96])
	copy(b, "hsqs")
	binary.LittleEndian.PutUint16(b[28:], 4)
	binary.LittleEndian.PutUint64(b[40:], uint64(used))
	return append(b, make([]byte, padding(used))...)
}

func sample() Manifest {
	return Manifest{Version: "2026.11.26+0123456789", BuiltS: 1_764_000_000, Kernel: "6.12.57+deb13-amd64", Notes: "Quicker."}
}

func image(t testing.TB, body []byte, m Manifest, k ed25519.PrivateKey) []byte {
	t.Helper()
	seal, err := Seal(bytes.NewReader(body), int64(len(body)), m, k)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(body), seal...)
}

func TestSealedImageOpensInAFileAndInALargerPartition(t *testing.T) {
	k := key(t)
	for _, used := range []int{96, 4095, 4096, 3<<20 + 17} {
		whole := image(t, squashfs(used), sample(), k)
		if len(whole)%Block != 0 {
			t.Errorf("%d bytes", len(whole))
		}
		for name, place := range map[string][]byte{"file": whole, "partition": append(bytes.Clone(whole), bytes.Repeat([]byte{7}, 100_000)...)} {
			i, err := Open(bytes.NewReader(place), int64(len(place)), public(k))
			if err != nil {
				t.Fatalf("%s of %d: %v", name, used, err)
			}
			want := sample()
			want.Bytes, want.SHA256 = i.Bytes, i.SHA256
			if diff := cmp.Diff(want, i.Manifest); diff != "" || i.Size() != int64(len(whole)) {
				t.Errorf("%s of %d: size %d, %s", name, used, i.Size(), diff)
			}
			var out bytes.Buffer
			var last int64
			if err := i.Copy(&out, bytes.NewReader(place), func(n int64) { last = n }); err != nil || !bytes.Equal(out.Bytes(), whole) || last != i.Size() {
				t.Errorf("%s of %d: copied %d of %d, told %d, %v", name, used, out.Len(), len(whole), last, err)
			}
		}
	}
}

func TestWhatIsNotWholeOrNotOursIsRefused(t *testing.T) {
	k, other := key(t), key(t)
	body := squashfs(10_000)
	whole := image(t, body, sample(), k)
	change := func(at int, b byte) []byte { c := bytes.Clone(whole); c[at] ^= b; return c }
	seal := len(body)
	for name, c := range map[string]struct {
		bytes   []byte
		trusted []ed25519.PublicKey
		want    error
	}{
		"nothing":                  {nil, public(k), ErrNotImage},
		"another file":             {bytes.Repeat([]byte("x"), 20_000), public(k), ErrNotImage},
		"an ISO's beginning":       {make([]byte, 1<<20), public(k), ErrNotImage},
		"squashfs without a seal":  {body, public(k), ErrNotImage},
		"cut within the seal":      {whole[:seal+100], public(k), ErrNotImage},
		"cut within its padding":   {whole[:len(whole)-1], public(k), ErrDamaged},
		"squashfs 3":               {change(28, 7), public(k), ErrNotImage},
		"length beyond the file":   {change(43, 1), public(k), ErrNotImage},
		"no magic":                 {change(seal, 1), public(k), ErrNotImage},
		"later seal":               {change(seal+11, 2), public(k), ErrNotImage},
		"manifest beyond the file": {change(seal+13, 1), public(k), ErrNotImage},
		"manifest changed":         {change(seal+header+14, 1), public(k), ErrUntrusted},
		"signature changed":        {change(seal+header+len(manifestOf(whole, seal)), 1), public(k), ErrUntrusted},
		"another's key":            {whole, public(other), ErrUntrusted},
		"no key":                   {whole, nil, ErrUntrusted},
	} {
		if _, err := Open(bytes.NewReader(c.bytes), int64(len(c.bytes)), c.trusted); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := Open(bytes.NewReader(whole), int64(len(whole)), append(public(other), public(k)...)); err != nil {
		t.Errorf("one of two trusted keys: %v", err)
	}
}

func manifestOf(whole []byte, seal int) []byte {
	return whole[seal+header:][:binary.BigEndian.Uint32(whole[seal+12:])]
}

func TestDamageAnywhereIsFoundByReadingToTheEnd(t *testing.T) {
	k := key(t)
	whole := image(t, squashfs(3<<20), sample(), k)
	i, err := Open(bytes.NewReader(whole), int64(len(whole)), public(k))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 50, 2_000_000, 3<<20 - 1, 3 << 20, len(whole) - 1} {
		c := bytes.Clone(whole)
		c[at] ^= 1
		if err := i.Verify(bytes.NewReader(c), nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("a bit at %d: %v", at, err)
		}
	}
	if err := i.Verify(bytes.NewReader(whole[:2<<20]), nil); !errors.Is(err, io.EOF) {
		t.Errorf("a short copy: %v", err)
	}
	if err := i.Verify(bytes.NewReader(whole), nil); err != nil {
		t.Error(err)
	}
}

func TestSealRefusesWhatItCouldNotOpen(t *testing.T) {
	k, body := key(t), squashfs(5000)
	for name, f := range map[string]func(m *Manifest) []byte{
		"no squashfs": func(*Manifest) []byte { return make([]byte, 8192) },
		"not padded":  func(*Manifest) []byte { return body[:5000] },
		"no version":  func(m *Manifest) []byte { m.Version = ""; return body },
		"no time":     func(m *Manifest) []byte { m.BuiltS = 0; return body },
		"long notes":  func(m *Manifest) []byte { m.Notes = strings.Repeat("x", maxManifest); return body },
	} {
		m := sample()
		b := f(&m)
		if _, err := Seal(bytes.NewReader(b), int64(len(b)), m, k); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
}

func TestTrustedKeysComeBack(t *testing.T) {
	a, b := key(t), key(t)
	text, err := EncodeTrusted(public(a)[0], public(b)[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseTrusted(text)
	if err != nil || len(got) != 2 || !got[0].Equal(a.Public()) || !got[1].Equal(b.Public()) {
		t.Errorf("%v, %v", got, err)
	}
	private, err := NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "a private key": private, "noise": []byte("noise")} {
		if _, err := ParseTrusted(text); err == nil {
			t.Errorf("%s is trusted", name)
		}
	}
	for name, text := range map[string][]byte{"nothing": nil, "a public key": text, "noise": []byte("noise")} {
		if _, err := ParsePrivateKey(text); err == nil {
			t.Errorf("%s signs", name)
		}
	}
}

// ofParts is what is sent of an image before the image is.
func ofParts(t testing.TB, whole []byte) []byte {
	t.Helper()
	b, err := ReadParts(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPartsOfAnImageSayWhatItIsAndCheckTheRest(t *testing.T) {
	k := key(t)
	for _, used := range []int{96, 4095, 4096, 3<<20 + 17} {
		whole := image(t, squashfs(used), sample(), k)
		i, err := OpenParts(ofParts(t, whole), public(k))
		if err != nil || i.Size() != int64(len(whole)) || i.Version != sample().Version {
			t.Fatalf("%d bytes: %+v, %v", used, i, err)
		}
		for name, c := range map[string]struct {
			bytes []byte
			whole bool
		}{
			"whole": {whole, true}, "short": {whole[:len(whole)-1], false}, "nothing": {nil, false}, "long": {append(bytes.Clone(whole), 0), false},
			"a bit in the squashfs": {flip(whole, 50), false}, "a bit in the seal": {flip(whole, len(whole)-Block+20), false},
		} {
			check := i.Check()
			err := error(nil)
			for rest := c.bytes; len(rest) > 0 && err == nil; rest = rest[min(len(rest), 70_001):] {
				_, err = check.Write(rest[:min(len(rest), 70_001)])
			}
			if err == nil {
				err = check.Whole()
			}
			if c.whole != (err == nil) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes, %s: %v", used, name, err)
			}
		}
	}
	whole := image(t, squashfs(10_000), sample(), k)
	good := ofParts(t, whole)
	for name, c := range map[string][]byte{"nothing": nil, "cut in the squashfs": whole[:5000], "noise": bytes.Repeat([]byte("x"), 9000)} {
		if _, err := ReadParts(bytes.NewReader(c), int64(len(c))); !errors.Is(err, ErrNotImage) {
			t.Errorf("parts of %s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"nothing": {nil, ErrNotImage}, "the head alone": {good[:HeadBytes], ErrNotImage}, "half a seal": {good[:HeadBytes+100], ErrNotImage},
		"without its padding": {good[:len(good)-1], ErrDamaged}, "more than a seal": {append(bytes.Clone(good), make([]byte, Block)...), ErrDamaged},
		"the whole image": {whole, ErrNotImage}, "too much": {make([]byte, MaxParts+1), ErrNotImage}, "another's key": {ofParts(t, image(t, squashfs(10_000), sample(), key(t))), ErrUntrusted},
		"a changed manifest": {flip(good, HeadBytes+header+14), ErrUntrusted},
	} {
		if _, err := OpenParts(c.bytes, public(k)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func flip(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1
	return c
}

func FuzzOpenParts(f *testing.F) {
	k := key(f)
	good := ofParts(f, image(f, squashfs(5000), sample(), k))
	f.Add(good)
	f.Add(good[:HeadBytes+200])
	f.Add(squashfs(200))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := OpenParts(b, public(k))
		if err != nil {
			return
		}
		if !bytes.Equal(b[HeadBytes:], good[HeadBytes:]) || i.Version != sample().Version {
			t.Error("a seal that nobody made was taken")
		}
	})
}

func FuzzOpen(f *testing.F) {
	k := key(f)
	whole := image(f, squashfs(5000), sample(), k)
	f.Add(whole)
	f.Add(whole[:9000])
	f.Add(squashfs(200))
	f.Add([]byte("hsqs"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Open(bytes.NewReader(b), int64(len(b)), public(k))
		if err != nil {
			return
		}
		if err := i.Verify(bytes.NewReader(b), nil); err == nil && !bytes.Equal(b[:i.Size()], whole) {
			t.Error("an image that nobody signed was taken")
		}
		// Whatever is signed, only a whole manifest comes out.
		if err := i.validate(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParse(f *testing.F) {
	m := sample()
	f.Add([]byte(`{"version":"1","builtS":5,"kernel":"6.12","bytes":4096,"sha256":"` + strings.Repeat("0", 64) + `","later":true}`))
	f.Add([]byte(m.Version))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parse(text); err == nil && m.validate() != nil {
			t.Errorf("%+v", m)
		}
		if len(text) > header+signature {
			if manifest, sig, err := split(text); err == nil && len(manifest)+len(sig)+header > len(text) {
				t.Error("more than there was")
			}
		}
	})
}
