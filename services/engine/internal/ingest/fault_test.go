package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

func TestFaultOf(t *testing.T) {
	dial := func(err error) error { return fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Net: "tcp", Err: err}) }
	status := func(code base.StatusCode) error { return liberrors.ErrClientBadStatusCode{Code: code, Message: "No"} }
	for _, c := range []struct {
		err    error
		user   bool
		played bool
		code   string
	}{
		{err: dial(&net.DNSError{Name: "cam", IsNotFound: true}), code: "dns"},
		{err: dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), code: "refused"},
		{err: dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), code: "unreachable"},
		{err: dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), code: "unreachable"},
		{err: dial(os.ErrDeadlineExceeded), code: "timeout"},
		{err: dial(context.DeadlineExceeded), code: "timeout"},
		{err: liberrors.ErrClientRequestTimedOut{}, code: "timeout"},
		{err: liberrors.ErrClientTCPTimeout{}, played: true, code: "timeout"},
		{err: status(401), user: true, code: "unauthorized"},
		{err: status(403), code: "unauthorized"},
		{err: status(404), code: "not_found"},
		{err: status(461), code: "transport"},
		{err: status(453), code: "busy"},
		{err: status(500), code: "rejected"},
		{err: liberrors.ErrClientAuthSetup{Err: io.EOF}, code: "unauthorized"},
		{err: liberrors.ErrClientSDPInvalid{Err: io.EOF}, code: "protocol"},
		{err: io.EOF, code: "closed"},
		{err: io.EOF, played: true, code: "ended"},
		{err: os.NewSyscallError("read", syscall.ECONNRESET), played: true, code: "ended"},
		{err: errTLS, code: "tls"},
		{err: fmt.Errorf("%w: %w", errTLS, os.ErrDeadlineExceeded), code: "timeout"},
		{err: fmt.Errorf("%w: %w", errTLS, refusedCertificate{"ab"}), code: "certificate_changed"},
		{err: fmt.Errorf("%w: status 404", errNoTunnel), code: "no_tunnel"},
		{err: errTunnelLogin, code: "unauthorized"},
		{err: errNothing, played: true, code: "transport"},
		{err: liberrors.ErrClientServerRequestedTCP{}, code: "transport"},
		{err: fmt.Errorf("who knows"), code: "protocol"},
		{err: badURL("x"), code: "bad_url"},
	} {
		f := faultOf(c.err, c.user, c.played)
		if f.Code != c.code || f.Reason == "" {
			t.Errorf("%v: %s, want %s", c.err, f.Code, c.code)
		}
		if status := (liberrors.ErrClientBadStatusCode{}); errors.As(c.err, &status) && c.code == "unauthorized" && strings.Contains(f.Reason, "Enter") == c.user {
			t.Errorf("%v, user given %v: %s", c.err, c.user, f.Reason)
		}
	}
}
