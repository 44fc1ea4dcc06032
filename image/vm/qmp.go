package vm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// qmp is a client of the QEMU Machine Protocol (docs/interop/qmp-spec.txt of QEMU): JSON objects, one a line; replies
// come in the order of the commands, events whenever they happen.
type qmp struct {
	conn net.Conn
	send sync.Mutex // one command at a time

	replies chan message
	readEnd chan struct{} // closed when the reader is gone; readErr is set before
	readErr error

	mu     sync.Mutex
	events []message
	moved  chan struct{} // closed and replaced when events grows
}

type message struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// newQMP starts a session. It owns conn from now on, whatever it returns.
func newQMP(ctx context.Context, conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn, replies: make(chan message), readEnd: make(chan struct{}), moved: make(chan struct{})}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // a socket always has deadlines
	}
	reader := bufio.NewReader(conn)
	if _, err := reader.ReadBytes('\n'); err != nil {
		conn.Close()
		return nil, fmt.Errorf("read QMP greeting: %w", err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	go q.read(reader)
	if _, err := q.execute(ctx, "qmp_capabilities", nil); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

func (q *qmp) read(reader *bufio.Reader) {
	defer close(q.readEnd)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			q.readErr = err
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			q.readErr = fmt.Errorf("parse QMP message: %w", err)
			return
		}
		if m.Event == "" {
			q.replies <- m
			continue
		}
		q.mu.Lock()
		q.events = append(q.events, m)
		close(q.moved)
		q.moved = make(chan struct{})
		q.mu.Unlock()
	}
}

func (q *qmp) execute(ctx context.Context, command string, arguments any) (json.RawMessage, error) {
	q.send.Lock()
	defer q.send.Unlock()
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return nil, fmt.Errorf("encode QMP command %s: %w", command, err)
	}
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("send QMP command %s: %w", command, err)
	}
	select {
	case m := <-q.replies:
		if m.Error != nil {
			return nil, fmt.Errorf("QMP command %s: %s: %s", command, m.Error.Class, m.Error.Desc)
		}
		return m.Return, nil
	case <-q.readEnd:
		return nil, fmt.Errorf("QMP command %s: %w", command, q.readErr)
	case <-ctx.Done():
		// The reply may still come and would be taken for the next command's: this connection is of no more use.
		q.close()
		return nil, fmt.Errorf("QMP command %s: %w", command, ctx.Err())
	}
}

func (q *qmp) close() {
	_ = q.conn.Close()
	for {
		select {
		case <-q.replies: // a reply nobody waits for any more
		case <-q.readEnd:
			return
		}
	}
}

// Execute runs a QMP command and decodes its result into result unless that is nil.
func (v *VM) Execute(ctx context.Context, command string, arguments, result any) error {
	reply, err := v.qmp.execute(ctx, command, arguments)
	if err != nil {
		// QEMU may close the socket before its reply to quit is read.
		if command == "quit" && errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(reply, result); err != nil {
		return fmt.Errorf("parse reply to QMP command %s: %w", command, err)
	}
	return nil
}

// WaitEvent waits for a QMP event by name and for which match, given the event's data, returns true; nil matches all.
// Events from before the call count too.
func (v *VM) WaitEvent(ctx context.Context, name string, match func(data json.RawMessage) bool) error {
	return v.waitEvent(ctx, 0, name, match)
}

// eventCount is how many events there were so far.
func (v *VM) eventCount() int {
	v.qmp.mu.Lock()
	defer v.qmp.mu.Unlock()
	return len(v.qmp.events)
}

// waitEvent is WaitEvent for events after the first seen ones.
func (v *VM) waitEvent(ctx context.Context, seen int, name string, match func(data json.RawMessage) bool) error {
	for {
		v.qmp.mu.Lock()
		fresh, moved := v.qmp.events[seen:], v.qmp.moved
		v.qmp.mu.Unlock()
		for _, e := range fresh {
			if e.Event == name && (match == nil || match(e.Data)) {
				return nil
			}
		}
		seen += len(fresh)
		select {
		case <-moved:
		case <-v.qmp.readEnd:
			return fmt.Errorf("wait for QMP event %s: %w", name, v.qmp.readErr)
		case <-ctx.Done():
			return fmt.Errorf("wait for QMP event %s: %w", name, ctx.Err())
		}
	}
}

// PowerButton presses the machine's power button once.
func (v *VM) PowerButton(ctx context.Context) error {
	return v.Execute(ctx, "system_powerdown", nil, nil)
}

// SetLink plugs in (up) or pulls the cable of a NIC.
func (v *VM) SetLink(ctx context.Context, nic string, up bool) error {
	return v.Execute(ctx, "set_link", map[string]any{"name": nic, "up": up}, nil)
}

// Press presses keys on the machine's keyboard, one after the other, by QEMU's names of them ("ret", "1", "spc").
func (v *VM) Press(ctx context.Context, keys ...string) error {
	for _, k := range keys {
		key := []map[string]any{{"type": "qcode", "data": k}}
		if err := v.Execute(ctx, "send-key", map[string]any{"keys": key, "hold-time": 50}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Screen is the text on the machine's screen, line by line, without the spaces at their ends. It is read from the memory of a VGA's
// text mode, 25 lines of 80 characters, which BIOS starts with; a screen in another mode has none.
func (v *VM) Screen(ctx context.Context) (string, error) {
	const at, columns, rows = 0xb8000, 80, 25
	name := filepath.Join(v.cfg.Dir, "screen.bin")
	if err := v.Execute(ctx, "pmemsave", map[string]any{"val": at, "size": 2 * columns * rows, "filename": name}, nil); err != nil {
		return "", err
	}
	cells, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the screen's memory: %w", err)
	}
	var text strings.Builder
	for row := range slices.Chunk(cells, 2*columns) {
		var line []byte
		for cell := range slices.Chunk(row, 2) { // a character and its colours
			line = append(line, max(cell[0], ' '))
		}
		text.Write(append(bytes.TrimRight(line, " "), '\n'))
	}
	return text.String(), nil
}

// Screenshot writes what the machine's screen shows to a PNG file.
func (v *VM) Screenshot(ctx context.Context, path string) error {
	return v.Execute(ctx, "screendump", map[string]any{"filename": path, "format": "png"}, nil)
}
