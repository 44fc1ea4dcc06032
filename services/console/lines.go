package console

import (
	"errors"
	"net"
	"os"
	"strings"

	"vigie/internal/console/screen"
	"vigie/internal/console/terminal"
)

// maxLine is more than init makes a line long.
const maxLine = 1024

// announce shows on a terminal what comes at a socket, a line a datagram, until stop.
func announce(socket string, t *terminal.Terminal) (stop func(), err error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	lines, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(err, lines.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, maxLine)
		for {
			n, err := lines.Read(buffer)
			if err != nil { // closed
				return
			}
			_ = t.Announce(screen.Printable(strings.TrimRight(string(buffer[:n]), "\n"))) // a terminal that fails tells the menu
		}
	}()
	return func() {
		lines.Close()
		<-done
	}, nil
}
