package login

import (
	"encoding/base64"
	"strings"
	"testing"
)

// What a Login answers to Challenges is proof, and nothing else is.
func TestAnAnswerProvesThePassword(t *testing.T) {
	secret := NewSecret("viewer", "Vigie", "open sesame")
	for _, challenge := range Challenges("Vigie", "n1", false) {
		answer := func(user, password string) Answer {
			l := New(user, password)
			if again, err := l.Challenge([]string{challenge}); err != nil || !again {
				t.Fatal(again, err)
			}
			a, err := ReadAnswer(l.Authorization("DESCRIBE", "rtsp://host/live/x"))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		good := answer("viewer", "open sesame")
		if good.User != "viewer" || good.Nonce() != "n1" || good.URI() != "rtsp://host/live/x" || !good.Proves(secret, "Vigie", "n1", "DESCRIBE") {
			t.Errorf("%s: refused, %+v", challenge, good)
		}
		for what, wrong := range map[string]bool{
			"another password": answer("viewer", "open").Proves(secret, "Vigie", "n1", "DESCRIBE"),
			"another user":     answer("nobody", "open sesame").Proves(secret, "Vigie", "n1", "DESCRIBE"),
			"another nonce":    good.Proves(secret, "Vigie", "n2", "DESCRIBE"),
			"another realm":    good.Proves(secret, "Other", "n1", "DESCRIBE"),
			"another method":   good.Proves(secret, "Vigie", "n1", "PLAY"),
			"no secret":        good.Proves(Secret{}, "Vigie", "n1", "DESCRIBE"),
		} {
			if wrong {
				t.Errorf("%s: %s is taken", challenge, what)
			}
		}
	}
	if list := Challenges("Vigie", "n", true); len(list) != 3 || list[0] != `Basic realm="Vigie"` || !strings.HasSuffix(list[2], "algorithm=MD5") {
		t.Errorf("asks with %q", list)
	}
	for password, want := range map[string]bool{"open sesame": true, "open": false, "": false} {
		a, err := ReadAnswer("basic " + base64.StdEncoding.EncodeToString([]byte("viewer:"+password)))
		if err != nil || !a.Basic || a.Proves(secret, "Vigie", "", "DESCRIBE") != want {
			t.Errorf("basic with %q: %+v, %v", password, a, err)
		}
	}
}

// answers are Authorization headers that make no sense.
var answers = []string{
	"", "Basic", "Basic %%%", "Basic " + base64.StdEncoding.EncodeToString([]byte("nocolon")), "Bearer x", "Digest", `Digest username="a"`,
	`Digest username="a", realm="b", nonce="c", uri="d"`, `Digest username="a", realm="b", nonce="c", uri="d", response="e", Digest x=y`,
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for _, h := range answers {
		if a, err := ReadAnswer(h); err == nil {
			t.Errorf("%q is read as %+v", h, a)
		}
	}
	for _, more := range []string{", algorithm=SHA-3", ", qop=auth-int"} {
		a, err := ReadAnswer(`Digest username="a", realm="b", nonce="c", uri="d", response="e"` + more)
		if err != nil || a.Proves(NewSecret("a", "b", "p"), "b", "c", "X") {
			t.Errorf("%s: %v", more, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, h := range answers {
		f.Add(h)
	}
	f.Add(`Digest username="a\"b", realm="b", nonce="c", uri="d", response="e", qop=auth, nc=00000001, cnonce="x"`)
	secret := NewSecret("a", "b", "never guessed")
	f.Fuzz(func(t *testing.T, h string) {
		a, err := ReadAnswer(h)
		if err == nil && a.Proves(secret, "b", "c", "DESCRIBE") {
			t.Errorf("%q is taken", h)
		}
	})
}
