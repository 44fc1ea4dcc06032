package hostkey

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	format  = "vigie-ssh-host-key"
	maxSize = 8 << 10 // bytes of a file; an Ed25519 key takes 600
)

// Key is an Ed25519 key.
type Key struct {
	createdMs   int64
	pem         string
	fingerprint string
}

type document struct {
	Format    string `json:"format"`
	CreatedMs int64  `json:"createdMs"`
	SHA256    string `json:"sha256"`
	Key       string `json:"key"`
}

func generate(now time.Time) (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	return newKey(string(pem.EncodeToMemory(block)), now.UnixMilli())
}

// newKey checks that the text is such a key.
func newKey(text string, createdMs int64) (*Key, error) {
	signer, err := ssh.ParsePrivateKey([]byte(text))
	if err != nil {
		return nil, err
	}
	if kind := signer.PublicKey().Type(); kind != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("a key of type %s", kind)
	}
	return &Key{createdMs: createdMs, pem: text, fingerprint: ssh.FingerprintSHA256(signer.PublicKey())}, nil
}

// PEM is the private key in the form of OpenSSH.
func (k *Key) PEM() string { return k.pem }

// Fingerprint names the key as ssh-keygen -l does.
func (k *Key) Fingerprint() string { return k.fingerprint }

// before orders keys by age. Two of one age have an order too, so that each boot finds the same.
func (k *Key) before(o *Key) bool {
	return k.createdMs < o.createdMs || k.createdMs == o.createdMs && k.fingerprint < o.fingerprint
}

func (k *Key) encode() ([]byte, error) {
	sum := sha256.Sum256([]byte(k.pem))
	b, err := json.Marshal(document{format, k.createdMs, hex.EncodeToString(sum[:]), k.pem})
	return append(b, '\n'), err
}

// decode reads a file. It comes from a disk, so anything may be in it.
func decode(b []byte) (*Key, error) {
	if len(b) > maxSize {
		return nil, errors.New("too large for a host key")
	}
	var d document
	strict := json.NewDecoder(bytes.NewReader(b))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&d); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256([]byte(d.Key)); d.Format != format || d.SHA256 != hex.EncodeToString(sum[:]) {
		return nil, errors.New("no host key, or a damaged one")
	}
	return newKey(d.Key, d.CreatedMs)
}
