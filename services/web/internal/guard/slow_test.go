package guard

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve runs a server with the handler behind Slow on one connection in memory, so that its times are the bubble's.
func serve(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- server
	s := &http.Server{Handler: Slow(1000, func(r *http.Request) int64 { return map[string]int64{"/large": 1 << 20}[r.URL.Path] }, handler)}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		client.Close()
		s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		time.Sleep(time.Second) // of the bubble: the server lingers over a connection whose body it refused
	})
	return client
}

type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func send(t *testing.T, conn net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(conn, s); err != nil {
		t.Error(err)
	}
}

func TestABodyThatDripsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		conn := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			result <- err
		}))
		start := time.Now()
		go func() {
			send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
			for range 3 {
				time.Sleep(bodyWithin / 4)
				send(t, conn, "x")
			}
		}()
		var timeout net.Error
		if err := <-result; !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("body: %v, want a timeout", err)
		}
		if d := time.Since(start); d != bodyWithin {
			t.Errorf("given up after %v", d)
		}
	})
}

// TestALargeBodyMayTakeItsTimeButNotStandStill: an update over a slow line.
func TestALargeBodyMayTakeItsTimeButNotStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type read struct {
			n   int
			err error
		}
		result := make(chan read, 1)
		conn := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			result <- read{len(b), err}
		}))
		start := time.Now()
		go func() {
			send(t, conn, "PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
			for range 20 {
				time.Sleep(bodyWithin / 4)
				send(t, conn, strings.Repeat("x", 1000))
			}
		}()
		got := <-result
		var timeout net.Error
		if !errors.As(got.err, &timeout) || !timeout.Timeout() || got.n != 20_000 {
			t.Errorf("%d bytes, %v; want a timeout after 20000", got.n, got.err)
		}
		if d := time.Since(start); d < 5*bodyWithin || d > 7*bodyWithin {
			t.Errorf("given up after %v", d)
		}
	})
}

func TestAReadBodyLimitsTheAnswerByNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if b, err := io.ReadAll(r.Body); err != nil || string(b) != "hello" {
				t.Errorf("body %q, %v", b, err)
			}
			select {
			case <-r.Context().Done():
				t.Error("the request was cancelled though the client waits")
			case <-time.After(10 * bodyWithin):
			}
			io.WriteString(w, "at last")
		}))
		send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "at last" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

func TestABodyBeyondTheLimitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		conn := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			result <- err
		}))
		go io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"+strings.Repeat("x", 1001))
		var tooBig *http.MaxBytesError
		if err := <-result; !errors.As(err, &tooBig) {
			t.Errorf("%v", err)
		}
	})
}

func TestAClientThatStopsReadingEndsItsStreamAndOneThatReadsDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		conn := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 8192)); err != nil {
					ended <- err
					return
				}
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
					ended <- context.Cause(r.Context())
					return
				}
			}
		}))
		send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := io.CopyN(io.Discard, resp.Body, 300*8192); err != nil {
			t.Fatalf("a stream of %v was cut: %v", time.Since(start), err)
		}
		if d := time.Since(start); d < 4*time.Minute {
			t.Fatalf("the stream lasted only %v: the test shows nothing", d)
		}
		start = time.Now()
		<-ended
		if d := time.Since(start); d < writeWithin-renewAfter-time.Second || d > writeWithin+2*time.Second {
			t.Errorf("a client at a standstill was given %v", d)
		}
	})
}
