// Package login is how user and password are asked for and proved in RTSP and HTTP (RFC 7235), for both sides.
//
// A Login answers the challenges of a server: Digest with SHA-256, SHA-512-256 or MD5, with and without a quality of
// protection (RFC 7616, RFC 2069 for old cameras), and Basic (RFC 7617), which gives the password away and is used only
// where nothing else is offered. A server asks with Challenges, keeps a Secret of each password, and judges an Answer.
//
// Of several challenges, in one header or many, the strongest is answered. Whether a request is worth sending again after a
// refusal is told by Challenge: after the first, and when only the nonce was too old, but never in circles.
//
// A Login knows no host: who uses it must not hand its answers to another server than the one that asked.
//
// Concurrency: methods may be called from anywhere.
package login

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// ErrUnsupported means that the server offers only ways of logging in that are not known here.
var ErrUnsupported = errors.New("no supported way of logging in is offered")

// Login is one user's login at one server. Make one with New.
type Login struct {
	user, password string

	mu     sync.Mutex
	chosen *challenge // nil: the server has not asked yet
	hash   func(string) string
	uses   uint32 // of the present nonce
	works  bool   // the server has taken an answer
}

// New returns the login of a user.
func New(user, password string) *Login { return &Login{user: user, password: password} }

// Challenge takes the WWW-Authenticate headers of a refusal. It returns whether the request is worth sending again, and
// ErrUnsupported when the server asks for nothing that is known here. Some refuse a wrong password without asking again.
func (l *Login) Challenge(headers []string) (again bool, err error) {
	var best challenge
	var hash func(string) string
	for _, c := range parse(headers) {
		if h, ok := usable(c); ok && (best.scheme == "" || strength(c) > strength(best)) {
			best, hash = c, h
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.chosen
	switch {
	case best.scheme == "" && last != nil:
		return false, nil
	case best.scheme == "":
		return false, ErrUnsupported
	}
	fresh := last == nil || last.params["nonce"] != best.params["nonce"]
	again = last == nil || fresh && (l.works || strings.EqualFold(best.params["stale"], "true"))
	l.chosen, l.hash, l.works = &best, hash, false
	if fresh {
		l.uses = 0
	}
	return again, nil
}

// Accepted notes that the server has taken an answer, so that a later refusal is one of an old nonce.
func (l *Login) Accepted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.works = l.chosen != nil
}

// Authorization returns the header of a request, empty as long as the server has not asked.
func (l *Login) Authorization(method, uri string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chosen
	switch {
	case c == nil:
		return ""
	case c.scheme == "basic":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.user+":"+l.password))
	}
	p := c.params
	secret := l.hash(l.user + ":" + p["realm"] + ":" + l.password)
	request := l.hash(method + ":" + uri)
	var b strings.Builder
	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s", quote(l.user), quote(p["realm"]), quote(p["nonce"]), quote(uri))
	session := strings.HasSuffix(strings.ToLower(p["algorithm"]), "-sess")
	protect := offersAuth(p["qop"])
	var client string
	if protect || session {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails: see crypto/rand
		client = hex.EncodeToString(random[:])
		fmt.Fprintf(&b, ", cnonce=%q", client)
	}
	if session {
		secret = l.hash(secret + ":" + p["nonce"] + ":" + client)
	}
	if protect {
		l.uses++
		count := fmt.Sprintf("%08x", l.uses)
		fmt.Fprintf(&b, ", qop=auth, nc=%s, response=%q", count, l.hash(secret+":"+p["nonce"]+":"+count+":"+client+":auth:"+request))
	} else {
		fmt.Fprintf(&b, ", response=%q", l.hash(secret+":"+p["nonce"]+":"+request))
	}
	if v, ok := p["algorithm"]; ok {
		b.WriteString(", algorithm=" + v) // usable has seen that it is a plain word
	}
	if v, ok := p["opaque"]; ok {
		b.WriteString(", opaque=" + quote(v))
	}
	return b.String()
}

// usable tells whether a challenge can be answered, and with which hash.
func usable(c challenge) (hash func(string) string, ok bool) {
	switch c.scheme {
	case "basic":
		return nil, true
	case "digest":
	default:
		return nil, false
	}
	for _, need := range []string{"realm", "nonce"} {
		if _, ok := c.params[need]; !ok {
			return nil, false
		}
	}
	if qop, given := c.params["qop"]; given && strings.TrimSpace(qop) != "" && !offersAuth(qop) {
		return nil, false
	}
	switch strings.TrimSuffix(strings.ToLower(c.params["algorithm"]), "-sess") {
	case "", "md5":
		return md5Hex, true
	case "sha-256":
		return sha256Hex, true
	case "sha-512-256":
		return func(s string) string { h := sha512.Sum512_256([]byte(s)); return hex.EncodeToString(h[:]) }, true
	}
	return nil, false
}

func strength(c challenge) int {
	switch {
	case c.scheme == "basic":
		return 0
	case strings.HasPrefix(strings.ToLower(c.params["algorithm"]), "sha-"):
		return 2
	}
	return 1
}

func offersAuth(qop string) bool {
	for v := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(v), "auth") {
			return true
		}
	}
	return false
}

// quote makes a quoted-string (RFC 7230 §3.2.6). Control characters, which cannot be in a header, are left out.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
