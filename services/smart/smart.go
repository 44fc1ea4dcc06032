// Package smart is the service that asks disks how they are: it runs smartctl, and nothing else. That takes two rights that
// are worth the whole machine, to send commands to disks (CAP_SYS_RAWIO) and to NVMe controllers (CAP_SYS_ADMIN), so it is
// a process of its own, which no network reaches: it answers root alone (the system service), and of a request only a
// disk's name, a card's number and one of four words pass (package smartapi).
//
// A question that a dying disk never answers keeps its child, which cannot be killed while it waits in the kernel, and
// nothing else: a disk has one child at a time, and further questions about it are answered as busy. The service ends
// without waiting for such children.
package smart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
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
	"vigie/services/smart/smartapi"
)

const (
	// requestTime is how long a client may take to say what it wants.
	requestTime = 5 * time.Second
	// killTime is how long a child that was killed may take to go, before it is left to itself.
	killTime = 2 * time.Second
	// mostOutput bounds what smartctl may say, so that an answer fits (see smartapi.MaxAnswer).
	mostOutput = 1 << 20
)

// Run is "vigie smart": it serves until ctx is cancelled.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flag.NewFlagSet("smart", flag.ContinueOnError)
	f.SetOutput(stderr)
	socket := f.String("socket", "/run/vigie/smart/ask.sock", "unix `socket` to answer at")
	program := f.String("smartctl", "/usr/sbin/smartctl", "`path` of smartctl")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	s := &server{program: *program, log: slog.New(slog.NewTextHandler(stderr, nil)), asked: map[string]bool{}}
	l, err := listen(*socket)
	if err != nil {
		return err
	}
	defer os.Remove(*socket)
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

// server answers questions.
type server struct {
	program  string
	log      *slog.Logger
	answered atomic.Uint64

	mu    sync.Mutex
	asked map[string]bool // disks with a child
}

func (s *server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	var r smartapi.Request
	err := json.NewDecoder(io.LimitReader(conn, 1024)).Decode(&r)
	if err == nil {
		err = r.Validate()
	}
	if err != nil {
		s.log.Warn("question refused", "err", err)
		s.reply(conn, smartapi.Answer{Error: err.Error()})
		return
	}
	_ = conn.SetDeadline(time.Time{})
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // nothing more comes but the end
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	s.reply(conn, s.ask(own, r))
}

func (s *server) reply(conn net.Conn, a smartapi.Answer) {
	_ = conn.SetWriteDeadline(time.Now().Add(requestTime))
	_ = json.NewEncoder(conn).Encode(a) // who has gone needs no answer
	s.answered.Add(1)
}

// arguments are smartctl's for a request.
func arguments(r smartapi.Request) []string {
	args := []string{"--json"}
	switch r.Do {
	case smartapi.Report:
		args = append(args, "--all", fmt.Sprintf("--nocheck=standby,%d", smartapi.Asleep))
	case smartapi.Short, smartapi.Long:
		args = append(args, "--test="+r.Do)
	case smartapi.Stop:
		args = append(args, "--abort")
	}
	if r.Type != "" {
		args = append(args, "--device="+r.Type)
	}
	return append(args, r.Node)
}

// ask runs smartctl until ctx ends.
func (s *server) ask(ctx context.Context, r smartapi.Request) smartapi.Answer {
	disk := r.Node + " " + r.Type
	s.mu.Lock()
	busy := s.asked[disk]
	s.asked[disk] = true
	s.mu.Unlock()
	if busy {
		return smartapi.Answer{Busy: true}
	}
	var out limited
	cmd := exec.Command(s.program, arguments(r)...)
	cmd.Stdout, cmd.WaitDelay = &out, killTime
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	free := func() { s.mu.Lock(); delete(s.asked, disk); s.mu.Unlock() }
	if err := cmd.Start(); err != nil {
		free()
		return smartapi.Answer{Error: err.Error()}
	}
	done := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		free()
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
	case <-time.After(killTime):
		s.log.Warn("a disk holds smartctl", "disk", disk)
	}
	return smartapi.Answer{Error: "given up"}
}

func answer(err error, out *limited) smartapi.Answer {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return smartapi.Answer{Output: out.String()}
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return smartapi.Answer{Status: exit.ExitCode(), Output: out.String()}
	}
	return smartapi.Answer{Error: err.Error()}
}

// limited keeps what is written to it, up to mostOutput.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > mostOutput {
		return 0, errors.New("smartctl says more than it should")
	}
	return l.Buffer.Write(b)
}
