// Package errand is a service that runs one program for another service, and the way to ask it. What the program needs is
// worth the whole machine, and who asks reads what networks send; so the right to run it is a process of its own, which
// root alone may ask, and which builds the program's arguments itself from a request that it has checked.
//
// It is one request a connection to a unix socket: a line of JSON there, an Answer as a line of JSON back. Closing the
// connection gives the request up.
//
// A program that a dying disk never answers keeps its child, which cannot be killed while it waits in the kernel, and
// nothing else: what a child works on (its Key) is busy, everything else goes on, and the service ends without waiting.
package errand

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vigie/internal/health"
)

const (
	// requestTime is how long a client may take to say what it wants.
	requestTime = 5 * time.Second
	// KillTime is how long a child that was killed may take to go, before it is left to itself.
	KillTime = 2 * time.Second
	// MostOutput bounds in bytes what a program may say, maxRequest what may be asked, and maxAnswer what is answered: its output as JSON.
	MostOutput = 1 << 20
	maxRequest = 64 << 10
	maxAnswer  = 7 * MostOutput
)

// Job is what the program is to do.
type Job struct {
	Key  string // what it works on; a second job with the same one is answered as busy
	Args []string
}

// Config is what a service is made with.
type Config struct {
	Socket  string // that root alone may open
	Program string
	Env     []string
	// Aloud: what the program says on standard error belongs to the answer.
	Aloud bool
	// Job makes a job of a request, or says what is wrong with it. taken tells whether a child works on something. It is
	// called by one goroutine at a time.
	Job func(request []byte, taken func(key string) bool) (Job, error)
	Log *slog.Logger
}

// Answer is what the program said.
type Answer struct {
	Status int    `json:"status"` // its exit status
	Output string `json:"output,omitempty"`
	Busy   bool   `json:"busy,omitempty"`  // a former job with the same key has not ended yet
	Error  string `json:"error,omitempty"` // the program could not be run
}

// ErrBusy: see Answer.Busy.
var ErrBusy = errors.New("a former request has not been answered yet")

// Ask asks the service at a socket. When ctx ends first the request is given up.
func Ask(ctx context.Context, socket string, request any) (Answer, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return Answer{}, err
	}
	var a Answer
	if err := json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(&a); err != nil {
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		return Answer{}, fmt.Errorf("no answer: %w", err)
	}
	switch {
	case a.Busy:
		return a, ErrBusy
	case a.Error != "":
		return a, errors.New(a.Error)
	}
	return a, nil
}

// Run serves until ctx is cancelled.
func Run(ctx context.Context, cfg Config) error {
	s := &server{cfg: cfg, taken: map[string]bool{}}
	l, err := listen(cfg.Socket)
	if err != nil {
		return err
	}
	defer os.Remove(cfg.Socket)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	answering := make(chan error, 1)
	go func() { answering <- health.Serve(ctx, func() (uint64, error) { return s.answered.Load(), nil }) }()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(err, l.Close())
		}
		go s.serve(ctx, conn)
		select {
		case err := <-answering:
			return err
		default:
		}
	}
}

// listen makes the socket, which root alone may open.
func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}

type server struct {
	cfg      Config
	answered atomic.Uint64

	mu    sync.Mutex
	taken map[string]bool // keys with a child
}

func (s *server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	var request json.RawMessage
	if err := json.NewDecoder(io.LimitReader(conn, maxRequest)).Decode(&request); err != nil {
		s.refuse(conn, err)
		return
	}
	job, busy, err := s.take(request)
	switch {
	case err != nil:
		s.refuse(conn, err)
		return
	case busy:
		s.reply(conn, Answer{Busy: true})
		return
	}
	_ = conn.SetDeadline(time.Time{})
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // nothing more comes but the end
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	s.reply(conn, s.run(own, job))
}

// take makes a job of a request, and its key busy.
func (s *server) take(request []byte) (job Job, busy bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job, err = s.cfg.Job(request, func(key string) bool { return s.taken[key] })
	if err != nil || s.taken[job.Key] {
		return job, err == nil, err
	}
	s.taken[job.Key] = true
	return job, false, nil
}

func (s *server) free(key string) {
	s.mu.Lock()
	delete(s.taken, key)
	s.mu.Unlock()
}

func (s *server) refuse(conn net.Conn, err error) {
	s.cfg.Log.Warn("request refused", "err", err)
	s.reply(conn, Answer{Error: err.Error()})
}

func (s *server) reply(conn net.Conn, a Answer) {
	_ = conn.SetWriteDeadline(time.Now().Add(requestTime))
	_ = json.NewEncoder(conn).Encode(a) // who has gone needs no answer
	s.answered.Add(1)
}

// run runs the program until ctx ends.
func (s *server) run(ctx context.Context, job Job) Answer {
	var out limited
	cmd := exec.Command(s.cfg.Program, job.Args...)
	cmd.Stdout, cmd.WaitDelay = &out, KillTime
	if s.cfg.Aloud {
		cmd.Stderr = &out
	}
	cmd.Env = append([]string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, s.cfg.Env...)
	if err := cmd.Start(); err != nil {
		s.free(job.Key)
		return Answer{Error: err.Error()}
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		s.free(job.Key)
		done <- err
	}()
	select {
	case err := <-done:
		return answer(err, &out)
	case <-ctx.Done():
	}
	_ = cmd.Process.Kill()
	select {
	case <-done:
	case <-time.After(KillTime):
		s.cfg.Log.Warn("a disk holds a child", "disk", job.Key)
	}
	return Answer{Error: "given up"}
}

func answer(err error, out *limited) Answer {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return Answer{Output: out.kept.String()}
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return Answer{Status: exit.ExitCode(), Output: out.kept.String()}
	}
	return Answer{Error: err.Error()}
}

// limited keeps what is written to it, up to MostOutput.
type limited struct{ kept bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.kept.Len()+len(b) > MostOutput {
		return 0, errors.New("the program says more than it should")
	}
	return l.kept.Write(b)
}
