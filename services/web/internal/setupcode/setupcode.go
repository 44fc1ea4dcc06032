// Package setupcode makes and checks the one-time code that proves to the first visitor of a new appliance that he
// stands in front of it: it is shown on the console and nowhere else.
//
// A code is 8 characters out of 32: 40 bits from the system's random source. It is written in two groups, and read
// leniently: case, spaces and dashes do not count, and the letters that the alphabet leaves out are taken for the
// digits they look like. A Code is immutable.
package setupcode

import (
	"crypto/rand"
	"crypto/subtle"
)

const (
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	length   = 8
	// maxInput bounds what a visitor may send, in bytes.
	maxInput = 64
)

// Code is one code.
type Code struct{ chars [length]byte }

// New makes a random code.
func New() Code {
	var c Code
	rand.Read(c.chars[:]) // never fails: crypto/rand ends the process rather than return an error
	for i, b := range c.chars {
		c.chars[i] = alphabet[b%byte(len(alphabet))] // 256 is a multiple of 32: no bias
	}
	return c
}

// String is the code as the console shows it: "K3F9-X2AB".
func (c Code) String() string {
	return string(c.chars[:length/2]) + "-" + string(c.chars[length/2:])
}

// Matches says whether what a visitor typed is this code; the time it takes does not depend on how much of it is right.
func (c Code) Matches(typed string) bool {
	got, ok := read(typed)
	return subtle.ConstantTimeCompare(got[:], c.chars[:]) == 1 && ok
}

// read brings what was typed into the form of the alphabet.
func read(typed string) (chars [length]byte, ok bool) {
	if len(typed) > maxInput {
		return chars, false
	}
	n := 0
	for i := range len(typed) {
		b := typed[i]
		switch {
		case b == ' ' || b == '-' || b == '\t':
			continue
		case b >= 'a' && b <= 'z':
			b -= 'a' - 'A'
		}
		switch b {
		case 'O':
			b = '0'
		case 'I', 'L':
			b = '1'
		case 'U':
			b = 'V'
		}
		if n == length || !(b >= '0' && b <= '9' || b >= 'A' && b <= 'Z') {
			return chars, false
		}
		chars[n] = b
		n++
	}
	return chars, n == length
}
