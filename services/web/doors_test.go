package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"vigie/services/web/internal/guard"
)

// port is where a listener is.
func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func TestTheWebAdminMovesToAnotherPort(t *testing.T) {
	first, err := net.Listen("tcp", at(0))
	if err != nil {
		t.Fatal(err)
	}
	d := &doors{moves: true, open: []net.Listener{first}, log: slog.New(slog.DiscardHandler)}
	identity := httptest.NewTLSServer(nil)
	defer identity.Close()
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), TLSConfig: identity.TLS.Clone()}
	var group errgroup.Group
	d.serve(&group, server, &guard.Connections{Total: 9, PerAddress: 9})

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	get := func(c *http.Client, port int) (reused bool, err error) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		req, err := http.NewRequestWithContext(ctx, "GET", "https://127.0.0.1"+at(port), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return reused, err
	}
	was := port(first)
	if _, err := get(client, was); err != nil {
		t.Fatal(err)
	}

	taken, err := net.Listen("tcp", at(0))
	if err != nil {
		t.Fatal(err)
	}
	d.move(port(taken)) // by another program
	d.move(0)           // not told
	d.move(was)
	if got := d.listeners(); len(got) != 1 || got[0] != first {
		t.Fatalf("it moved to %v", got)
	}
	will := port(taken)
	taken.Close()
	d.move(will)
	if got := d.listeners(); len(got) != 1 || port(got[0]) != will {
		t.Fatalf("it did not move: %v", got)
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	if _, err := get(stranger, will); err != nil {
		t.Errorf("at the new port: %v", err)
	}
	if _, err := get(stranger, was); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("at the old port: %v", err)
	}
	if reused, err := get(client, was); err != nil || !reused {
		t.Errorf("who was connected: %v, %v", reused, err)
	}
	d.move(was)
	if _, err := get(stranger, was); err != nil {
		t.Errorf("back at the old port: %v", err)
	}
	if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAddressesOfTheFlagsDoNotMove(t *testing.T) {
	d, err := newDoors([]string{"127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	was := port(d.listeners()[0])
	d.move(was + 1)
	if got := d.listeners(); len(got) != 1 || port(got[0]) != was {
		t.Errorf("%v", got)
	}
}
