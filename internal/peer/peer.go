// Package peer knows which user is at the other end of a unix socket. The kernel vouches for it: what a service may ask
// of another is decided by the user that it runs as, never by what it says.
package peer

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

type userKey struct{}

// Remember is for http.Server.ConnContext: requests on c carry the user of its peer.
func Remember(ctx context.Context, c net.Conn) context.Context {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	if ctl := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); ctl != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, userKey{}, peer.Uid)
}

// User is the user whom Remember found for a request's context; known is false where it found none.
func User(ctx context.Context) (user uint32, known bool) {
	user, known = ctx.Value(userKey{}).(uint32)
	return user, known
}
