package bootopt

import "strings"

// Param is one word of the kernel command line.
type Param struct {
	Key   string
	Value string // empty also when there was no "="
}

// ParseCommandLine splits a kernel command line as the kernel does (lib/cmdline.c, next_arg): words end at white
// space; double quotes keep white space inside a word; quotes around a whole word or around its value are not part of
// it, others are. What follows a lone "--" is for init's own arguments and no parameter.
func ParseCommandLine(line string) []Param {
	var params []Param
	for {
		line = strings.TrimLeft(line, " \t\n\v\f\r\x00")
		if line == "" {
			return params
		}
		var word string
		word, line = nextWord(line)
		if word == "--" {
			return params
		}
		params = append(params, splitWord(word))
	}
}

// nextWord cuts the first word, quotes included, off a line that starts with one.
func nextWord(line string) (word, rest string) {
	quoted := false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" \t\n\v\f\r\x00", c) >= 0:
			return line[:i], line[i:]
		}
	}
	return line, ""
}

func splitWord(word string) Param {
	if inner, ok := strings.CutPrefix(word, `"`); ok {
		word = strings.TrimSuffix(inner, `"`)
	}
	// A word that starts with "=" has no name before it; the kernel takes it as a name without a value.
	i := strings.Index(word, "=")
	if i <= 0 {
		return Param{Key: word}
	}
	value := word[i+1:]
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		value = strings.TrimSuffix(inner, `"`)
	}
	return Param{Key: word[:i], Value: value}
}
