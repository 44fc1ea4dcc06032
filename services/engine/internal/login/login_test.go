package login

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// answered holds headers against the scheme, algorithm and nonce that must be answered; err: none.
var answered = []struct {
	name    string
	headers []string
	want    string
	err     bool
}{
	{"basic", []string{`Basic realm="cam"`}, "basic", false},
	{"basic without realm", []string{`Basic`}, "basic", false},
	{"old digest", []string{`Digest realm="cam", nonce="n1"`}, "digest//n1", false},
	{"digest in lower case, blanks", []string{`digest realm = "cam" ,nonce="n1",, algorithm= MD5 `}, "digest/MD5/n1", false},
	{"stronger first", []string{`Digest realm="cam", nonce="n2", algorithm=SHA-256`, `Digest realm="cam", nonce="n1", algorithm=MD5`, `Basic realm="cam"`}, "digest/SHA-256/n2", false},
	{"stronger last", []string{`Basic realm="cam"`, `Digest realm="cam", nonce="n1", algorithm="MD5"`, `Digest realm="cam", nonce="n2", algorithm="SHA-256"`}, "digest/SHA-256/n2", false},
	{"all in one header", []string{`Basic realm="a, b", Digest realm="cam", nonce="n1", Digest realm="cam", nonce="n2", algorithm=SHA-256`}, "digest/SHA-256/n2", false},
	{"unknown algorithm beside a known", []string{`Digest realm="cam", nonce="n1", algorithm=SHA-3`, `Digest realm="cam", nonce="n2"`}, "digest//n2", false},
	{"digest without nonce", []string{`Digest realm="cam"`, `Basic realm="cam"`}, "basic", false},
	{"integrity only", []string{`Digest realm="cam", nonce="n1", qop="auth-int"`}, "", true},
	{"quoted quote", []string{`Digest realm="a\"b", nonce="n1"`}, "digest//n1", false},
	{"nothing", nil, "", true},
	{"unknown scheme", []string{`Negotiate abc==`}, "", true},
	{"no end", []string{`Digest realm="cam", nonce="n1`}, "", true},
	{"rubbish", []string{"=\x00\"", ",,,", "a=b"}, "", true},
}

func TestTheStrongestOfferIsAnswered(t *testing.T) {
	for _, c := range answered {
		l := New("admin", "secret")
		again, err := l.Challenge(c.headers)
		if c.err {
			if !errors.Is(err, ErrUnsupported) || again || l.Authorization("GET", "/") != "" {
				t.Errorf("%s: %v, again %v", c.name, err, again)
			}
			continue
		}
		if err != nil || !again {
			t.Errorf("%s: %v, again %v", c.name, err, again)
			continue
		}
		got := l.chosen.scheme
		if got == "digest" {
			got += "/" + l.chosen.params["algorithm"] + "/" + l.chosen.params["nonce"]
		}
		if got != c.want {
			t.Errorf("%s: answers %s, want %s", c.name, got, c.want)
		}
	}
}

// params reads an answer as a server would.
func params(t *testing.T, header string) map[string]string {
	t.Helper()
	list := parse([]string{header})
	if len(list) != 1 || list[0].scheme != "digest" {
		t.Fatalf("%q is not one digest", header)
	}
	return list[0].params
}

func TestBasic(t *testing.T) {
	l := New("Aladdin", "open sesame")
	if _, err := l.Challenge([]string{`Basic realm="x"`}); err != nil {
		t.Fatal(err)
	}
	if got := l.Authorization("DESCRIBE", "rtsp://cam/"); got != "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" { // RFC 7617 §2
		t.Error(got)
	}
}

func TestDigestAsOldCamerasKnowIt(t *testing.T) {
	l := New("Mufasa", "CircleOfLife")
	if _, err := l.Challenge([]string{`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`}); err != nil {
		t.Fatal(err)
	}
	p := params(t, l.Authorization("GET", "/dir/index.html"))
	sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	want := sum(sum("Mufasa:testrealm@host.com:CircleOfLife") + ":dcd98b7102dd2f0e8b11d0f600bfb0c093:" + sum("GET:/dir/index.html"))
	if p["response"] != want || p["opaque"] != "5ccc069c403ebaf9f0171e9517f40e41" || p["qop"] != "" || p["algorithm"] != "" || p["username"] != "Mufasa" {
		t.Errorf("%v", p)
	}
}

// The hashes of RFC 7616 §3.9.1, with our own client nonce.
func TestDigestWithQualityOfProtection(t *testing.T) {
	md5sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	shasum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	const realm, nonce = "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	for algorithm, sum := range map[string]func(string) string{"MD5": md5sum, "SHA-256": shasum, "SHA-256-sess": shasum} {
		l := New("Mufasa", "Circle of Life")
		if _, err := l.Challenge([]string{fmt.Sprintf(`Digest realm=%q, qop="auth, auth-int", algorithm=%s, nonce=%q`, realm, algorithm, nonce)}); err != nil {
			t.Fatal(err)
		}
		for use := 1; use <= 2; use++ {
			p := params(t, l.Authorization("GET", "/dir/index.html"))
			secret := sum("Mufasa:" + realm + ":Circle of Life")
			if strings.HasSuffix(algorithm, "-sess") {
				secret = sum(secret + ":" + nonce + ":" + p["cnonce"])
			}
			want := sum(secret + ":" + nonce + ":" + fmt.Sprintf("%08d", use) + ":" + p["cnonce"] + ":auth:" + sum("GET:/dir/index.html"))
			if p["response"] != want || p["nc"] != fmt.Sprintf("%08d", use) || len(p["cnonce"]) != 16 || p["algorithm"] != algorithm {
				t.Errorf("%s, use %d: %v", algorithm, use, p)
			}
		}
	}
}

func TestAnOldNonceIsRenewedAndAWrongPasswordNotTriedForEver(t *testing.T) {
	challenge := func(l *Login, nonce, more string) bool {
		again, err := l.Challenge([]string{fmt.Sprintf(`Digest realm="cam", nonce=%q%s`, nonce, more)})
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	l := New("admin", "secret")
	for i, step := range []struct {
		nonce, more    string
		accepted, want bool
	}{
		{"n1", "", false, true},                 // asked for the first time
		{"n2", "", false, false},                // refused, though with a new nonce: the password is wrong
		{"n3", ", stale=true", false, true},     // only the nonce was old
		{"n3", ", stale=true", false, false},    // the same again
		{"n4", ", stale=\"TRUE\"", false, true}, // quoted
		{"n5", "", true, true},                  // it worked before: what is old is the nonce, though nobody says so
		{"n6", "", false, false},
	} {
		if step.accepted {
			l.Accepted()
		}
		if got := challenge(l, step.nonce, step.more); got != step.want {
			t.Errorf("step %d: again %v, want %v", i, got, step.want)
		}
	}
	if again, err := l.Challenge(nil); again || err != nil {
		t.Errorf("refused without a word: %v, %v", again, err)
	}
}

func TestHeadersCannotBeBrokenOut(t *testing.T) {
	l := New("a\"b\\c\r\nX: y", "p")
	if _, err := l.Challenge([]string{`Digest realm="r\"s", nonce="n"`}); err != nil {
		t.Fatal(err)
	}
	h := l.Authorization("OPTIONS", "rtsp://cam/\"")
	p := params(t, h)
	if strings.ContainsAny(h, "\r\n") || p["username"] != "a\"b\\cX: y" || p["realm"] != `r"s` || p["uri"] != "rtsp://cam/\"" {
		t.Errorf("%q: %v", h, p)
	}
}

func FuzzChallenge(f *testing.F) {
	for _, c := range answered {
		f.Add(strings.Join(c.headers, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := New("admin", "secret")
		again, err := l.Challenge(strings.Split(text, "\n"))
		h := l.Authorization("DESCRIBE", "rtsp://cam/")
		if (err == nil) != again || (h != "") != again {
			t.Fatalf("%q: again %v, %v, answer %q", text, again, err, h)
		}
		if strings.Contains(h, "secret") || strings.ContainsAny(h, "\r\n") {
			t.Fatalf("%q: answer %q", text, h)
		}
	})
}
