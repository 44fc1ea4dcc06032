// Package terminal is one terminal of the machine: the screen with its keyboard, or what hangs on a serial line.
//
// It reads keys and writes text. The line discipline is set so that keys come one by one, without echo and without
// signals; output processing stays, because init and the kernel can write lines to the same device. Each Write is one
// write to the kernel, which keeps those lines from coming in between, and is given up after a while: a serial line can
// stop for ever (flow control). What is typed while nobody asks for keys waits, as far as the kernel's buffer goes.
//
// A line of somebody else's does not break into what is being typed: Announce shows it above, and the unfinished line again below it.
// While a program speaks (Through) such lines wait for its end.
//
// One goroutine may use a Terminal; Announce and Close may be called from any.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// EscapeWait is how long after ESC the rest of a sequence may come: 300 baud would need 33 ms a byte.
	EscapeWait = 100 * time.Millisecond
	writeWait  = 10 * time.Second
)

// Terminal is an open terminal.
type Terminal struct {
	file    *os.File
	before  *unix.Termios
	decoder Decoder
	bytes   []byte // read and not yet decoded

	mu      sync.Mutex // of writing, and of what follows
	line    line       // the unfinished one
	lent    bool       // a program speaks
	waiting []string   // lines for its end
	lost    int        // lines that were too many to wait
}

// Open takes a terminal device over. Something that is no terminal, or a serial port without hardware, is refused.
func Open(path string) (*Terminal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	t := &Terminal{file: file}
	if err := t.control(func(fd int) (err error) {
		if t.before, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			return err
		}
		return unix.IoctlSetTermios(fd, unix.TCSETS, keyByKey(*t.before))
	}); err != nil {
		file.Close()
		return nil, fmt.Errorf("terminal %s: %w", path, err)
	}
	return t, nil
}

// keyByKey is the line discipline that is wanted; speed and character size stay as the kernel's command line set them.
func keyByKey(t unix.Termios) *unix.Termios {
	t.Iflag &^= unix.BRKINT | unix.ICRNL | unix.INLCR | unix.IGNCR | unix.INPCK | unix.ISTRIP | unix.IXON | unix.IXOFF
	t.Iflag |= unix.IGNBRK | unix.IGNPAR
	t.Oflag |= unix.OPOST | unix.ONLCR
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag |= unix.CREAD | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return &t
}

func (t *Terminal) control(f func(fd int) error) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Close gives the terminal back as it was. A Key that waits returns.
func (t *Terminal) Close() error {
	restored := t.control(func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, t.before) })
	return errors.Join(restored, t.file.Close())
}

// Size is in characters; 80 x 24 where the terminal does not know.
func (t *Terminal) Size() (columns, rows int) {
	columns, rows = 80, 24
	_ = t.control(func(fd int) error {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
			columns, rows = int(size.Col), int(size.Row)
		}
		return nil
	})
	return columns, rows
}

// Write puts text on the terminal as it is.
func (t *Terminal) Write(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line.add(text)
	return t.put(text)
}

func (t *Terminal) put(text string) error {
	if err := t.file.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	_, err := io.WriteString(t.file, text)
	return err
}

// Key waits for a key until ctx ends, whose error it returns then.
func (t *Terminal) Key(ctx context.Context) (Key, error) {
	// Reads are ended by deadline, so that no goroutine is left reading from a terminal that has another owner by then.
	defer context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		for len(t.bytes) > 0 {
			b := t.bytes[0]
			t.bytes = t.bytes[1:]
			if k, ok := t.decoder.Accept(b); ok {
				return k, nil
			}
		}
		deadline := time.Time{}
		if t.decoder.Waiting() {
			deadline = time.Now().Add(EscapeWait)
		}
		if err := t.file.SetReadDeadline(deadline); err != nil {
			return Key{}, err
		}
		if ctx.Err() != nil { // it may have ended before the deadline was set anew
			return Key{}, ctx.Err()
		}
		buffer := make([]byte, 64)
		n, err := t.file.Read(buffer)
		t.bytes = buffer[:n]
		switch {
		case n > 0 || err == nil:
		case ctx.Err() != nil:
			return Key{}, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			if k, ok := t.decoder.Pause(); ok {
				return k, nil
			}
		default:
			return Key{}, err
		}
	}
}

// Through has somebody else speak on the terminal: what is typed goes to the master side of a pseudo terminal, and what comes from
// there is shown, byte for byte, until its other side is closed or ctx ends.
func (t *Terminal) Through(ctx context.Context, master *os.File) error {
	past := time.Unix(1, 0)
	defer context.AfterFunc(ctx, func() { _ = master.SetDeadline(past) })()
	t.lend(true)
	defer t.lend(false)
	shown := make(chan error, 1)
	go func() {
		defer func() { _ = t.file.SetReadDeadline(past) }()
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			if n > 0 {
				if err := t.Write(string(buffer[:n])); err != nil {
					shown <- err
					return
				}
			}
			if err != nil { // an end by ctx, or the other side's: EIO
				shown <- nil
				return
			}
		}
	}()
	typed := t.bytes
	t.bytes, t.decoder = nil, Decoder{}
	if err := t.file.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	buffer := make([]byte, 64)
	for {
		if _, err := master.Write(typed); err != nil {
			return <-shown
		}
		select { // its end may have come before the deadline was set anew
		case err := <-shown:
			return err
		default:
		}
		n, err := t.file.Read(buffer)
		typed = buffer[:n]
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			_ = master.SetDeadline(past)
			return errors.Join(err, <-shown)
		}
		if err != nil {
			return <-shown
		}
	}
}

// Discard drops what has been typed and not been asked for.
func (t *Terminal) Discard() {
	t.bytes, t.decoder = nil, Decoder{}
	_ = t.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
}
