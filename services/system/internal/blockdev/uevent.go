package blockdev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Event is one uevent of the block subsystem.
type Event struct {
	Action string // add, remove, change, …
	Name   string // kernel name of the disk or partition
}

// ParseUevent reads a kernel message "action@path\0KEY=value\0…". ok is false for other subsystems and for what is not
// a kernel message (udev's own begin with "libudev").
func ParseUevent(b []byte) (e Event, ok bool) {
	head, rest, _ := bytes.Cut(b, []byte{0})
	if !bytes.Contains(head, []byte("@/")) {
		return Event{}, false
	}
	var subsystem string
	for field := range bytes.SplitSeq(rest, []byte{0}) {
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "ACTION":
			e.Action = value
		case "DEVNAME":
			e.Name = strings.ReplaceAll(value, "/", "!")
		case "SUBSYSTEM":
			subsystem = value
		}
	}
	return e, subsystem == "block" && e.Action != "" && e.Name != ""
}

// Listen sends the block subsystem's events until ctx is cancelled. When events were lost it sends one with an empty
// name: everything is to be looked at again. The receiver must not block for long.
func Listen(ctx context.Context, events chan<- Event) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fmt.Errorf("listen for uevents: %w", err)
	}
	f := os.NewFile(uintptr(fd), "uevents")
	defer f.Close()
	const kernelGroup = 1
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return fmt.Errorf("listen for uevents: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 16<<10)
	for {
		n, err := f.Read(buf)
		e, ok := Event{}, false
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			ok = true
		case err != nil:
			return fmt.Errorf("read uevents: %w", err)
		default:
			e, ok = ParseUevent(buf[:n])
		}
		if !ok {
			continue
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return nil
		}
	}
}
