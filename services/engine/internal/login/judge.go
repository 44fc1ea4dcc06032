package login

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Secret is what a server keeps of a password: the two hashes of user, realm and password with which answers by digest are
// judged (RFC 7616 §3.4.2), in hexadecimal. The password cannot be read from it, but who has it can log in.
type Secret struct {
	MD5    string `json:"md5"`
	SHA256 string `json:"sha256"`
}

// NewSecret hashes a password.
func NewSecret(user, realm, password string) Secret {
	text := user + ":" + realm + ":" + password
	return Secret{MD5: md5Hex(text), SHA256: sha256Hex(text)}
}

// Challenges are the headers with which a server asks: SHA-256 and MD5, the latter last because clients that know no other
// take the last; basic is for connections that nobody can listen to.
func Challenges(realm, nonce string, basic bool) []string {
	var list []string
	if basic {
		list = append(list, "Basic realm="+quote(realm))
	}
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		list = append(list, fmt.Sprintf("Digest realm=%s, nonce=%s, algorithm=%s", quote(realm), quote(nonce), algorithm))
	}
	return list
}

// ErrAnswer: an Authorization header that makes no sense.
var ErrAnswer = errors.New("malformed authorization")

// Answer is what a client sends to prove that it knows a user's password.
type Answer struct {
	User     string
	Basic    bool
	password string // basic
	params   map[string]string
}

// ReadAnswer reads an Authorization header.
func ReadAnswer(header string) (Answer, error) {
	if scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " "); strings.EqualFold(scheme, "basic") {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		user, password, ok := strings.Cut(string(b), ":")
		if err != nil || !ok {
			return Answer{}, ErrAnswer
		}
		return Answer{User: user, Basic: true, password: password}, nil
	}
	list := parse([]string{header})
	if len(list) != 1 || list[0].scheme != "digest" {
		return Answer{}, ErrAnswer
	}
	p := list[0].params
	for _, need := range []string{"username", "realm", "nonce", "uri", "response"} {
		if _, ok := p[need]; !ok {
			return Answer{}, ErrAnswer
		}
	}
	return Answer{User: p["username"], params: p}, nil
}

// Nonce is what the client was asked with; none with basic.
func (a Answer) Nonce() string { return a.params["nonce"] }

// URI is what the client asks for as it says itself; none with basic.
func (a Answer) URI() string { return a.params["uri"] }

// Proves tells whether the answer comes from who knows the password. How long it takes does not depend on how nearly.
func (a Answer) Proves(s Secret, realm, nonce, method string) bool {
	if a.Basic {
		return same(sha256Hex(a.User+":"+realm+":"+a.password), s.SHA256)
	}
	p := a.params
	hash, secret := md5Hex, s.MD5
	switch strings.ToLower(p["algorithm"]) {
	case "", "md5":
	case "sha-256":
		hash, secret = sha256Hex, s.SHA256
	default:
		return false
	}
	text := secret + ":" + nonce + ":"
	switch p["qop"] {
	case "":
	case "auth":
		text += p["nc"] + ":" + p["cnonce"] + ":auth:"
	default:
		return false
	}
	proof := same(hash(text+hash(method+":"+p["uri"])), strings.ToLower(p["response"]))
	return same(p["realm"], realm) && same(p["nonce"], nonce) && proof
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func md5Hex(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

func sha256Hex(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}
