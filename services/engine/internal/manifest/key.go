package manifest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// domain stands before what is signed, so that a signature can never be taken for one of something else.
const domain = "vigie manifest 1\n"

// Key is the appliance's signing key. It says nothing of itself when it is printed.
type Key struct{ private ed25519.PrivateKey }

// SeedSize is the length of what a key is made from.
const SeedSize = ed25519.SeedSize

// NewKey makes a key from a secret seed of SeedSize bytes.
func NewKey(seed []byte) (Key, error) {
	if len(seed) != SeedSize {
		return Key{}, fmt.Errorf("signing key: seed of %d bytes", len(seed))
	}
	return Key{ed25519.NewKeyFromSeed(seed)}, nil
}

// Public is what signatures of the key are checked with.
func (k Key) Public() (p PublicKey) {
	copy(p[:], k.private.Public().(ed25519.PublicKey))
	return p
}

func (k Key) String() string   { return "signing key " + k.Public().ID() }
func (k Key) GoString() string { return k.String() }

func (k Key) sign(sum Digest) []byte { return ed25519.Sign(k.private, message(sum)) }

func message(sum Digest) []byte { return append([]byte(domain), sum[:]...) }

// PublicKey is an ed25519 public key.
type PublicKey [ed25519.PublicKeySize]byte

// MarshalText writes it in hexadecimal.
func (p PublicKey) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(p[:])), nil }

// UnmarshalText is the inverse of MarshalText.
func (p *PublicKey) UnmarshalText(b []byte) error { return unhex(p[:], b) }

func (p PublicKey) String() string { return hex.EncodeToString(p[:]) }

// Fingerprint is what people compare: SHA-256 in 64 hexadecimal digits.
func (p PublicKey) Fingerprint() string {
	sum := sha256.Sum256(p[:])
	return hex.EncodeToString(sum[:])
}

// ID is the beginning of the fingerprint: how an appliance is told from another one of the same name.
func (p PublicKey) ID() string { return p.Fingerprint()[:16] }

func (p PublicKey) verify(sum Digest, signature []byte) bool {
	return ed25519.Verify(p[:], message(sum), signature)
}

func unhex(dst, b []byte) error {
	if len(b) != 2*len(dst) {
		return errors.New("wrong number of hexadecimal digits")
	}
	_, err := hex.Decode(dst, b)
	return err
}
