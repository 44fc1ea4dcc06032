package artefact

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

var when = time.Unix(1_700_000_000, 0).UTC()

func parts(t *testing.T) Parts {
	t.Helper()
	dir := t.TempDir()
	p := Parts{
		Kernel: filepath.Join(dir, "k"), Initrd: filepath.Join(dir, "i"), CommandLine: "console=ttyS0 panic=10",
		Manifest: systemimage.Manifest{Version: "1.2.3", BuiltS: when.Unix(), Kernel: "6.12.1"},
	}
	for file, size := range map[string]int{p.Kernel: 300_001, p.Initrd: 900_000} {
		if err := os.WriteFile(file, bytes.Repeat([]byte(filepath.Base(file)+"-"), size/2), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := Key("", dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Key = key
	return p
}

func write(t *testing.T, p Parts) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "system.img")
	if err := p.Write(t.Context(), out, when); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSamePartsSameImage(t *testing.T) {
	p := parts(t)
	one := write(t, p)
	t.Setenv("TZ", "Asia/Tokyo")
	if two := write(t, p); !bytes.Equal(one, two) {
		t.Error("two images of the same parts differ")
	}
}

// TestImageIsSealedAndNotCompressed: what GRUB reads are the very bytes, and the rest of the world can unpack it.
func TestImageIsSealedAndNotCompressed(t *testing.T) {
	p := parts(t)
	b := write(t, p)
	i, err := systemimage.Open(bytes.NewReader(b), int64(len(b)), []ed25519.PublicKey{p.Key.Public().(ed25519.PublicKey)})
	if err != nil || i.Version != "1.2.3" || i.Size() != int64(len(b)) {
		t.Fatalf("%+v, %v", i, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	file := filepath.Join(t.TempDir(), "system.img")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unsquashfs", "-no-progress", "-d", dir, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, from := range map[string]string{loader.Kernel: p.Kernel, loader.Initrd: p.Initrd} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		want, _ := os.ReadFile(from)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
		if !bytes.Contains(b, want[:4096]) {
			t.Errorf("%s is compressed", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, loader.BootFile))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := loader.ParseBlock(text); err != nil || v["options"] != p.CommandLine || v["built"] != "1700000000" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestSigningKeyIsMadeOnceOrGiven(t *testing.T) {
	dir := t.TempDir()
	one, err := Key("", dir)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Key("", dir)
	if err != nil || !one.Equal(two) {
		t.Errorf("another key: %v", err)
	}
	given := filepath.Join(dir, "release.pem")
	if _, err := Key(given, dir); err == nil {
		t.Error("a key was made where one was named")
	}
	// As other people's program makes it.
	if out, err := exec.Command("openssl", "genpkey", "-algorithm", "ed25519", "-out", given).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if key, err := Key(given, dir); err != nil || key.Equal(one) {
		t.Errorf("a given key: %v", err)
	}
	if out, err := exec.Command("openssl", "genpkey", "-algorithm", "X25519", "-out", given).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := Key(given, dir); err == nil || !strings.Contains(err.Error(), "openssl genpkey") {
		t.Errorf("a key of another kind: %v", err)
	}
}
