package password

import (
	"strings"
	"unicode/utf8"
)

// MinLength is counted in characters; MaxBytes bounds what one hash has to read.
const (
	MinLength = 10
	MaxBytes  = 256
)

// product is what nobody's password may consist of.
const product = "vigie"

// Check returns why a password may not be chosen by that user, as a sentence for the user, or "". It does not ask for
// kinds of characters: length is what counts, and only passwords that come first in any guessing are refused.
func Check(username, password string) string {
	switch {
	case !utf8.ValidString(password):
		return "The password is not valid text. Choose another one."
	case utf8.RuneCountInString(password) < MinLength:
		return "The password is too short. Choose one of at least 10 characters."
	case len(password) > MaxBytes:
		return "The password is too long. Choose one of at most 256 bytes."
	case strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "The password holds control characters. Choose one that can be typed on any keyboard."
	}
	lower := strings.ToLower(password)
	if distinct(lower) < 4 {
		return "The password repeats the same few characters. Choose one with more variety."
	}
	if user := strings.ToLower(username); user != "" && len(rest(lower, user)) < 6 && strings.Contains(lower, user) {
		return "The password is little more than the user name. Choose one that does not follow from it."
	}
	if len(rest(lower, weakWords...)) < 5 || isRun(lower) {
		return "This password is among the first that anyone would try. Choose another one, for example four unrelated words."
	}
	return ""
}

// weakWords are what the most guessed passwords are put together from.
var weakWords = []string{
	product, "password", "passwort", "passw0rd", "motdepasse", "contraseña", "administrator", "admin", "letmein",
	"welcome", "iloveyou", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qwerty", "qwertz", "azerty",
	"1q2w3e4r5t", "1q2w3e4r", "changeme", "default", "camera", "security", "surveillance", "video", "recorder",
	"1234567890", "0123456789", "123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "2024", "2025", "2026", "2027",
}

// rest is what remains of s without the words and without punctuation and space.
func rest(s string, words ...string) string {
	for _, w := range words {
		s = strings.ReplaceAll(s, w, "")
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" !?.,;:-_+*#@$%&/()=<>'\"", r) {
			return -1
		}
		return r
	}, s)
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// isRun says whether each character follows the one before by the same step of one, as in "abcdefghij" or "9876543210".
func isRun(s string) bool {
	runes := []rune(s)
	step := runes[1] - runes[0]
	if step != 1 && step != -1 {
		return false
	}
	for i := 1; i < len(runes); i++ {
		if d := runes[i] - runes[i-1]; d != step && !(runes[i-1] == '9' && runes[i] == '0') {
			return false
		}
	}
	return true
}
