package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Echoes asks an IPv4 address from the lab for an echo (RFC 792) every so often while f runs, and returns the longest time
// between two answers, and their number.
func (l *Lab) Echoes(at netip.Addr, every time.Duration, f func()) (longest time.Duration, answers int, err error) {
	var fd int
	err = l.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("open ICMP socket: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval((50 * time.Millisecond).Nanoseconds())
	to := &unix.SockaddrInet4{Addr: at.As4()}
	if err := errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait), unix.Connect(fd, to)); err != nil {
		return 0, 0, fmt.Errorf("ask %s for echoes: %w", at, err)
	}
	id := uint16(os.Getpid())
	done := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := uint16(0); ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
				_, _ = unix.Write(fd, echo(id, n)) // what is lost shows
			}
		}
	})
	both.Go(func() {
		var last time.Time
		for b := make([]byte, 1500); ; {
			select {
			case <-done:
				return
			default:
			}
			n, err := unix.Read(fd, b)
			if err != nil || n < 28 || b[20] != 0 || binary.BigEndian.Uint16(b[24:]) != id { // type 0: an answer
				continue
			}
			now := time.Now()
			if answers++; answers > 1 {
				longest = max(longest, now.Sub(last))
			}
			last = now
		}
	})
	f()
	close(done)
	both.Wait()
	return longest, answers, nil
}

// echo is a question, with its checksum (RFC 1071).
func echo(id, number uint16) []byte {
	b := []byte{8, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, number)
	sum := uint32(8<<8) + uint32(id) + uint32(number)
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum&0xffff+sum>>16))
	return b
}
