package terminal

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxWaiting = 200 // lines
	maxLine    = 1024
)

// Announce shows a whole line, given without its end, above the one that is being typed.
func (t *Terminal) Announce(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lent {
		if len(t.waiting) == maxWaiting {
			t.waiting = slices.Delete(t.waiting, 0, 1)
			t.lost++
		}
		t.waiting = append(t.waiting, text)
		return nil
	}
	return t.put(t.line.erased() + text + "\n" + string(t.line))
}

// lend notes whether a program speaks; at its end what waited is shown.
func (t *Terminal) lend(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent = yes
	if yes || len(t.waiting) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("\n") // nobody knows where the program has left the cursor
	if t.lost > 0 {
		fmt.Fprintf(&b, "(%d lines lost)\n", t.lost)
	}
	for _, text := range t.waiting {
		b.WriteString(text + "\n")
	}
	t.line, t.waiting, t.lost = nil, nil, 0
	_ = t.put(b.String()) // a terminal that has failed says so to who uses it
}

// line is what stands in the last line of a terminal, of ASCII, since it was begun.
type line []byte

// add takes what is written: ends of lines, returns, and backspaces as a line editor uses them.
func (l *line) add(text string) {
	for _, c := range []byte(text) {
		switch {
		case c == '\n', c == '\r': // who returns writes the line anew
			*l = (*l)[:0]
		case c == '\b' && len(*l) > 0:
			*l = (*l)[:len(*l)-1]
		case c != '\b' && len(*l) < maxLine:
			*l = append(*l, c)
		}
	}
}

// erased is what makes room for another line where this one stands. One that may be broken into several stays, and the other comes
// below it.
func (l line) erased() string {
	switch {
	case len(l) == 0:
		return ""
	case len(l) >= 80:
		return "\n"
	default:
		return "\r" + strings.Repeat(" ", len(l)) + "\r"
	}
}
