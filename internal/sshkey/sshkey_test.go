package sshkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func line(t testing.TB, public any) string {
	t.Helper()
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// rsaLine is of a number with that many bits, which nobody has to be able to factor.
func rsaLine(t testing.TB, bits int) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return line(t, &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537})
}

func ed(t testing.TB) string {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, public)
}

func TestGoodKeysAreTaken(t *testing.T) {
	var good []string
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, line(t, &k.PublicKey))
	}
	good = append(good, ed(t), rsaLine(t, 3072), rsaLine(t, 4096), rsaLine(t, 8192))
	for _, g := range good {
		k, err := Parse("  " + g + "\tjane@office \n")
		if err != nil {
			t.Errorf("%s: %v", g, err)
			continue
		}
		if k.Text() != g || k.Comment != "jane@office" || !strings.HasPrefix(k.Fingerprint(), "SHA256:") || len(k.Text()) > MaxText {
			t.Errorf("%s became %s %q", g, k.Text(), k.Comment)
		}
		again, err := Parse(k.Text())
		if err != nil || again.Fingerprint() != k.Fingerprint() || !again.Is(k.public) {
			t.Errorf("%s reads as %s, %v", k.Text(), again.Text(), err)
		}
	}
	k, err := Parse(ed(t) + " " + strings.Repeat("ä", 100) + "\x1b[31m")
	if err != nil || len([]rune(k.Comment)) != MaxComment || strings.ContainsRune(k.Comment, 0x1b) {
		t.Errorf("%q, %v", k.Comment, err)
	}
}

func TestTheFingerprintIsSSHKeygens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.pub")
	text := ed(t)
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh-keygen", "-l", "-f", file).Output()
	k, bad := Parse(text)
	if err != nil || bad != nil || !strings.Contains(string(out), " "+k.Fingerprint()+" ") {
		t.Errorf("%q, %v, %v", out, err, bad)
	}
}

// bad are lines that are refused, with a word of the reason.
func bad(t testing.TB) map[string]string {
	good := ed(t)
	kind, text, _ := strings.Cut(good, " ")
	weak := rsaLine(t, 2048)
	wire, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	longer := base64.StdEncoding.EncodeToString(append(wire, 0))
	return map[string]string{
		"":                  "Paste",
		"   \n ":            "Paste",
		"hello":             "no public key",
		kind:                "damaged",
		kind + " " + "AAAA": "damaged",
		good[:len(good)-7]:  "not whole",
		kind + " " + longer: "damaged",
		strings.Replace(good, "ssh-ed25519", "ssh-rsa", 1): "damaged",
		good + "\n" + good: "several lines",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----": "never leave",
		"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA":                                        "another program's form",
		weak:                                                                           "2048 bits is too weak",
		rsaLine(t, 16384):                                                              "too long",
		"ssh-dss AAAAB3NzaC1":                                                          "DSA",
		"command=\"/bin/sh\" " + good:                                                  "Options",
		"no-pty " + good:                                                               "Options",
		"ssh-ed25519-cert-v01@openssh.com AAAA":                                        "certificate",
		"sk-ssh-ed25519@openssh.com AAAA":                                              "security tokens",
		good + " \xff\xfe":                                                             "cannot be shown",
		kind + " " + strings.Repeat("A", 3*MaxText) + "=":                              "too long",
	}
}

func TestBadKeysAreRefusedWithAReason(t *testing.T) {
	for text, want := range bad(t) {
		if k, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v %v, want %q", text, k, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for text := range bad(f) {
		f.Add(text)
	}
	f.Add(ed(f) + " me")
	f.Add(rsaLine(f, 3072))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(k.Text() + " " + k.Comment)
		if err != nil || again.Text() != k.Text() || again.Comment != k.Comment || len(k.Text()) > MaxText {
			t.Errorf("%q became %q %q, then %q %q, %v", text, k.Text(), k.Comment, again.Text(), again.Comment, err)
		}
	})
}
