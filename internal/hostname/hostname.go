// Package hostname says what a host name is, the same for boot options, configuration and certificate. It is pure.
// Because init links it, it imports neither package net nor anything that does.
package hostname

import "strings"

// MaxOwn is the longest name that this machine itself may have, in bytes: what the kernel (64) and the common name of a
// certificate (64) take, and DNS in one label.
const MaxOwn = 63

// Valid follows RFC 1123, section 2.1: labels of letters, digits and inner hyphens, 63 bytes at most, joined by dots.
func Valid(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}

// ValidOwn says whether this machine itself may have the name.
func ValidOwn(s string) bool { return len(s) <= MaxOwn && Valid(s) }
