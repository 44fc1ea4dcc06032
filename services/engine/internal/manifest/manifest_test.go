package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const startMs = 1_764_136_799_120

func testKey(t testing.TB) Key {
	k, err := NewKey(bytes.Repeat([]byte{7}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sample is a file of n seconds of three pieces each, but for the fourth, which is empty.
type sample struct {
	front, back []byte
	seconds     [][]byte
	manifest    []byte
}

func (s *sample) body(order ...int) []byte {
	out := slices.Clone(s.front)
	if order == nil {
		for i := range s.seconds {
			order = append(order, i)
		}
	}
	for _, i := range order {
		out = append(out, s.seconds[i]...)
	}
	return append(out, s.back...)
}

func newSample(t testing.TB, n int) *sample {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	s := &sample{front: some(4711), back: some(123)}
	m := &Manifest{About: About{"Vigie test", "gate \"1\"\n<é>", Export{ID: "x1", By: "ann", Note: "case 4711", CreatedMs: startMs + 99_000, FromMs: startMs + 500, ToMs: startMs + 5000}},
		Camera: Camera{"k3f9x2ab", "Entrée", "main"}, Because: Start,
		File: File{Name: "Entrée.mkv", Container: "matroska", StartMs: startMs, EndMs: startMs + int64(n)*1000 - 10, BodyBytes: int64(len(s.front) + len(s.back))}}
	sums := NewSums(m.File.Seconds())
	sums.AddFront(s.front[:1000])
	sums.AddFront(s.front[1000:])
	for i := range n {
		var second []byte
		for k := range 3 {
			if i == 3 {
				break
			}
			piece := some(200 + r.IntN(3000))
			sums.AddPiece(int64(i)*1000+int64(k)*333+int64(i%7), i == 2 && k == 1, piece)
			second = append(second, piece...)
		}
		s.seconds = append(s.seconds, second)
		m.File.BodyBytes += int64(len(second))
	}
	size := m.Size()
	sums.AddBack(s.back)
	m.Chain = sums.Finish()
	m.Front, m.Back, m.Seconds = sums.Front, sums.Back, sums.Seconds
	var err error
	if s.manifest, err = m.Marshal(testKey(t)); err != nil {
		t.Fatal(err)
	}
	if int64(len(s.manifest)) != size {
		t.Fatalf("manifest of %d bytes, Size said %d", len(s.manifest), size)
	}
	return s
}

func TestAManifestIsReadAsItWasWrittenAndIsJSON(t *testing.T) {
	s := newSample(t, 10)
	if !json.Valid(s.manifest) {
		t.Fatalf("not JSON:\n%s", s.manifest)
	}
	whole := append(s.body(), s.manifest...)
	found, err := Find(bytes.NewReader(whole), int64(len(whole)))
	if err != nil || !bytes.Equal(found, s.manifest) {
		t.Fatalf("found %d bytes, %v", len(found), err)
	}
	m, err := Read(found)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Marshal(testKey(t))
	if err != nil || !bytes.Equal(again, s.manifest) {
		t.Errorf("written again it is another: %v", err)
	}
	if m.Key != testKey(t).Public() || m.Camera.Name != "Entrée" || m.Export.Note != "case 4711" || m.Appliance != "gate \"1\"\n<é>" || m.Seconds[2].Damaged != 1 || m.Seconds[3].Bytes != 0 || m.Seconds[5].OffsetMs != 5005 {
		t.Errorf("read %+v", m)
	}
}

func TestTheKeyIsPrintedNowhere(t *testing.T) {
	k := testKey(t)
	seed := hex.EncodeToString(bytes.Repeat([]byte{7}, SeedSize))
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprintf("%v", &k)} {
		if strings.Contains(s, seed) || strings.Contains(s, "7 7 7 7") || !strings.Contains(s, k.Public().ID()) {
			t.Errorf("printed as %s", s)
		}
	}
}

func TestEveryChangeOfAManifestIsNoticed(t *testing.T) {
	s := newSample(t, 6)
	for i := range s.manifest {
		for _, bit := range []byte{1, 0x20} {
			b := slices.Clone(s.manifest)
			b[i] ^= bit
			if m, err := Read(b); err == nil {
				// Of hexadecimal digits in the signature either case is as good.
				if !bytes.EqualFold(b, s.manifest) || i < len(b)-tailLength {
					t.Fatalf("byte %d changed to %q is not noticed: %+v", i, b[i], m.File)
				}
			}
		}
	}
	if _, err := Read(bytes.Replace(s.manifest, []byte("ann"), []byte("bob"), 1)); !errors.Is(err, ErrSignature) {
		t.Errorf("got %v", err)
	}
	for _, b := range [][]byte{nil, []byte("{}"), s.manifest[1:], s.manifest[:len(s.manifest)-1], []byte(strings.Repeat("x", 1000))} {
		if _, err := Read(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q: %v", b, err)
		}
	}
	if _, err := ReadBundle(s.manifest); !errors.Is(err, ErrMalformed) {
		t.Errorf("a file's manifest as a bundle's: %v", err)
	}
}

func TestABundleIsReadAsItWasWritten(t *testing.T) {
	b := &Bundle{About: About{"Vigie", "gate", Export{ID: "x"}}, Files: []BundleFile{{"a.mkv", 12, Digest{1}}, {"é\".mkv", 1 << 40, Digest{2}}}}
	size := b.Size()
	out := b.Marshal(testKey(t))
	if int64(len(out)) != size || !json.Valid(out) {
		t.Fatalf("%d bytes, Size said %d:\n%s", len(out), size, out)
	}
	again, err := ReadBundle(out)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, again); d != "" {
		t.Error(d)
	}
}

// at is a finding about seconds from to to of a sample.
func at(kind Kind, from, to int, bytes int64) Finding {
	end := min(int64(startMs)+int64(to)*1000, startMs+10*1000-10)
	return Finding{kind, min(startMs+int64(from)*1000, end), end, bytes}
}

func TestCheckSaysWhatWasDoneAndWhen(t *testing.T) {
	s := newSample(t, 10)
	other := newSample(t, 10)
	for i := range other.seconds {
		for k := range other.seconds[i] {
			other.seconds[i][k] ^= 0x55
		}
	}
	flip := func(b []byte, i int) []byte { b = slices.Clone(b); b[i] ^= 1; return b }
	body := s.body()
	until := func(n int) int { return len(s.front) + len(slices.Concat(s.seconds[:n]...)) }
	with := func(i int, b []byte) []byte {
		return slices.Concat(body[:until(i)], b, body[until(i+1):])
	}
	for _, c := range []struct {
		name string
		body []byte
		want []Finding
	}{
		{"genuine", body, nil},
		{"a bit in second 5", flip(body, until(5)+700), []Finding{at(Changed, 5, 6, 0)}},
		{"the first bit of second 0", flip(body, until(0)), []Finding{at(Changed, 0, 1, 0)}},
		{"the last bit of second 9", flip(body, len(body)-len(s.back)-1), []Finding{at(Changed, 9, 10, 0)}},
		{"seconds 4 and 5 overwritten", slices.Concat(body[:until(4)], other.seconds[4], other.seconds[5], body[until(6):]), []Finding{at(Changed, 4, 6, 0)}},
		{"seconds 2 and 7", flip(flip(body, until(2)+5), until(7)+5), []Finding{at(Changed, 2, 4, 0), at(Changed, 7, 8, 0)}},
		{"second 5 cut out", s.body(0, 1, 2, 3, 4, 6, 7, 8, 9), []Finding{at(CutOut, 5, 6, 0)}},
		{"the first two cut out", s.body(2, 3, 4, 5, 6, 7, 8, 9), []Finding{at(CutOut, 0, 2, 0)}},
		{"the last two cut out", s.body(0, 1, 2, 3, 4, 5, 6, 7), []Finding{at(CutOut, 8, 10, 0)}},
		{"part of second 5 cut out", with(5, s.seconds[5][:1000]), []Finding{at(Replaced, 5, 6, 1000)}},
		{"foreign bytes before second 6", slices.Concat(body[:until(6)], other.seconds[1], body[until(6):]), []Finding{at(Inserted, 6, 6, int64(len(other.seconds[1])))}},
		{"foreign bytes at the end", slices.Concat(body[:until(10)], []byte("more"), s.back), []Finding{at(Inserted, 10, 10, 4)}},
		{"second 5 replaced by a longer one", with(5, slices.Concat(other.seconds[5], other.seconds[6])), []Finding{at(Replaced, 5, 6, int64(len(other.seconds[5])+len(other.seconds[6])))}},
		{"seconds 5 and 6 swapped", s.body(0, 1, 2, 3, 4, 6, 5, 7, 8, 9), []Finding{at(Moved, 6, 7, 0)}},
		{"second 8 moved to the front", s.body(8, 0, 1, 2, 3, 4, 5, 6, 7, 9), []Finding{at(Moved, 8, 9, 0)}},
		{"second 1 moved to the end", s.body(0, 2, 3, 4, 5, 6, 7, 8, 9, 1), []Finding{at(Moved, 1, 2, 0)}},
		{"second 4 twice", s.body(0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9), []Finding{at(Repeated, 4, 5, 0)}},
		{"truncated in second 7", body[:until(7)+500], []Finding{at(Truncated, 7, 10, 0)}},
		{"truncated at second 7", body[:until(7)], []Finding{at(Truncated, 7, 10, 0)}},
		{"truncated in the front", body[:1000], []Finding{at(Header, 0, 0, 0), at(Truncated, 0, 10, 0)}},
		{"truncated behind the footage", body[:len(body)-10], []Finding{at(Truncated, 10, 10, 0)}},
		{"header changed", flip(body, 100), []Finding{at(Header, 0, 0, 0)}},
		{"header longer", slices.Concat(s.front, []byte("x"), body[len(s.front):]), []Finding{at(Inserted, 0, 0, 1)}},
		{"another header", slices.Concat(s.front[5:], body[len(s.front):]), []Finding{at(Header, 0, 0, 0)}},
		{"trailer changed", flip(body, len(body)-1), []Finding{at(Trailer, 10, 10, 0)}},
		{"empty", nil, []Finding{at(Header, 0, 0, 0), at(Truncated, 0, 10, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Read(s.manifest)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Check(t.Context(), bytes.NewReader(c.body), int64(len(c.body)), m)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestLongerThanABuffer: what is searched for lies behind more than one block of a search.
func TestLongerThanABuffer(t *testing.T) {
	s := newSample(t, 10)
	foreign := bytes.Repeat([]byte("nothing of this export "), 150_000)
	body := slices.Concat(s.front, slices.Concat(s.seconds[:4]...), foreign, slices.Concat(s.seconds[5:]...), s.back)
	m, err := Read(s.manifest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Check(t.Context(), bytes.NewReader(body), int64(len(body)), m)
	if d := cmp.Diff([]Finding{at(Replaced, 4, 5, int64(len(foreign)))}, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func FuzzRead(f *testing.F) {
	s := newSample(f, 5)
	f.Add(s.manifest)
	f.Add((&Bundle{Files: []BundleFile{{"a", 1, Digest{}}}}).Marshal(testKey(f)))
	f.Add([]byte(`{"format":"vigie-manifest-1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Read(b); err == nil {
			if _, err := Check(t.Context(), bytes.NewReader(b), int64(len(b)), m); err != nil {
				t.Error(err)
			}
		}
		_, _ = ReadBundle(b)
		if found, err := Find(bytes.NewReader(b), int64(len(b))); err == nil && !bytes.HasSuffix(b, found) {
			t.Error("found what is not there")
		}
	})
}

// FuzzCheck does something to a file and expects to be told, and what is whole not to be called otherwise.
func FuzzCheck(f *testing.F) {
	s := newSample(f, 10)
	body := s.body()
	f.Add(uint16(5000), uint16(0), []byte("x"))
	f.Add(uint16(100), uint16(3000), []byte{})
	f.Add(uint16(20000), uint16(5), s.seconds[2])
	f.Fuzz(func(t *testing.T, from, remove uint16, insert []byte) {
		m, err := Read(s.manifest)
		if err != nil {
			t.Fatal(err)
		}
		at := min(int(from), len(body))
		end := min(at+int(remove), len(body))
		b := slices.Concat(body[:at], insert, body[end:])
		got, err := Check(t.Context(), bytes.NewReader(b), int64(len(b)), m)
		if err != nil || (len(got) == 0) != bytes.Equal(b, body) {
			t.Errorf("%d bytes at %d replaced by %d: %v, %v", end-at, at, len(insert), got, err)
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	s := newSample(b, 10)
	m, err := Read(s.manifest)
	if err != nil {
		b.Fatal(err)
	}
	foreign := make([]byte, 8<<20)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range foreign {
		foreign[i] = byte(r.Uint32())
	}
	b.SetBytes(int64(len(foreign)))
	for b.Loop() {
		c := &checker{ctx: b.Context(), r: bytes.NewReader(foreign), size: int64(len(foreign)), m: m, buf: make([]byte, 1<<20)}
		if _, _, ok := c.search(0); ok {
			b.Fatal("found something")
		}
	}
}
