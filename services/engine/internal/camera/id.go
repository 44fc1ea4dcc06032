package camera

import (
	"crypto/rand"
	"strings"
)

// idAlphabet has 32 characters that are not mistaken for one another: the digits and letters without i, l, o and u.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idLen gives 40 random bits: ids stay unique over every recorder whose volumes may ever meet in one machine.
const idLen = 8

// newID returns a fresh camera id.
func newID() string {
	var b [idLen]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	for i := range b {
		b[i] = idAlphabet[b[i]&31]
	}
	return string(b[:])
}

// ValidID tells whether s could be a camera's id. Ids become folder names: nothing else may pass.
func ValidID(s string) bool {
	return len(s) == idLen && strings.Trim(s, idAlphabet) == ""
}
