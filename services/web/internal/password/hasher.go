// Package password turns passwords into stored strings, checks them, and refuses those that anyone would guess.
//
// It owns the algorithm (Argon2id, RFC 9106), its cost and the format of the stored string. A Hasher bounds how many
// hashes run at once and how many wait, since each takes tens of megabytes: what comes on top is turned away with
// ErrBusy. A Hasher may be used by many goroutines. Nothing here logs, and no error holds a password or a hash.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/crypto/argon2"
)

// ErrBusy says that too many hashes are already waiting.
var ErrBusy = errors.New("too many password checks at once")

const (
	saltBytes = 16
	sumBytes  = 32
)

// Hasher computes and checks hashes, a bounded number at a time.
type Hasher struct {
	params  Params
	running chan struct{} // holds one token for each hash that runs
	queued  chan struct{} // and one for each that runs or waits
}

// NewHasher makes a Hasher that runs at most parallel hashes at once while at most queue others wait.
func NewHasher(params Params, parallel, queue int) *Hasher {
	return &Hasher{
		params:  params,
		running: make(chan struct{}, parallel),
		queued:  make(chan struct{}, parallel+queue),
	}
}

// Hash returns the string to store for a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	r := record{params: h.params, salt: make([]byte, saltBytes)}
	rand.Read(r.salt) // never fails: crypto/rand ends the process rather than return an error
	sum, err := h.compute(ctx, password, r.params, r.salt, sumBytes)
	if err != nil {
		return "", err
	}
	r.sum = sum
	return r.String(), nil
}

// Verify says whether password is the one that stored was made from, and whether it should be hashed anew because the
// default cost has changed since. An error means that it could not be found out.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, stale bool, err error) {
	r, err := parse(stored)
	if err != nil {
		return false, false, fmt.Errorf("read stored hash: %w", err)
	}
	sum, err := h.compute(ctx, password, r.params, r.salt, len(r.sum))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(sum, r.sum) == 1, r.params != h.params, nil
}

// VerifyNobody takes as long as Verify does and never succeeds: for a user who does not exist, so that the time of the
// answer does not tell.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	_, err := h.compute(ctx, password, h.params, make([]byte, saltBytes), sumBytes)
	return err
}

func (h *Hasher) compute(ctx context.Context, password string, p Params, salt []byte, size int) ([]byte, error) {
	select {
	case h.queued <- struct{}{}:
		defer func() { <-h.queued }()
	default:
		return nil, ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// The memory goes back at once: left to the collector's own pace, a few log-ins would make a process of 16 MB one of
	// 150 MB. A collection of this small heap takes a hundredth of the hash's time.
	defer debug.FreeOSMemory()
	return argon2.IDKey([]byte(password), salt, p.Passes, p.MemoryKiB, p.Threads, uint32(size)), nil
}
