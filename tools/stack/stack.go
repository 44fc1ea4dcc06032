// Package stack runs the services of the appliance as processes on this machine, without init and without a machine
// of their own: system only observes, volumes are plain folders. For development, tests and measurements.
//
// Each service writes its log to <Dir>/<service>.log. A Stack and the processes it made end with Close, or with the
// process that made it. Methods may be called from several goroutines.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"vigie/tools/appliance"
)

// Names of the services, in the order in which they are started.
const (
	System = "system"
	Engine = "engine"
	NTP    = "ntp"
	SSH    = "ssh"
	Web    = "web"
)

// Config describes a stack.
type Config struct {
	Binary  string   // the vigie program
	Dir     string   // for sockets, databases and logs; its path must be short (a socket's may have 107 bytes)
	Volumes []string // existing folders
	Listen  string   // where web listens, host:port, or "machine": at the port of the machine's configuration; empty: no web
	Screen  io.Writer
	Decoder string   // the program that decodes for browsers, see BuildDecoder; empty: there is none
	Engine  []string // more flags for engine
	// Namespace is a network namespace that the services work in, as ip netns knows it: its virtual Ethernet is the
	// machine's cards, which system runs, and whose ports are free. Empty: this machine's, which system observes.
	Namespace string
}

// Stack is a running set of services.
type Stack struct {
	cfg    Config
	screen *appliance.Screen

	mu       sync.Mutex
	children map[string]*child
}

type child struct {
	process *os.Process
	ended   chan struct{}
	err     error // of Wait; valid once ended is closed
}

// Build compiles the vigie program of the source tree at root into the file out.
func Build(ctx context.Context, root, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "./services/vigie")
	cmd.Dir = root
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build vigie: %w: %s", err, b)
	}
	return nil
}

// BuildDecoder builds the decoder of the source tree at root, as file ffmpeg in the folder out. It takes minutes once, and a
// second from then on.
func BuildDecoder(ctx context.Context, root, out string) (program string, err error) {
	cmd := exec.CommandContext(ctx, "go", "run", "./image", "decoder", "-out", out)
	cmd.Dir = root
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the decoder: %w: %s", err, b)
	}
	return filepath.Join(out, "ffmpeg"), nil
}

// Start starts the services and returns once each answers.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{cfg: cfg, screen: appliance.NewScreen(), children: make(map[string]*child)}
	for _, v := range cfg.Volumes {
		for _, d := range []string{"rec", "index", "accounts", "machine"} {
			if err := os.MkdirAll(filepath.Join(v, "vigie", d), 0o700); err != nil {
				return nil, fmt.Errorf("make volume %s: %w", v, err)
			}
		}
	}
	for _, name := range s.services() {
		if err := s.StartService(ctx, name); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Stack) services() []string {
	if s.cfg.Listen == "" {
		return []string{System, Engine}
	}
	return []string{System, Engine, NTP, SSH, Web}
}

// Socket is the API socket of a service but web.
func (s *Stack) Socket(service string) string { return filepath.Join(s.cfg.Dir, service+".sock") }

// Console is the socket that web has for the console and for SSH.
func (s *Stack) Console() string { return filepath.Join(s.cfg.Dir, "console.sock") }

// Log is the file with a service's standard error.
func (s *Stack) Log(service string) string { return filepath.Join(s.cfg.Dir, service+".log") }

// Greeting waits for what web says to the person who installs it.
func (s *Stack) Greeting(ctx context.Context) (appliance.Greeting, error) {
	return s.screen.Greeting(ctx)
}

// PID is the process id of a service.
func (s *Stack) PID(service string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.children[service]; c != nil {
		return c.process.Pid
	}
	return 0
}

func (s *Stack) arguments(service string) []string {
	switch service {
	case System:
		args := []string{System, "-observe", "-socket", s.Socket(System), "-init", "", "-run", filepath.Join(s.cfg.Dir, "system")}
		for _, v := range s.cfg.Volumes {
			args = append(args, "-volume", v)
		}
		if s.cfg.Namespace != "" {
			args = append(args, "-network", "-resolv", filepath.Join(s.cfg.Dir, "resolv.conf"))
		}
		return args
	case Engine:
		return append([]string{Engine, "-socket", s.Socket(Engine), "-system", s.Socket(System), "-state", filepath.Join(s.cfg.Dir, "engine"),
			"-decoder", s.cfg.Decoder}, s.cfg.Engine...)
	case NTP:
		port := "0" // any free one, once it is switched on
		if s.cfg.Namespace != "" {
			port = "123"
		}
		return []string{NTP, "-socket", s.Socket(NTP), "-system", s.Socket(System), "-port", port}
	case SSH:
		return []string{SSH, "-socket", s.Socket(SSH), "-system", s.Socket(System), "-web", s.Console()}
	}
	args := []string{Web, "-engine", s.Socket(Engine), "-system", s.Socket(System), "-ntp", s.Socket(NTP), "-ssh", s.Socket(SSH), "-console", s.Console(),
		"-state", filepath.Join(s.cfg.Dir, "web")}
	if s.cfg.Listen != "machine" {
		args = append(args, "-listen", s.cfg.Listen)
	}
	return args
}

// StartService starts one service, which must not be running, and waits until it answers.
func (s *Stack) StartService(ctx context.Context, service string) error {
	log, err := os.OpenFile(s.Log(service), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", service, err)
	}
	command := append([]string{s.cfg.Binary}, s.arguments(service)...)
	if s.cfg.Namespace != "" {
		command = append([]string{"ip", "netns", "exec", s.cfg.Namespace}, command...)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = log
	screens := []io.Writer{log}
	if service == Web {
		screens = append(screens, s.screen)
	}
	if s.cfg.Screen != nil {
		screens = append(screens, s.cfg.Screen)
	}
	cmd.Stdout = io.MultiWriter(screens...)
	// the process dies with the thread that started it, so that thread waits for it
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for us alone
	c := &child{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer log.Close()
		defer close(c.ended)
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", service, err)
			return
		}
		c.process = cmd.Process
		started <- nil
		c.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return err
	}
	s.mu.Lock()
	s.children[service] = c
	s.mu.Unlock()
	return s.answers(ctx, service, c)
}

// answers waits until a service takes connections.
func (s *Stack) answers(ctx context.Context, service string, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	network, address := "unix", s.Socket(service)
	if service == Web {
		if _, port, err := net.SplitHostPort(s.cfg.Listen); err != nil || port == "0" || s.cfg.Namespace != "" {
			_, err := s.Greeting(ctx) // the port is known from there only, or not this machine's
			if err != nil {
				return s.failed(service, err)
			}
			return nil
		}
		network, address = "tcp", s.cfg.Listen
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.ended:
			return s.failed(service, fmt.Errorf("ended: %w", c.err))
		case <-ctx.Done():
			return s.failed(service, err)
		case <-tick.C:
		}
	}
}

// failed adds the end of a service's log to an error.
func (s *Stack) failed(service string, err error) error {
	text, _ := os.ReadFile(s.Log(service))
	return fmt.Errorf("%s: %w; its log ends with:\n%s", service, err, text[max(0, len(text)-2000):])
}

// Kill ends a service with SIGKILL and waits until it is gone.
func (s *Stack) Kill(service string) error { return s.end(service, syscall.SIGKILL) }

// Stop ends a service with SIGTERM, after 10 s with SIGKILL, and waits until it is gone. Being killed, or ending
// otherwise than with status 0, is an error.
func (s *Stack) Stop(service string) error { return s.end(service, syscall.SIGTERM) }

func (s *Stack) end(service string, signal syscall.Signal) error {
	s.mu.Lock()
	c := s.children[service]
	delete(s.children, service)
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	_ = c.process.Signal(signal) // fails only when it is gone
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		_ = c.process.Kill()
		<-c.ended
		return s.failed(service, errors.New("did not stop within 10 s"))
	}
	if signal == syscall.SIGTERM && c.err != nil {
		return s.failed(service, c.err)
	}
	return nil
}

// Close stops all services, last started first.
func (s *Stack) Close() error {
	var errs []error
	for _, name := range []string{Web, SSH, NTP, Engine, System} {
		errs = append(errs, s.Stop(name))
	}
	return errors.Join(errs...)
}
