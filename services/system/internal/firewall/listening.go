package firewall

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Port is what a socket waits at.
type Port struct {
	Protocol Protocol
	Number   uint16
}

// Listening lists the ports at which processes of this network namespace wait for others, from the kernel's tables in dir
// (/proc/net).
func Listening(dir string) (map[Port]bool, error) {
	out := map[Port]bool{}
	var errs []error
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err == nil {
			protocol := UDP
			if strings.HasPrefix(name, "tcp") {
				protocol = TCP
			}
			err = errors.Join(waiting(f, protocol, out), f.Close())
		}
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// waiting reads one table (proc(5), /proc/net/tcp): after a heading a socket a line, its third field the local address and port
// in hexadecimal, then the peer's, then its state: 0A listens; 07 is a UDP socket that has no peer.
func waiting(r io.Reader, protocol Protocol, into map[Port]bool) error {
	state := "07"
	if protocol == TCP {
		state = "0A"
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		_, text, ok := strings.Cut(fields[1], ":")
		n, err := strconv.ParseUint(text, 16, 16)
		if !ok || err != nil {
			continue
		}
		into[Port{protocol, uint16(n)}] = true
	}
	return lines.Err()
}
