package visit

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"vigie/internal/console/terminal"
)

// size is a terminal's, in characters; the client says when it changes.
type size struct{ columns, rows atomic.Int32 }

const usualColumns, usualRows, mostCells = 80, 24, 1000

func (s *size) set(columns, rows uint32) {
	s.columns.Store(int32(min(columns, mostCells)))
	s.rows.Store(int32(min(rows, mostCells)))
}

// get is 80 x 24 where the client does not know.
func (s *size) get() (columns, rows int) {
	columns, rows = int(s.columns.Load()), int(s.rows.Load())
	if columns == 0 || rows == 0 {
		return usualColumns, usualRows
	}
	return columns, rows
}

// line is the terminal at the other end, for menu.Menu. Key is for one goroutine, Write for any.
type line struct {
	out     io.Writer
	size    *size
	in      <-chan []byte // closed when nothing comes any more
	bytes   []byte        // come and not yet decoded
	decoder terminal.Decoder
}

// Key waits for a key until ctx ends, whose error it returns then.
func (l *line) Key(ctx context.Context) (terminal.Key, error) {
	for {
		for len(l.bytes) > 0 {
			b := l.bytes[0]
			l.bytes = l.bytes[1:]
			if k, ok := l.decoder.Accept(b); ok {
				return k, nil
			}
		}
		if ctx.Err() != nil {
			return terminal.Key{}, ctx.Err()
		}
		var late <-chan time.Time
		if l.decoder.Waiting() {
			late = time.After(terminal.EscapeWait)
		}
		select {
		case b, ok := <-l.in:
			if !ok {
				return terminal.Key{}, io.EOF
			}
			l.bytes = b
		case <-late:
			if k, ok := l.decoder.Pause(); ok {
				return k, nil
			}
		case <-ctx.Done():
		}
	}
}

// Write puts text on the terminal, whose lines end with carriage returns too.
func (l *line) Write(text string) error {
	_, err := crlf{l.out}.Write([]byte(text))
	return err
}

// Discard drops what has come and not been asked for.
func (l *line) Discard() {
	l.bytes, l.decoder = nil, terminal.Decoder{}
	for {
		select {
		case _, ok := <-l.in:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// Size is in characters.
func (l *line) Size() (columns, rows int) { return l.size.get() }

// crlf writes to a terminal, which nobody's line discipline stands in front of.
type crlf struct{ w io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	if _, err := io.WriteString(c.w, strings.ReplaceAll(string(b), "\n", "\r\n")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// read hands over what comes until nothing does, or ctx ends.
func read(ctx context.Context, r io.Reader, to chan<- []byte) {
	defer close(to)
	for {
		b := make([]byte, 256)
		n, err := r.Read(b)
		if n > 0 {
			select {
			case to <- b[:n]:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
