// Package callers knows who is at the other end of the API's socket, and what that one may ask.
//
// Every service may open the socket, because every service needs the machine's state. Nothing else is for all of them:
// the engine parses what cameras send, and whoever takes it over that way must not format disks, switch the machine off,
// or read the set-up code in another service's log. The kernel vouches for the user of a unix socket's peer; a request
// whose peer is not known is nobody's.
package callers

import (
	"context"
	"net"
	"net/http"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"vigie/internal/answer"
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

// Limit lets the users given as trusted ask anything of next, writer besides for a medium to be mounted, so that it can write
// an export to it, and all others only for the machine's state.
func Limit(next http.Handler, writer uint32, trusted ...uint32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, known := r.Context().Value(userKey{}).(uint32)
		state := r.Method == http.MethodGet && r.URL.Path == "/v1/status"
		mount, _ := path.Match("/v1/media/*/mount", r.URL.Path)
		if known && (state || user == writer && mount && r.Method == http.MethodPost || slices.Contains(trusted, user)) {
			next.ServeHTTP(w, r)
			return
		}
		answer.Fail(w, answer.Refuse(http.StatusForbidden, "forbidden", "Only the web admin may ask this of the machine."))
	})
}
