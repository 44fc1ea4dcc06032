// Package rowid makes the ids of what people set up: cameras, calendars, accounts of the relay.
//
// An id has 40 random bits, so that it stays unique over all appliances whose disks may ever meet in one machine, in 8
// characters that are not mistaken for one another and mean nothing in a path. It never changes, and is never used again.
package rowid

import (
	"crypto/rand"
	"strings"
)

// alphabet has 32 characters: the digits and letters without i, l, o and u.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const length = 8

// New returns a fresh id.
func New() string {
	var b [length]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b[:])
}

// Valid tells whether s could be an id.
func Valid(s string) bool {
	return len(s) == length && strings.Trim(s, alphabet) == ""
}
