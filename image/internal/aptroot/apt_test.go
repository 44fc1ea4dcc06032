package aptroot

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vigie/image/internal/digest"
	"vigie/image/internal/manifest"
)

const sum = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

const paragraphs = `Package: linux-image-amd64
Source: linux-signed-amd64 (6.12.117+1)
Version: 6.12.117-1
Architecture: amd64
Depends: linux-image-6.12.117+deb13-amd64 (= 6.12.117-1), a:any | b, c
Description: Linux for 64-bit PCs
 Package: not a field
SHA256: ` + sum + `

Package: tzdata
Version: 2026f-0+deb13u1
Architecture: all
SHA256: ` + sum + `

Package: tzdata
Version: 2026a-0+deb13u1
Architecture: all
SHA256: ` + sum + `
`

func TestParseRecords(t *testing.T) {
	got, err := parseRecords([]byte(paragraphs))
	if err != nil {
		t.Fatal(err)
	}
	want := []record{
		{manifest.Package{Name: "linux-image-amd64", Version: "6.12.117-1", Arch: "amd64", SHA256: sum},
			[]string{"linux-image-6.12.117+deb13-amd64", "a", "c"}},
		{Package: manifest.Package{Name: "tzdata", Version: "2026f-0+deb13u1", Arch: "all", SHA256: sum}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error(diff)
	}
	if _, err := parseRecords([]byte("Package: a\nVersion: 1\n")); err == nil {
		t.Error("an entry without hash was taken")
	}
}

func FuzzParseRecords(f *testing.F) {
	f.Add([]byte(paragraphs))
	f.Add([]byte("Package: a\nDepends: , |, (= 1)\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseRecords(text)
		if err != nil {
			return
		}
		for _, r := range list {
			if r.Name == "" || len(r.SHA256) != 64 {
				t.Errorf("incomplete record %+v", r)
			}
		}
	})
}

func TestChooseMirrors(t *testing.T) {
	for _, c := range []struct{ name, targets, main, security string }{
		{"Debian 12", "bookworm-security main http://mirror/sec/\nbookworm main http://mirror/debian/\nbookworm-updates main http://mirror/debian/\n", "http://mirror/debian/", "http://mirror/sec/"},
		{"by nickname", "oldstable main http://a/\noldstable-security main http://b/\n", "http://a/", "http://b/"},
		{"others beside", "nodistro main http://node/\nbookworm contrib http://c/\nbookworm main http://a/\nbookworm-backports main http://d/\nbookworm-security main http://b/\n", "http://a/", "http://b/"},
		{"no security", "bookworm main http://a/\n", "", ""},
		{"nothing", "", "", ""},
	} {
		main, security, err := chooseMirrors(c.targets, "bookworm")
		if main != c.main || security != c.security || (err == nil) != (c.main != "") {
			t.Errorf("%s: %q, %q, %v", c.name, main, security, err)
		}
	}
}

func TestCodename(t *testing.T) {
	if got := codename("ID=debian\nVERSION_CODENAME=\"bookworm\"\n"); got != "bookworm" {
		t.Errorf("got %q", got)
	}
}

// makeDeb builds a real package with one file.
func makeDeb(t *testing.T, dir, name string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for file, text := range map[string]string{
		"DEBIAN/control":           "Package: " + name + "\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n",
		"usr/share/" + name + "/f": name,
	} {
		file = filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deb := filepath.Join(dir, name+"_1_all.deb")
	if out, err := exec.Command("dpkg-deb", "-b", "--root-owner-group", root, deb).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return deb
}

// TestRecordedSetNeedsNoNetwork records a set, takes apt away, and damages it.
func TestRecordedSetNeedsNoNetwork(t *testing.T) {
	dir := t.TempDir()
	request := Request{Names: []string{"hello"}}
	r := New(dir, false, slog.New(slog.DiscardHandler))
	deb := makeDeb(t, t.TempDir(), "hello")
	hash, err := digest.File(deb)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "debs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(deb, r.deb(hash)); err != nil {
		t.Fatal(err)
	}
	p := manifest.Package{Name: "hello", Version: "1", Arch: "all", SHA256: hash}
	if err := r.record(request, []manifest.Package{p}); err != nil {
		t.Fatal(err)
	}

	withoutApt(t)
	set, err := r.Packages(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Set{"hello": {Package: p}}, set, cmpopts.IgnoreFields(Package{}, "Dir")); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(filepath.Join(set["hello"].Dir, "usr/share/hello/f"))
	if string(text) != "hello" {
		t.Errorf("content %q, %v", text, err)
	}

	// Every reason not to use the record leads to apt, which is not there.
	if _, err := New(dir, true, r.log).Packages(t.Context(), request); err == nil {
		t.Error("a refresh used the record")
	}
	if _, err := r.Packages(t.Context(), Request{Names: []string{"hello"}, Metas: []string{"other"}}); err == nil {
		t.Error("the record of another request was used")
	}
	if err := os.WriteFile(r.deb(hash), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Packages(t.Context(), request); err == nil {
		t.Error("a damaged package was used")
	}
}

// withoutApt leaves nothing on the search path but dpkg-deb and what that runs.
func withoutApt(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"dpkg-deb", "tar", "xz", "zstd", "gzip"} {
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		if err := os.Symlink(path, filepath.Join(dir, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// TestUnsignedArchiveIsRefused holds the private root to checking signatures, with a real apt and a real archive that
// nobody signed.
func TestUnsignedArchiveIsRefused(t *testing.T) {
	archive := t.TempDir()
	for _, suite := range []string{Series, Series + "-updates", Series + "-security"} {
		dir := filepath.Join(archive, "dists", suite)
		if err := os.MkdirAll(filepath.Join(dir, "main/binary-amd64"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"Release":                    "Suite: " + suite + "\nCodename: " + suite + "\nComponents: main\nArchitectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n",
			"main/binary-amd64/Packages": "",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := New(t.TempDir(), false, slog.New(slog.DiscardHandler))
	a, err := r.prepareApt("deb", "file://"+archive, "file://"+archive)
	if err != nil {
		t.Fatal(err)
	}
	err = a.update(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("got %v", err)
	}
}
