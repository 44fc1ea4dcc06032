package console

import (
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"vigie/internal/console/screen"
	"vigie/internal/console/terminal"
)

const (
	maxLine  = 1024        // more than init makes a line long
	lineWait = time.Second // init sends its line as soon as it is connected
)

// announce shows on a terminal what comes at a socket, a line a connection, until stop. A line that is shown is answered with a byte; of
// one that is not, its sender hears by the end of the connection, and writes it itself.
func announce(socket string, t *terminal.Terminal) (stop func(), err error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	lines, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(err, lines.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := lines.Accept()
			if err != nil { // closed
				return
			}
			show(c, t)
		}
	}()
	return func() {
		lines.Close()
		<-done
	}, nil
}

// show takes the one line of a connection.
func show(c net.Conn, t *terminal.Terminal) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(lineWait)) != nil {
		return
	}
	buffer := make([]byte, maxLine)
	n, err := c.Read(buffer)
	if err != nil || n == 0 {
		return
	}
	if t.Announce(screen.Printable(strings.TrimRight(string(buffer[:n]), "\n"))) != nil { // a terminal that fails tells the menu
		return
	}
	_, _ = c.Write([]byte{1}) // a sender that is gone has written the line itself
}
