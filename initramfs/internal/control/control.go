// Package control answers requests on init's control socket.
//
// One request a connection, one goroutine a connection, no more than a few at a time, each with a deadline; only root
// may ask (the socket is root's, mode 0600, and the peer's credentials are checked besides). The package acts through
// a Machine and decides nothing. It uses bare system calls: init links no package net.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/guard"
	"vigie/internal/initctl"
)

const (
	most    = 8 // connections at a time
	timeout = 5 * time.Second
)

// Machine is what is controlled.
type Machine interface {
	Status() initctl.Status
	Restart(ctx context.Context, service string, force bool) error
	Hold(ctx context.Context, service string) error
	Start(ctx context.Context, service string) error
	Log(service string) ([]string, error)
	PowerOff()
	Reboot()
}

// Server is a control socket. Make it with Listen.
type Server struct {
	log     *slog.Logger
	machine Machine
	file    *os.File
	conn    interface {
		Read(func(fd uintptr) bool) error
	}
}

// Listen makes the socket.
func Listen(log *slog.Logger, path string, machine Machine) (*Server, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("control: socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		file.Close()
		return nil, fmt.Errorf("control: bind %s: %w", path, err)
	}
	conn, err := file.SyscallConn()
	if err = errors.Join(err, os.Chmod(path, 0o600), unix.Listen(fd, most)); err != nil {
		file.Close()
		return nil, fmt.Errorf("control: listen on %s: %w", path, err)
	}
	return &Server{log: log, machine: machine, file: file, conn: conn}, nil
}

// Run answers until ctx is cancelled.
func (s *Server) Run(ctx context.Context) error {
	var conversations sync.WaitGroup
	defer conversations.Wait()
	defer context.AfterFunc(ctx, func() { s.file.Close() })()
	slots := make(chan struct{}, most)
	for {
		slots <- struct{}{}
		conn, err := s.accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
				return nil
			}
			return fmt.Errorf("control: accept: %w", err)
		}
		guard.Go(&conversations, s.log, "control", func() {
			defer func() { <-slots }()
			defer conn.Close()
			s.converse(ctx, conn)
		})
	}
}

func (s *Server) accept() (*os.File, error) {
	for {
		fd, acceptErr := -1, error(nil)
		err := s.conn.Read(func(listener uintptr) bool {
			fd, _, acceptErr = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return acceptErr != unix.EAGAIN
		})
		switch {
		case err != nil:
			return nil, err
		case acceptErr == unix.EINTR || acceptErr == unix.ECONNABORTED:
			continue
		case acceptErr != nil:
			return nil, acceptErr
		}
		peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil || peer.Uid != 0 {
			s.log.Warn("refused", "peer", peer, "err", err)
			unix.Close(fd)
			continue
		}
		return os.NewFile(uintptr(fd), "control"), nil
	}
}

func (s *Server) converse(ctx context.Context, conn *os.File) {
	_ = conn.SetDeadline(time.Now().Add(timeout))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := initctl.DecodeRequest(conn)
	var response initctl.Response
	var after func()
	if err == nil {
		response, after, err = s.do(ctx, request)
	}
	if err != nil {
		response = initctl.Response{Error: err.Error()}
	}
	line, err := json.Marshal(response)
	if err == nil {
		_, err = conn.Write(append(line, '\n'))
	}
	if err != nil {
		s.log.Warn("answer", "op", request.Op, "err", err)
	}
	if after != nil {
		after()
	}
}

// do carries a request out. What ends the machine comes after the answer.
func (s *Server) do(ctx context.Context, request initctl.Request) (response initctl.Response, after func(), err error) {
	switch request.Op {
	case initctl.OpStatus:
		status := s.machine.Status()
		response.Status = &status
	case initctl.OpLog:
		response.Lines, err = s.machine.Log(request.Service)
	case initctl.OpRestart, initctl.OpKill:
		s.log.Info("asked to "+request.Op, "service", request.Service)
		err = s.machine.Restart(ctx, request.Service, request.Op == initctl.OpKill)
	case initctl.OpStop:
		s.log.Info("asked to stop", "service", request.Service)
		err = s.machine.Hold(ctx, request.Service)
	case initctl.OpStart:
		s.log.Info("asked to start", "service", request.Service)
		err = s.machine.Start(ctx, request.Service)
	case initctl.OpPowerOff:
		after = s.machine.PowerOff
	case initctl.OpReboot:
		after = s.machine.Reboot
	}
	return response, after, err
}
