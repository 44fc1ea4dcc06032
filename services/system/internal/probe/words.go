package probe

import (
	"fmt"
	"strings"
)

// Describe says in words what is on the disk, for a list that people read.
func (r Result) Describe() string {
	if r.Blank {
		return "nothing"
	}
	words := describe(r.Contents)
	var inside []string
	for _, p := range r.Parts {
		inside = append(inside, describe(p.Contents)...)
	}
	switch n := len(r.Parts); {
	case n == 1:
		words = append(words, "1 partition"+list(inside))
	case n > 1:
		words = append(words, fmt.Sprintf("%d partitions%s", n, list(inside)))
	}
	if len(words) == 0 {
		return "data of an unknown kind"
	}
	return strings.Join(words, ", ")
}

func describe(contents []Content) []string {
	var words []string
	for _, c := range contents {
		if c.Label != "" {
			words = append(words, fmt.Sprintf("%s %q", c.Name, c.Label))
		} else {
			words = append(words, c.Name)
		}
	}
	return words
}

func list(words []string) string {
	const most = 6
	if len(words) == 0 {
		return ""
	}
	if len(words) > most {
		words = append(words[:most:most], "…")
	}
	return ": " + strings.Join(words, ", ")
}
