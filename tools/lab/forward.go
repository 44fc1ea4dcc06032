package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Forward accepts TCP connections at a loopback address of this machine (port 0 takes a free one) and carries each to
// an address inside the lab, until the lab closes. It returns the address that it listens on.
func (l *Lab) Forward(listen, to string) (net.Addr, error) {
	at, err := netip.ParseAddrPort(listen)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("forward from %s: want a loopback address and port", listen)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("forward from %s: %w", listen, err)
	}
	l.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.carry(conn, to) })
		}
	})
	l.atClose(ln.Close)
	return ln.Addr(), nil
}

// carry copies between conn and a connection to an address in the lab until both directions have ended.
func (l *Lab) carry(conn net.Conn, to string) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	peer, err := l.Dial(ctx, "tcp", to)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			l.log.Debug("forward", "to", to, "err", err)
		}
		return
	}
	defer peer.Close()
	stop := context.AfterFunc(l.ctx, func() { conn.Close(); peer.Close() })
	defer stop()
	var wg sync.WaitGroup
	pipe := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // an error ends this direction like an end of file
		if c, ok := dst.(*net.TCPConn); ok {
			_ = c.CloseWrite()
		}
	}
	wg.Go(func() { pipe(peer, conn) })
	wg.Go(func() { pipe(conn, peer) })
	wg.Wait()
}
