package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stallAfter is how long a socket may take nothing before its reader is given up.
	stallAfter = 10 * time.Second
	// maxAnswers bounds the answers that wait for a reader to take them, in bytes.
	maxAnswers = 64 << 10
	// sendBuffer is what the kernel may hold for a reader: a keyframe at once, and no more than a moment of a stream.
	sendBuffer = 1 << 20
)

var errSlow = errors.New("the reader takes nothing")

// program is what an outlet plays.
type program interface {
	// take appends what is to be sent next; ok is false when there will be nothing more. It must not block.
	take(list [][]byte, now time.Time) (_ [][]byte, ok bool)
}

// outlet writes to a connection: what a program has, and answers in between. As long as the socket takes all at once, that
// happens in the goroutine that calls pump, by one system call; else a goroutine of the outlet's own waits for the socket.
type outlet struct {
	conn net.Conn
	sent atomic.Int64

	mu      sync.Mutex
	raw     syscall.RawConn // nil: conn is more than a TCP connection
	answers []byte
	source  program
	channel func(byte) byte // in place of the usual channels; nil: those
	list    [][]byte        // being written; belongs to drain while that runs
	room    [][]byte        // of list
	busy    bool            // drain runs
	err     error
	ended   func(error) // is called once, not under mu
	work    sync.WaitGroup
}

// newOutlet returns the outlet of a connection. ended is told, once, when nothing more can be written.
func newOutlet(conn net.Conn, ended func(error)) *outlet {
	o := &outlet{conn: conn, ended: ended}
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			o.raw = raw
			_ = c.SetWriteBuffer(sendBuffer) // less would do
		}
	}
	return o
}

// answer writes a message behind what is being written. A client that asks and asks without reading is given up.
func (o *outlet) answer(b []byte) {
	o.mu.Lock()
	if len(o.answers)+len(b) > maxAnswers {
		o.mu.Unlock()
		o.fail(errSlow)
		return
	}
	o.answers = append(o.answers, b...)
	o.mu.Unlock()
	o.pump()
}

// play begins with a program, or ends it with nil.
func (o *outlet) play(s program, channel func(byte) byte) {
	o.mu.Lock()
	o.source, o.channel = s, channel
	o.mu.Unlock()
	o.pump()
}

// load fills the list; mu is held. It returns false when there is nothing to write.
func (o *outlet) load(now time.Time) bool {
	o.list = o.room[:0]
	if len(o.answers) > 0 {
		o.list = append(o.list, o.answers)
		o.answers = nil
	}
	if o.source != nil {
		var ok bool
		from := len(o.list)
		if o.list, ok = o.source.take(o.list, now); !ok {
			o.source, o.err = nil, io.EOF
		}
		if o.channel != nil {
			for i := from; i < len(o.list); i++ {
				o.list[i] = rechannel(o.list[i], o.channel)
			}
		}
	}
	o.room = o.list
	return len(o.list) > 0
}

// pump writes what there is, as far as the socket takes it at once.
func (o *outlet) pump() {
	o.mu.Lock()
	err := o.pumpLocked()
	o.mu.Unlock()
	if err != nil {
		o.fail(err)
	}
}

func (o *outlet) pumpLocked() error {
	for !o.busy && o.err == nil {
		if !o.load(time.Now()) {
			return o.err
		}
		if o.raw != nil {
			var werr error
			if err := o.raw.Write(func(fd uintptr) bool { werr = o.write(fd); return true }); err != nil {
				return err
			}
			if werr != nil && !errors.Is(werr, unix.EAGAIN) {
				return werr
			}
			if len(o.list) == 0 {
				if o.err != nil {
					return o.err
				}
				continue
			}
		}
		o.busy = true
		o.work.Go(o.drain)
	}
	return nil
}

// write writes the list once, and takes what is written from it.
func (o *outlet) write(fd uintptr) error {
	for len(o.list) > 0 {
		var n int
		var err error
		if len(o.list) == 1 {
			n, err = unix.Write(int(fd), o.list[0])
		} else {
			n, err = unix.Writev(int(fd), o.list)
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if !o.written(n) {
			return unix.EAGAIN
		}
	}
	return nil
}

// written takes n bytes from the list; it returns false when they are not all.
func (o *outlet) written(n int) bool {
	o.sent.Add(int64(n))
	for n > 0 {
		if n < len(o.list[0]) {
			o.list[0] = o.list[0][n:]
			return false
		}
		n -= len(o.list[0])
		o.list[0] = nil
		o.list = o.list[1:]
	}
	return len(o.list) == 0
}

// drain writes until all is written, waiting for the socket.
func (o *outlet) drain() {
	for {
		if err := o.drainList(); err != nil {
			o.fail(err)
			return
		}
		o.mu.Lock()
		if o.err != nil || !o.load(time.Now()) {
			o.busy = false
			err := o.err
			_ = o.conn.SetWriteDeadline(time.Time{})
			o.mu.Unlock()
			if err != nil {
				o.fail(err)
			}
			return
		}
		o.mu.Unlock()
	}
}

// drainList writes what is in the list. Each step forward gives the reader time again.
func (o *outlet) drainList() error {
	if o.raw == nil {
		for len(o.list) > 0 {
			if err := o.conn.SetWriteDeadline(time.Now().Add(stallAfter)); err != nil {
				return err
			}
			n, err := o.conn.Write(o.list[0])
			if err != nil {
				return slow(err)
			}
			o.written(n)
		}
		return nil
	}
	for len(o.list) > 0 {
		if err := o.conn.SetWriteDeadline(time.Now().Add(stallAfter)); err != nil {
			return err
		}
		var werr error
		before := o.sent.Load()
		err := o.raw.Write(func(fd uintptr) bool {
			werr = o.write(fd)
			return !errors.Is(werr, unix.EAGAIN) || o.sent.Load() != before
		})
		if err != nil {
			return slow(err)
		}
		if werr != nil && !errors.Is(werr, unix.EAGAIN) {
			return werr
		}
	}
	return nil
}

func slow(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSlow
	}
	return err
}

// fail ends the outlet.
func (o *outlet) fail(err error) {
	o.mu.Lock()
	ended := o.ended
	o.ended, o.source = nil, nil
	if o.err == nil {
		o.err = err
	}
	o.mu.Unlock()
	if ended != nil {
		ended(err)
	}
}

// close gives up what is not written; the connection must be closed.
func (o *outlet) close() {
	o.fail(net.ErrClosed)
	o.work.Wait()
}

// rechannel returns a copy of packets with other channels.
func rechannel(b []byte, channel func(byte) byte) []byte {
	out := append([]byte(nil), b...)
	for at := 0; at+4 <= len(out); at += 4 + int(out[at+2])<<8 + int(out[at+3]) {
		out[at+1] = channel(out[at+1])
	}
	return out
}
