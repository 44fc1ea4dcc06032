// Package shellapi opens shells of the shell service, over its unix socket: the only package of that service that others
// may import.
//
// One connection is one shell. The client writes a Request as a line of JSON; the service answers a Reply as a line of JSON,
// together with the shell's files (SCM_RIGHTS): the near end of a terminal, or those of its standard input, output and
// error. What is typed and shown goes through the files alone. When the shell has ended a Reply with its status comes, and
// nothing after it; a client that closes the connection ends the shell.
package shellapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxLine bounds a line of either side in bytes.
const MaxLine = 4096

// Request is what shell is wanted, and for whom.
type Request struct {
	User     string `json:"user"` // an administrator who has logged in
	From     string `json:"from"` // his address
	Terminal bool   `json:"terminal,omitempty"`
	Term     string `json:"term,omitempty"` // the terminal's kind
	Columns  int    `json:"columns,omitempty"`
	Rows     int    `json:"rows,omitempty"`
	// Command is a program of the image with its arguments, instead of a shell; in rescue mode alone.
	Command []string `json:"command,omitempty"`
}

// Reply is what the service answers.
type Reply struct {
	Error  string `json:"error,omitempty"`  // why there is no shell, for people
	Opened bool   `json:"opened,omitempty"` // the files come with this reply
	Status int    `json:"status,omitempty"` // the shell has ended with it
}

// Refusal is why there is no shell, as a sentence for people.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// NotPermitted is told while there is no permission, or the service has not heard of it yet.
const NotPermitted Refusal = "A full shell is not permitted at the moment. An administrator permits it in the web admin, on the page Access, for a limited time."

// ErrEnded is how a shell ends whose service does.
var ErrEnded = errors.New("the full shell is not permitted any more, and was ended")

// Shell is one that runs. Close ends it.
type Shell struct {
	Terminal bool
	In       *os.File // with a terminal also what is shown
	Out, Err *os.File // nil with a terminal
	conn     *net.UnixConn
	ended    chan struct{}
	status   int
	failed   error
}

const (
	// startWithin is how long the service may take to start, tryAgain the pause between tries.
	startWithin = 10 * time.Second
	tryAgain    = 100 * time.Millisecond
)

// Absent tells whether a shell could not be opened because the service is not there, or not yet.
func Absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// Await opens a shell as Open does, and for some seconds again while passes says of the error that it may pass.
func Await(ctx context.Context, socket string, r Request, passes func(error) bool) (*Shell, error) {
	until := time.After(startWithin)
	for {
		s, err := Open(ctx, socket, r)
		if err == nil || !passes(err) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-until:
			return nil, err
		case <-time.After(tryAgain):
		}
	}
}

// Open opens a shell at the service's socket.
func Open(ctx context.Context, socket string, r Request) (*Shell, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	conn := c.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	s, err := open(conn, r)
	if !stop() && err == nil {
		s.Close()
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go s.follow()
	return s, nil
}

func open(conn *net.UnixConn, r Request) (*Shell, error) {
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return nil, err
	}
	line, oob := make([]byte, MaxLine), make([]byte, unix.CmsgSpace(3*4))
	n, m, _, _, err := conn.ReadMsgUnix(line, oob)
	if err != nil {
		return nil, err
	}
	files, err := received(oob[:m])
	if err != nil {
		return nil, err
	}
	s := &Shell{Terminal: r.Terminal, conn: conn, ended: make(chan struct{})}
	var reply Reply
	end := bytes.IndexByte(line[:n], '\n')
	if end < 0 {
		err = errors.New("the shell service answers nothing that can be read")
	} else if err = json.Unmarshal(line[:end], &reply); err == nil && reply.Error != "" {
		err = Refusal(reply.Error)
	}
	switch {
	case err != nil:
	case reply.Opened && r.Terminal && len(files) == 1:
		s.In = files[0]
	case reply.Opened && !r.Terminal && len(files) == 3:
		s.In, s.Out, s.Err = files[0], files[1], files[2]
	default:
		err = fmt.Errorf("the shell service gave %d files", len(files))
	}
	if err != nil {
		for _, f := range files {
			f.Close()
		}
		return nil, err
	}
	return s, nil
}

// received are the files that came along with a message. They do not block.
func received(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, e := unix.ParseUnixRights(&m)
		err = errors.Join(err, e)
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			err = errors.Join(err, unix.SetNonblock(fd, true))
			files = append(files, os.NewFile(uintptr(fd), "shell"))
		}
	}
	return files, err
}

// follow waits for the shell's end.
func (s *Shell) follow() {
	defer close(s.ended)
	var reply Reply
	line, err := io.ReadAll(io.LimitReader(s.conn, MaxLine))
	if err == nil && len(line) == 0 {
		s.failed = ErrEnded
		return
	}
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	s.status, s.failed = reply.Status, err
}

// Ended is closed when the shell has ended; Status tells how.
func (s *Shell) Ended() <-chan struct{} { return s.ended }

// Status is the shell's exit status, once it has ended. ErrEnded: it was ended, because no shell is permitted any more.
func (s *Shell) Status() (int, error) {
	<-s.ended
	return s.status, s.failed
}

// Resize tells the shell how large its terminal is.
func (s *Shell) Resize(columns, rows int) error {
	if !s.Terminal {
		return nil
	}
	raw, err := s.In.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
	}), err)
}

// Close ends the shell, if it has not ended.
func (s *Shell) Close() {
	for _, f := range []*os.File{s.In, s.Out, s.Err} {
		if f != nil {
			f.Close()
		}
	}
	s.conn.Close()
}
