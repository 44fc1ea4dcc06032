package shell

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/services/shell/shellapi"
)

// serveShells runs a server with leave for an hour, for this process' user.
func serveShells(t *testing.T, l *leave) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "shell") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "open")
	listener, err := listen(socket, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(dir, "bin")
	if err := install(t.Context(), "/bin/busybox", tools); err != nil {
		t.Fatal(err)
	}
	s := &server{leave: l, user: os.Geteuid(), program: "/bin/busybox", home: dir, tools: tools, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func given(t *testing.T) *leave {
	l := newLeave()
	l.set(time.Hour)
	t.Cleanup(func() { l.set(0) })
	return l
}

func TestAShellHasItsToolsAndItsHome(t *testing.T) {
	socket := serveShells(t, given(t))
	s, err := shellapi.Open(t.Context(), socket, shellapi.Request{User: "jane", From: "192.0.2.9"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := io.WriteString(s.In, "pwd; command -v vi; echo $HOME $TERM; ulimit -c\n"); err != nil {
		t.Fatal(err)
	}
	s.In.Close()
	out, err := io.ReadAll(s.Out)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(socket)
	if lines := strings.Split(string(out), "\n"); lines[0] != dir || !strings.HasSuffix(lines[1], "/vi") || lines[2] != dir+" dumb" {
		t.Errorf("%q", out)
	}
	if status, err := s.Status(); status != 0 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
}

func TestAShellEndsWithItsConnectionAndItsLeave(t *testing.T) {
	l := given(t)
	socket := serveShells(t, l)
	for how, end := range map[string]func(s *shellapi.Shell){"connection": (*shellapi.Shell).Close, "leave": func(*shellapi.Shell) { l.set(0) }} {
		l.set(time.Hour)
		s, err := shellapi.Open(t.Context(), socket, shellapi.Request{Terminal: true, Term: "vt100", Columns: 80, Rows: 24})
		if err != nil {
			t.Fatal(how, err)
		}
		mark := filepath.Join(t.TempDir(), "mark")
		// It holds on to its life as well as a shell can.
		if _, err := io.WriteString(s.In, "trap '' HUP TERM; mkfifo "+mark+"; echo $TERM > "+mark+"; while :; do read x < "+mark+"; done\r"); err != nil {
			t.Fatal(how, err)
		}
		r, err := waitOpen(mark)
		if err != nil {
			t.Fatal(how, err)
		}
		if b, err := io.ReadAll(io.LimitReader(r, 6)); string(b) != "vt100\n" {
			t.Errorf("%s: its terminal is %q, %v", how, b, err)
		}
		r.Close()
		end(s)
		if how == "leave" {
			if status, err := s.Status(); !errors.Is(err, shellapi.ErrEnded) {
				t.Errorf("%s: %d, %v", how, status, err)
			}
			s.Close()
		}
		if err := goneFrom(mark); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	l.set(0)
	if s, err := shellapi.Open(t.Context(), socket, shellapi.Request{}); !errors.Is(err, shellapi.NotPermitted) {
		t.Errorf("without leave: %+v, %v", s, err)
	}
}

// waitOpen opens a pipe that somebody makes.
func waitOpen(path string) (*os.File, error) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.Open(path) // until somebody writes
		if err == nil || time.Now().After(deadline) {
			return f, err
		}
	}
}

// goneFrom waits until nobody reads a pipe any more.
func goneFrom(path string) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil { // ENXIO: no reader
			return nil
		}
		f.Close()
		if time.Now().After(deadline) {
			return errors.New("somebody reads still")
		}
	}
}

func TestNobodyElseIsAnswered(t *testing.T) {
	socket := serveShells(t, given(t))
	for _, line := range []string{"\n", "{", strings.Repeat("x", 2*shellapi.MaxLine), `{"user":7}` + "\n"} {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, line) // it may be closed before all is read
		_ = c.(*net.UnixConn).CloseWrite()
		if b, err := io.ReadAll(c); len(b) != 0 {
			t.Errorf("%.20q is answered with %q, %v", line, b, err)
		}
		c.Close()
	}
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
}

func TestATerminalsKindIsPlain(t *testing.T) {
	for term, want := range map[string]bool{"xterm-256color": true, "vt100": true, "": false, "a b": false, "x\n": false, "$(id)": false, strings.Repeat("x", 65): false} {
		if plain(term) != want {
			t.Errorf("%q", term)
		}
	}
}
