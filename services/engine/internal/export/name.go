package export

import (
	"strings"
	"unicode"
)

// safeName makes a name that every file system takes, Windows' included.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	s = strings.Trim(s, " .")
	if n := []rune(s); len(n) > 64 {
		s = strings.TrimRight(string(n[:64]), " .")
	}
	if s == "" {
		return "camera"
	}
	return s
}
