package blockserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// Server offers one disk at a unix socket. Close ends it.
type Server struct {
	disk *Disk
	l    net.Listener
	wg   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  bool
}

// Listen offers a disk at a socket's path.
func Listen(path string, d *Disk) (*Server, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("socket of block server: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket of block server: %w", err)
	}
	s := &Server{disk: d, l: l, conns: map[net.Conn]bool{}}
	s.wg.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.done {
			c.Close()
		} else {
			s.conns[c] = true
			s.wg.Go(func() { s.client(c) })
		}
		s.mu.Unlock()
	}
}

func (s *Server) client(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if done, err := handshake(c, s.disk.size); done || err != nil {
		return
	}
	_ = s.disk.serve(c) // whatever ends a client's connection, the disk waits for the next
}

// Close hangs up on all clients. The disk stays open.
func (s *Server) Close() error {
	s.mu.Lock()
	s.done = true
	err := s.l.Close()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// serve answers requests one by one until the client goes. While the power is off it answers nothing.
func (d *Disk) serve(c io.ReadWriter) error {
	in := bufio.NewReaderSize(c, 64<<10)
	head := make([]byte, requestSize)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return err
		}
		r, err := parseRequest(head)
		if err != nil {
			return err
		}
		var data []byte
		if r.command == cmdWrite {
			data = make([]byte, r.length)
			if _, err := io.ReadFull(in, data); err != nil {
				return err
			}
		}
		if r.command == cmdDisconnect {
			return nil
		}
		answer, err := d.do(r, data)
		if errors.Is(err, errOff) {
			_, err := io.Copy(io.Discard, in)
			return err
		}
		b := binary.BigEndian.AppendUint32(nil, magicResponse)
		b = binary.BigEndian.AppendUint32(b, errno(err))
		b = binary.BigEndian.AppendUint64(b, r.cookie)
		if _, err := c.Write(append(b, answer...)); err != nil {
			return err
		}
	}
}

func (d *Disk) do(r request, data []byte) (answer []byte, err error) {
	through := r.flags&cmdFUA != 0
	switch r.command {
	case cmdRead:
		answer = make([]byte, r.length)
		if err := d.Read(answer, r.offset); err != nil {
			return nil, err
		}
		return answer, nil
	case cmdWrite:
		return nil, d.Write(data, r.offset, r.length, through)
	case cmdZeroes:
		return nil, d.Write(nil, r.offset, r.length, through)
	case cmdFlush:
		return nil, d.Flush()
	case cmdTrim: // what is in trimmed sectors is anything
		return nil, nil
	}
	return nil, errCommand
}

var errCommand = errors.New("unknown command")

func errno(err error) uint32 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errRange):
		return errnoNoSpace
	case errors.Is(err, errCommand):
		return errnoInvalid
	}
	return errnoIO
}
