package console

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	menuWait   = 5 * time.Second // a menu shows a line in milliseconds, on a busy machine in a second or two
	menuless   = time.Minute     // without a menu that has not answered
	deviceWait = 10 * time.Second
)

// device is a terminal, and the menu on it, if there is one.
type device struct {
	file  *os.File
	menu  string        // socket at which it takes lines, one a connection; empty: there is never one
	wait  time.Duration // for its answer
	until time.Time     // when a menu that has not answered is asked again
}

// Write writes a line.
func (d *device) Write(line []byte) (int, error) {
	if d.menu != "" && time.Now().After(d.until) && d.told(line) {
		return len(line), nil
	}
	_ = d.file.SetWriteDeadline(time.Now().Add(deviceWait))
	return d.file.Write(line)
}

// told gives the line to the menu, and says whether that has answered that it shows it. A menu that dies or ends with the line in its
// hands closes the connection, so that none is lost with it. There is none before its service has started.
func (d *device) told(line []byte) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(d.wait.Nanoseconds())
	for _, option := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit) != nil {
			return false
		}
	}
	n := 0
	err = uninterrupted(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: d.menu}) })
	if err == nil {
		err = uninterrupted(func() error { return unix.Send(fd, line, unix.MSG_NOSIGNAL) })
	}
	if err == nil {
		err = uninterrupted(func() (err error) {
			n, _, err = unix.Recvfrom(fd, make([]byte, 1), 0)
			return err
		})
	}
	if err == unix.EAGAIN { // the time is over
		d.until = time.Now().Add(menuless)
	}
	return err == nil && n == 1
}

// uninterrupted makes a system call anew when a signal has ended it: the deaths of services come to init as signals.
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
