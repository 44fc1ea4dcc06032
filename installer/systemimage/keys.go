package systemimage

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// TrustedFile is where the keys that a running image trusts are in its root.
const TrustedFile = "/usr/share/vigie/trusted.pem"

// ParsePrivateKey reads a private key: PKCS #8 in PEM.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key in PEM; make one with: openssl genpkey -algorithm ed25519")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	own, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the private key is %T, not Ed25519; make one with: openssl genpkey -algorithm ed25519", key)
	}
	return own, nil
}

// NewPrivateKey makes a private key, in the form that ParsePrivateKey reads.
func NewPrivateKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseTrusted reads the public keys that an image trusts: PEM, one after the other, one at least.
func ParseTrusted(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read a trusted key: %w", err)
		}
		own, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("a trusted key is %T, not Ed25519", key)
		}
		keys = append(keys, own)
	}
	if len(keys) == 0 {
		return nil, errors.New("no trusted key")
	}
	return keys, nil
}

// EncodeTrusted is the inverse of ParseTrusted.
func EncodeTrusted(keys ...ed25519.PublicKey) ([]byte, error) {
	var text []byte
	for _, key := range keys {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("encode a trusted key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text, nil
}
