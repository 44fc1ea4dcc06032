package screen

import "strings"

// printable keeps to ASCII: a serial terminal may know no more, and nothing from outside may steer it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Printable makes one line of text from elsewhere fit for a terminal.
func Printable(s string) string { return printable(s) }

// clip cuts a line of ASCII.
func clip(s string, width int) string {
	if len(s) <= width {
		return s
	}
	return s[:max(0, width-3)] + "..."
}

// Wrap breaks text of ASCII into lines of at most width characters, at spaces where there are any.
func Wrap(s string, width int) []string { return wrap(printable(s), width) }

func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		for len(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:width]), word[width:]
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
