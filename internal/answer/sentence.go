package answer

import "strings"

// Sentence makes one of an error's words: "no answer" becomes "No answer."
func Sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:] + "."
}
