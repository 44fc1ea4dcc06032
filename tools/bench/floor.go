package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// floorCommand is the hidden sub-command that is the floor: `bench floor FOLDER URL...`.
const floorCommand = "floor"

// floor asks each camera for its stream, with just the requests that it takes, and then copies what the socket gives
// to a file: one read, one write, nothing looked at. It ends with ctx.
func floor(ctx context.Context, args []string, _, _ io.Writer) error {
	if len(args) < 2 {
		return errors.New("floor wants a folder and URLs")
	}
	errs := make([]error, len(args)-1)
	var wg sync.WaitGroup
	for i, u := range args[1:] {
		wg.Go(func() {
			err := copyCamera(ctx, u, filepath.Join(args[0], fmt.Sprintf("%d.rtp", i)))
			if ctx.Err() == nil {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func copyCamera(ctx context.Context, address, file string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r := bufio.NewReader(conn)
	answer, err := request(conn, r, "SETUP", address+"/trackID=0", 1, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	if err != nil {
		return err
	}
	session, _, _ := strings.Cut(answer.Get("Session"), ";")
	if _, err := request(conn, r, "PLAY", address, 2, "Session: "+session); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	var alive sync.WaitGroup
	ctx, done := context.WithCancel(ctx)
	alive.Go(func() { keepAlive(ctx, conn, address, session) })
	err = drain(r, out)
	done()
	alive.Wait()
	return errors.Join(err, out.Close())
}

// keepAlive tells the camera now and then that it is still listened to. Its answers are copied like everything else.
func keepAlive(ctx context.Context, conn net.Conn, address, session string) {
	t := time.NewTicker(20 * time.Second)
	defer t.Stop()
	for seq := 3; ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if _, err := fmt.Fprintf(conn, "OPTIONS %s RTSP/1.0\r\nCSeq: %d\r\nSession: %s\r\n\r\n", address, seq, session); err != nil {
			return // reading shows it too
		}
	}
}

func drain(r *bufio.Reader, out *os.File) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf) // the buffered reader reads straight into a larger buffer
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// request sends an RTSP request (RFC 2326) and reads the answer's head.
func request(conn net.Conn, r *bufio.Reader, method, address string, seq int, header string) (textproto.MIMEHeader, error) {
	if _, err := fmt.Fprintf(conn, "%s %s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n\r\n", method, address, seq, header); err != nil {
		return nil, err
	}
	tp := textproto.NewReader(r)
	status, err := tp.ReadLine()
	if err != nil {
		return nil, err
	}
	h, err := tp.ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	if !strings.Contains(status, " 200 ") {
		return nil, fmt.Errorf("%s %s: %s", method, address, status)
	}
	return h, nil
}
