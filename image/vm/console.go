package vm

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// Console is what a machine writes to its serial port, as text: terminal control sequences and carriage returns are
// taken out, so that a pattern matches what a person would read. The log file has the raw bytes.
//
// It keeps everything in memory (a boot writes some 100 KB) and a cursor: each Expect looks only at what came after the
// match of the one before.
type Console struct {
	log   io.WriteCloser // raw copy, may be nil
	input io.Writer

	mu      sync.Mutex
	text    []byte
	cursor  int
	escape  escapeState
	ended   bool
	changed chan struct{} // closed and replaced whenever text grows or the console ends
}

func newConsole(log io.WriteCloser) *Console {
	return &Console{log: log, changed: make(chan struct{})}
}

// escapeState is where in a terminal control sequence (ECMA-48 §5.4) the stream is.
type escapeState int

const (
	plain escapeState = iota
	escaped
	inSequence
)

// Write takes bytes from the machine. It fails only if the log cannot be written.
func (c *Console) Write(raw []byte) (int, error) {
	if c.log != nil {
		if n, err := c.log.Write(raw); err != nil {
			return n, fmt.Errorf("write serial log: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range raw {
		c.accept(b)
	}
	c.wake()
	return len(raw), nil
}

func (c *Console) accept(b byte) {
	switch {
	case b == 0x1b:
		c.escape = escaped
	case c.escape == escaped && b == '[':
		c.escape = inSequence
	case c.escape == escaped:
		c.escape = plain // a two-byte sequence
	case c.escape == inSequence:
		if b >= 0x40 && b <= 0x7e { // final byte
			c.escape = plain
		}
	case b == '\n' || b == '\t' || b >= 0x20:
		c.text = append(c.text, b)
	}
}

func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Console) close() {
	c.mu.Lock()
	c.ended = true
	c.wake()
	c.mu.Unlock()
	if c.log != nil {
		_ = c.log.Close() // every write was checked
	}
}

// Send types text on the serial port.
func (c *Console) Send(text string) error {
	if _, err := io.WriteString(c.input, text); err != nil {
		return fmt.Errorf("write to serial port: %w", err)
	}
	return nil
}

// Text is all that came so far.
func (c *Console) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}

// Expect waits until pattern matches what came since the last match, and returns the match and its groups. It fails
// when ctx ends or the machine goes off first; the error then quotes the last lines.
func (c *Console) Expect(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for {
		match, ended, changed := c.look(pattern)
		if match != nil {
			return match, nil
		}
		if ended {
			return nil, fmt.Errorf("the machine went off before its console matched %q; it ended with:\n%s", pattern, c.tail())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %q on the console: %w; it ends with:\n%s", pattern, ctx.Err(), c.tail())
		}
	}
}

func (c *Console) look(pattern *regexp.Regexp) (match []string, ended bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rest := c.text[c.cursor:]
	if at := pattern.FindSubmatchIndex(rest); at != nil {
		for i := 0; i < len(at); i += 2 {
			group := ""
			if at[i] >= 0 {
				group = string(rest[at[i]:at[i+1]])
			}
			match = append(match, group)
		}
		c.cursor += at[1]
	}
	return match, c.ended, c.changed
}

// tail is the last 15 lines.
func (c *Console) tail() string {
	lines := strings.Split(strings.TrimRight(c.Text(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
