// Package sshkey knows which public keys may log in by SSH: Ed25519, ECDSA on the curves P-256, P-384 and P-521 (RFC 5656), and
// RSA of 3072 to 8192 bits. It reads them as people have them, in a line of OpenSSH's files, and says what to do about
// anything else that they paste.
//
// It is pure. A Key that Parse returned is good; its Text is the form to keep, and reads as the same key again.
package sshkey

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

const (
	// MaxText is how long a key's text may be, in bytes: RSA of 8192 bits has 1400.
	MaxText = 1600
	// MaxComment is how many characters are kept of what people wrote behind a key.
	MaxComment = 64

	leastRSA, mostRSA = 3072, 8192 // bits
)

// Types are the formats of the keys that are taken (RFC 4253, section 6.6).
func Types() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA}
}

// Signatures are the algorithms with which such keys may sign: none with SHA-1 (RFC 8332).
func Signatures() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
}

// Key is a public key that may log in.
type Key struct {
	Comment string // for people
	public  ssh.PublicKey
}

// refusal is why a key is not taken, as a sentence for people.
type refusal string

func (r refusal) Error() string { return string(r) }

// Parse reads one line: type, key in base64, comment. An error is a sentence for people.
func Parse(line string) (Key, error) {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return Key{}, refusal("Paste a public key: the line in a file that ends in .pub, as ssh-keygen writes it.")
	case strings.Contains(line, "PRIVATE KEY"):
		return Key{}, refusal("This is a private key, which must never leave its owner. Paste the public one, the line in the file that ends in .pub.")
	case strings.HasPrefix(line, "---- BEGIN SSH2"):
		return Key{}, refusal("This is a public key in another program's form. Have it shown in the form of OpenSSH, one line that begins with ssh- or ecdsa-, and paste that.")
	case strings.ContainsAny(line, "\r\n"):
		return Key{}, refusal("These are several lines. Add one key at a time, and have it in one line.")
	case len(line) > MaxText+4*MaxComment+2:
		return Key{}, refusal("This is too long for a public key.")
	case !utf8.ValidString(line):
		return Key{}, refusal("The key has characters that cannot be shown. Copy the line again.")
	}
	kind, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	text, comment, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if err := known(kind); err != nil {
		return Key{}, err
	}
	wire, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Key{}, refusal("The key is not whole. Copy the line again, from its first to its last character.")
	}
	public, err := ssh.ParsePublicKey(wire)
	// Some keys have two encodings (numbers with zeros in front); only the one that they are offered in is of use.
	if err != nil || public.Type() != kind || !bytes.Equal(public.Marshal(), wire) {
		return Key{}, refusal("The key is damaged, or not what the beginning of the line says. Copy the line again.")
	}
	k := Key{Comment: Comment(comment), public: public}
	return k, k.strong()
}

// known refuses kinds of keys, with a sentence for those that people do have.
func known(kind string) error {
	switch {
	case slices.Contains(Types(), kind):
		return nil
	case kind == "ssh-dss":
		return refusal("DSA keys are too weak to be used. Make another one, for example with: ssh-keygen -t ed25519")
	case strings.Contains(kind, "-cert-"):
		return refusal("This is a certificate. Paste the public key itself.")
	case strings.HasPrefix(kind, "sk-"):
		return refusal("Keys of security tokens cannot be used here. Make one for example with: ssh-keygen -t ed25519")
	case strings.Contains(kind, "=") || strings.HasPrefix(kind, "no-"):
		return refusal("Options in front of a key are not known here. Paste the key alone, from ssh- or ecdsa- on.")
	}
	return refusal("This is no public key. It begins with ssh-ed25519, ecdsa-sha2- or ssh-rsa: the line in a file that ends in .pub.")
}

func (k Key) strong() error {
	crypto, ok := k.public.(ssh.CryptoPublicKey)
	if !ok {
		return refusal("This kind of key cannot be used.")
	}
	if r, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
		switch bits := r.N.BitLen(); {
		case bits < leastRSA:
			return refusal(fmt.Sprintf("An RSA key of %d bits is too weak. Make one of %d at least, or better: ssh-keygen -t ed25519", bits, leastRSA))
		case bits > mostRSA:
			return refusal(fmt.Sprintf("An RSA key of %d bits is too long: %d at most.", bits, mostRSA))
		}
	}
	return nil
}

// Text is the key alone: its type and itself in base64.
func (k Key) Text() string {
	return k.public.Type() + " " + base64.StdEncoding.EncodeToString(k.public.Marshal())
}

// Type is the key's format.
func (k Key) Type() string { return k.public.Type() }

// Fingerprint is how ssh-keygen -l names the key.
func (k Key) Fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// Is tells whether a key that somebody offers is this one.
func (k Key) Is(offered ssh.PublicKey) bool {
	return offered.Type() == k.public.Type() && bytes.Equal(offered.Marshal(), k.public.Marshal())
}

// Comment makes of what people wrote about a key one short line that can be shown anywhere.
func Comment(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if runes := []rune(s); len(runes) > MaxComment {
		s = string(runes[:MaxComment-1]) + "…"
	}
	return s
}
