package verify

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigie/services/engine/internal/manifest"
)

const startMs = 1_764_136_799_000

func key(t testing.TB, n byte) manifest.Key {
	k, err := manifest.NewKey(bytes.Repeat([]byte{n}, manifest.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var about = manifest.About{Software: "Vigie test", Appliance: "gate", Export: manifest.Export{ID: "x1", By: "ann", Note: "case 4711", CreatedMs: startMs + 9000}}

// exportFile makes a file of five seconds of 1000 bytes each.
func exportFile(t testing.TB, name string, k manifest.Key) (body, document []byte) {
	m := &manifest.Manifest{About: about, Camera: manifest.Camera{ID: "k3f9x2ab", Name: "Door", Stream: "main"}, Because: manifest.Start,
		File: manifest.File{Name: name, Container: "matroska", StartMs: startMs, EndMs: startMs + 5000, BodyBytes: 5200}}
	s := manifest.NewSums(5)
	add := func(b []byte) []byte { body = append(body, b...); return b }
	s.AddFront(add(bytes.Repeat([]byte("f"), 100)))
	for i := range 5 {
		piece := make([]byte, 1000)
		for k := range piece {
			piece[k] = byte(i*31 + k*k + int(name[0]))
		}
		s.AddPiece(int64(i)*1000, i == 3, add(piece))
	}
	s.AddBack(add(bytes.Repeat([]byte("b"), 100)))
	m.Chain = s.Finish()
	m.Front, m.Back, m.Seconds = s.Front, s.Back, s.Seconds
	document, err := m.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return body, document
}

// bundle writes a folder of two files.
func bundle(t *testing.T, k manifest.Key) string {
	dir := t.TempDir()
	b := manifest.Bundle{About: about}
	put := func(name string, content []byte) {
		write(t, dir, name, content)
		b.Files = append(b.Files, manifest.BundleFile{Name: name, Bytes: int64(len(content)), Sum: sum(t, content)})
	}
	for _, name := range []string{"a.mkv", "b.mkv"} {
		body, document := exportFile(t, name, k)
		put(name, append(body, document...))
		put(name+beside, document)
	}
	put("index.html", []byte("<p>"))
	write(t, dir, bundleName, b.Marshal(k))
	return dir
}

func sum(t *testing.T, b []byte) manifest.Digest {
	d, err := digest(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// said is all that is said of a path, a line each.
func said(t *testing.T, v *Verifier, path string) string {
	t.Helper()
	results, err := v.Path(t.Context(), path)
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, r := range results {
		if r.Genuine {
			b.WriteString(r.Name + ": genuine\n")
		} else {
			b.WriteString(r.Name + ": NOT\n")
		}
		for _, l := range r.Lines {
			b.WriteString("  " + l + "\n")
		}
	}
	return b.String()
}

func TestAFileByItself(t *testing.T) {
	body, document := exportFile(t, "a.mkv", key(t, 1))
	_, others := exportFile(t, "b.mkv", key(t, 1))
	flip := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	other := key(t, 2).Public().Fingerprint()
	for _, c := range []struct {
		name   string
		file   []byte
		beside []byte
		key    string
		want   []string
	}{
		{"genuine", join(body, document), nil, "", []string{"a.mkv: genuine", "Door (camera k3f9x2ab, main stream), 2025-11-26 05:59:59 to 06:00:04 UTC", "Exported from gate by ann on 2025-11-26 06:00:08 UTC (case 4711)", "06:00:02 UTC: damaged already"}},
		{"the right key", join(body, document), nil, key(t, 1).Public().Fingerprint(), []string{"a.mkv: genuine"}},
		{"another key", join(body, document), nil, other, []string{"a.mkv: NOT", "signed with another key"}},
		{"changed", join(flip(body, 2500), document), nil, "", []string{"a.mkv: NOT", "2025-11-26 06:00:01 to 06:00:02 UTC: the footage was changed."}},
		{"cut out", join(body[:2100], body[3100:], document), nil, "", []string{"2025-11-26 06:00:01 to 06:00:02 UTC: the footage was cut out."}},
		{"inserted", join(body[:2100], []byte("foreign"), body[2100:], document), nil, "", []string{"At 2025-11-26 06:00:01 UTC: 7 bytes were inserted"}},
		{"manifest changed", join(body, flip(document, 200)), nil, "", []string{"NOT", "signature is wrong", "Nothing that it says can be believed"}},
		{"manifest changed, a good one beside", join(body, flip(document, 200)), document, "", []string{"genuine"}},
		{"truncated", body[:3000], document, "", []string{"NOT", "From 2025-11-26 06:00:01 UTC on the file was truncated: 3s are missing"}},
		{"truncated in its manifest", join(body, document[:50]), document, "", []string{"genuine"}},
		{"the manifest of another file", join(body, others), nil, "", []string{"NOT", "the footage was changed"}},
		{"no manifest", body, nil, "", []string{"NOT", "It has no manifest"}},
		{"empty", nil, nil, "", []string{"NOT", "It has no manifest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.mkv", c.file)
			if c.beside != nil {
				write(t, dir, "a.mkv"+beside, c.beside)
			}
			got := said(t, &Verifier{Key: c.key}, filepath.Join(dir, "a.mkv"))
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("said:\n%s\nwant %q", got, want)
				}
			}
		})
	}
}

func TestAFolder(t *testing.T) {
	dir := bundle(t, key(t, 1))
	if got := said(t, &Verifier{}, dir); strings.Contains(got, "NOT") || strings.Count(got, "genuine") != 4 || strings.Count(got, "case 4711") != 1 {
		t.Errorf("said:\n%s", got)
	}
	write(t, dir, "index.html", []byte("<b>"))
	write(t, dir, "more.mkv", []byte("x"))
	if err := os.Remove(filepath.Join(dir, "b.mkv")); err != nil {
		t.Fatal(err)
	}
	got := said(t, &Verifier{}, dir)
	for _, want := range []string{"a.mkv: genuine", "b.mkv: NOT\n  It is missing", "index.html: NOT\n  It was changed", "more.mkv: NOT", "vigie.json: genuine"} {
		if !strings.Contains(got, want) {
			t.Errorf("said:\n%s\nwant %q", got, want)
		}
	}
	write(t, dir, bundleName, []byte("{}"))
	if got := said(t, &Verifier{}, dir); !strings.Contains(got, "vigie.json: NOT") || !strings.Contains(got, "a.mkv: genuine") {
		t.Errorf("said:\n%s", got)
	}
}

func TestWhatIsNoExport(t *testing.T) {
	dir := t.TempDir()
	if got := said(t, &Verifier{}, dir); !strings.Contains(got, "no exported file here") {
		t.Error(got)
	}
	if _, err := new(Verifier).Path(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	write(t, dir, "a.zip", []byte("PK\x03\x04 and no more"))
	if got := said(t, &Verifier{}, filepath.Join(dir, "a.zip")); !strings.Contains(got, "The ZIP") && !strings.Contains(got, "the ZIP is damaged") {
		t.Error(got)
	}
}

// FuzzFile: whatever a file is, it is not called genuine.
func FuzzFile(f *testing.F) {
	body, document := exportFile(f, "a.mkv", key(f, 1))
	f.Add(body)
	f.Add(document)
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x1a\x45\xdf\xa3\x84\x42\x82\x81m\x18\x53\x80\x67\x81"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "a.mkv")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		results, err := new(Verifier).Path(t.Context(), path)
		for _, r := range results {
			if r.Genuine && err == nil {
				t.Errorf("%q is called genuine", b)
			}
		}
	})
}
