package initctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrRefused is wrapped by errors that init itself gave, whose text is for people.
var ErrRefused = errors.New("init refuses")

// DefaultTimeout bounds a conversation whose context has no deadline.
const DefaultTimeout = 5 * time.Second

// Client talks to the init that listens on Socket.
type Client struct {
	Socket string
}

// Status returns what runs and how.
func (c Client) Status(ctx context.Context) (Status, error) {
	r, err := c.Do(ctx, Request{Op: OpStatus})
	if err != nil {
		return Status{}, err
	}
	if r.Status == nil {
		return Status{}, errors.New("init: answer without a status")
	}
	return *r.Status, nil
}

// Restart asks for a service to be stopped and started again; it does not wait for that.
func (c Client) Restart(ctx context.Context, service string) error {
	_, err := c.Do(ctx, Request{Op: OpRestart, Service: service})
	return err
}

// Kill asks for a service to be killed and started again; it does not wait for that.
func (c Client) Kill(ctx context.Context, service string) error {
	_, err := c.Do(ctx, Request{Op: OpKill, Service: service})
	return err
}

// Stop asks for a service to be stopped; it does not wait for that.
func (c Client) Stop(ctx context.Context, service string) error {
	_, err := c.Do(ctx, Request{Op: OpStop, Service: service})
	return err
}

// Start asks for a service to run again that was stopped; it does not wait for that.
func (c Client) Start(ctx context.Context, service string) error {
	_, err := c.Do(ctx, Request{Op: OpStart, Service: service})
	return err
}

// Log returns the newest lines of a service's log, oldest first.
func (c Client) Log(ctx context.Context, service string) ([]string, error) {
	r, err := c.Do(ctx, Request{Op: OpLog, Service: service})
	return r.Lines, err
}

// PowerOff begins the shutdown of the machine; it does not wait for it.
func (c Client) PowerOff(ctx context.Context) error {
	_, err := c.Do(ctx, Request{Op: OpPowerOff})
	return err
}

// Reboot begins the restart of the machine; it does not wait for it.
func (c Client) Reboot(ctx context.Context) error {
	_, err := c.Do(ctx, Request{Op: OpReboot})
	return err
}

// Do sends one request and returns its response. A response with an error becomes an error that wraps ErrRefused.
func (c Client) Do(ctx context.Context, request Request) (Response, error) {
	if err := request.Validate(); err != nil {
		return Response{}, fmt.Errorf("init: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	conn, err := dial(c.Socket)
	if err != nil {
		return Response{}, fmt.Errorf("init: connect %s: %w", c.Socket, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	response, err := converse(conn, request)
	switch {
	case ctx.Err() != nil:
		return Response{}, fmt.Errorf("init: %s: %w", request.Op, context.Cause(ctx))
	case err != nil:
		return Response{}, fmt.Errorf("init: %s: %w", request.Op, err)
	case response.Error != "":
		return Response{}, fmt.Errorf("%w: %s", ErrRefused, response.Error)
	}
	return response, nil
}

func converse(conn io.ReadWriter, request Request) (Response, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return Response{}, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return Response{}, err
	}
	return DecodeResponse(conn)
}

// DecodeResponse reads one response line.
func DecodeResponse(r io.Reader) (Response, error) {
	line, err := readLine(r, MaxResponse)
	if err != nil {
		return Response{}, err
	}
	var response Response
	if err := json.Unmarshal(line, &response); err != nil {
		return Response{}, fmt.Errorf("decode: %w", err)
	}
	return response, nil
}

// DecodeRequest reads one request line and checks it.
func DecodeRequest(r io.Reader) (Request, error) {
	line, err := readLine(r, MaxRequest)
	if err != nil {
		return Request{}, err
	}
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		return Request{}, fmt.Errorf("decode: %w", err)
	}
	return request, request.Validate()
}

func readLine(r io.Reader, limit int64) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(r, limit)).ReadBytes('\n')
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, io.EOF) && int64(len(line)) >= limit:
		return nil, fmt.Errorf("line longer than %d bytes", limit)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// dial connects a unix stream socket, as package net would.
func dial(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
