// Package logring keeps the newest lines of a log in a bounded piece of memory.
//
// A Ring never holds more than its size in bytes of text (its oldest lines go first) and never a line longer than
// MaxLine. It is safe for many goroutines.
package logring

import (
	"bytes"
	"strings"
	"sync"
)

// MaxLine is the longest line kept, in bytes; longer ones are cut and end in "...".
const MaxLine = 4096

// overhead is what a line costs beside its text.
const overhead = 32

// Ring is a bounded log. Make it with New.
type Ring struct {
	mu    sync.Mutex
	size  int
	bytes int
	lines []string
}

// New returns a ring of at most size bytes.
func New(size int) *Ring { return &Ring{size: size} }

// Add appends one line, without its newline.
func (r *Ring) Add(line string) {
	if len(line) > MaxLine {
		line = line[:MaxLine-3] + "..."
	}
	line = strings.Clone(strings.ToValidUTF8(line, "?"))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.bytes += len(line) + overhead
	drop := 0
	for r.bytes > r.size && drop < len(r.lines) {
		r.bytes -= len(r.lines[drop]) + overhead
		r.lines[drop] = ""
		drop++
	}
	r.lines = r.lines[drop:]
}

// Write adds the lines of p, each of which must be whole, as log handlers write them.
func (r *Ring) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		r.Add(string(bytes.TrimRight(line, "\r\n")))
	}
	return len(p), nil
}

// Lines returns the lines, oldest first.
func (r *Ring) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.lines...)
}
