// Package console prints the lines that an installer reads on the machine's screen: one plain sentence a line, only
// when something changes. The log is elsewhere (slog on standard error).
package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Console writes lines; it may be used from many goroutines.
type Console struct {
	mu   sync.Mutex
	w    io.Writer
	last map[string]string // topic → line said last
}

// New returns a console that writes to w.
func New(w io.Writer) *Console { return &Console{w: w, last: map[string]string{}} }

// Say prints a line about a topic ("nic eth0", "disk sda") unless it is the line said last about it.
func (c *Console) Say(topic, format string, args ...any) {
	line := printable(fmt.Sprintf(format, args...))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last[topic] == line {
		return
	}
	c.last[topic] = line
	fmt.Fprintln(c.w, line) // a console that is gone must not stop the machine
}

// printable keeps what a disk or a server says about itself from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
