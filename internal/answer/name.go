package answer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many characters a name may have.
const maxName = 64

// Name returns what a person calls a thing, without outer blanks. The error is a *Problem of the field "name"; what says
// what the thing is, with its article.
func Name(what, s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", Field("name", "bad_name", "Give "+what+" a name.")
	case utf8.RuneCountInString(s) > maxName:
		return "", Field("name", "bad_name", "The name is too long: 64 characters at most.")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "", Field("name", "bad_name", "The name has characters that cannot be shown.")
	}
	return s, nil
}
