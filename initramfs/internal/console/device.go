package console

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	menuWait   = time.Second // a menu that is busy takes a line when it has shown those before
	deviceWait = 10 * time.Second
)

// device is a terminal, and the menu on it, if there is one.
type device struct {
	file *os.File
	menu string // socket at which it takes lines, one a datagram; empty: there is never one
}

// Write writes a line.
func (d *device) Write(line []byte) (int, error) {
	if d.menu != "" && d.told(line) {
		return len(line), nil
	}
	_ = d.file.SetWriteDeadline(time.Now().Add(deviceWait))
	return d.file.Write(line)
}

// told gives the line to the menu. There is none before its service has started, or when that has died.
func (d *device) told(line []byte) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(menuWait.Nanoseconds())
	if unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit) != nil {
		return false
	}
	for {
		if err := unix.Sendto(fd, line, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: d.menu}); err != unix.EINTR {
			return err == nil
		}
	}
}
