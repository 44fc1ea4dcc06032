// Package uevent hears from the kernel about devices: those that appear later through netlink, those that are already
// there from sysfs.
//
// The kernel's messages have the form
//
//	add@/devices/pci0000:00/0000:00:03.0\0ACTION=add\0DEVPATH=/devices/...\0SUBSYSTEM=pci\0MODALIAS=pci:v...\0
//
// Invariants: only messages from the kernel itself count (multicast group 1, sender 0), and when the kernel's queue
// overflows that is said, so that the caller looks at everything again. The package loads and opens nothing.
package uevent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrOverflow says that messages were lost.
var ErrOverflow = errors.New("uevents were lost")

// Event is what a message says.
type Event struct {
	Action    string // add, remove, change, ...
	Path      string // below /sys
	Subsystem string
	Modalias  string // empty: none
	Name      string // of the device node below /dev; empty: none
}

// Parse takes a message apart.
func Parse(message []byte) (Event, error) {
	head, rest, _ := strings.Cut(string(message), "\x00")
	action, path, ok := strings.Cut(head, "@")
	if !ok || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, fmt.Errorf("uevent: head %q", head)
	}
	e := Event{Action: action, Path: path}
	for pair := range strings.SplitSeq(rest, "\x00") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "SUBSYSTEM":
			e.Subsystem = value
		case "MODALIAS":
			e.Modalias = value
		case "DEVNAME":
			e.Name = value
		}
	}
	return e, nil
}

// Socket receives the kernel's messages. One goroutine may Read.
type Socket struct {
	file *os.File
	conn interface {
		Read(func(fd uintptr) bool) error
	}
	buf []byte
}

// Open begins to listen: what happens from here on can be read.
func Open() (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("uevent: socket: %w", err)
	}
	// A machine's worth of devices at once. Without the right to ask for it the default has to do.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("uevent: bind: %w", err)
	}
	file := os.NewFile(uintptr(fd), "uevent")
	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("uevent: %w", err)
	}
	return &Socket{file: file, conn: conn, buf: make([]byte, 16<<10)}, nil
}

// Close ends a waiting Read.
func (s *Socket) Close() error { return s.file.Close() }

// Read waits for the next message of the kernel. ErrOverflow is no reason to stop reading.
func (s *Socket) Read(ctx context.Context) (Event, error) {
	defer context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		var n int
		var from unix.Sockaddr
		var recvErr error
		err := s.conn.Read(func(fd uintptr) bool {
			n, from, recvErr = unix.Recvfrom(int(fd), s.buf, 0)
			return recvErr != unix.EAGAIN
		})
		switch {
		case ctx.Err() != nil:
			return Event{}, ctx.Err()
		case err != nil:
			return Event{}, fmt.Errorf("uevent: %w", err)
		case recvErr == unix.ENOBUFS:
			return Event{}, ErrOverflow
		case recvErr == unix.EINTR:
			continue
		case recvErr != nil:
			return Event{}, fmt.Errorf("uevent: receive: %w", recvErr)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		if event, err := Parse(s.buf[:n]); err == nil {
			return event, nil
		}
	}
}

// Modaliases returns the names of all devices that are there, each once, in order. sys is /sys.
func Modaliases(sys string) ([]string, error) {
	var all []string
	for _, pattern := range []string{"bus/*/devices/*/modalias", "class/*/*/modalias"} {
		files, err := filepath.Glob(filepath.Join(sys, pattern))
		if err != nil {
			return nil, fmt.Errorf("uevent: %w", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // gone in between
			}
			if name := strings.TrimSpace(string(text)); name != "" {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
