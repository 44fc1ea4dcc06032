package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"vigie/internal/peer"
	"vigie/services/system/internal/callers"
	"vigie/services/system/systemapi"
)

// stopPatience is for running requests when the service ends; init allows 1.5 s for everything.
const stopPatience = 500 * time.Millisecond

// apiGroup may use the socket, and of it the user web may ask for more than the state. The numbers are a contract with
// the image; the group's is used where it has no name.
const (
	apiGroup     = "vigie"
	apiGroupID   = 900
	webUserID    = 902
	engineUserID = 901
	// consoleUserID is the text console's, which only speaks for who stands in front of the machine.
	consoleUserID = 904
	// sshUserID is the SSH service's, which speaks for an administrator who logged in from elsewhere.
	sshUserID = 905
)

// rights are what services besides web may ask for.
func rights(rescue bool) []callers.Right {
	list := []callers.Right{
		{User: engineUserID, Method: http.MethodPost, Path: "/v1/media/*/mount"}, // to write an export to
		{User: engineUserID, Method: http.MethodPut, Path: "/v1/firewall/relay"}, // the ports to open for it
		{User: engineUserID, Method: http.MethodPut, Path: "/v1/arrays/pace"},    // how far recording is behind
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/power"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/factory-reset"},
		{User: consoleUserID, Method: http.MethodGet, Path: "/v1/installation"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/disks/*/install"},
		{User: consoleUserID, Method: http.MethodPut, Path: "/v1/clock"}, // the time zone, when it installs
		{User: consoleUserID, Method: http.MethodGet, Path: "/v1/update"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/update/media/*"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/update/offers/*/copy"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/update/try"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/media/*/eject"}, // the USB disk that it was on
		{User: consoleUserID, Method: http.MethodGet, Path: "/v1/network"},
		{User: consoleUserID, Method: http.MethodPut, Path: "/v1/network"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/network/confirm"},
		{User: consoleUserID, Method: http.MethodPut, Path: "/v1/web-port"},
		{User: consoleUserID, Method: http.MethodPost, Path: "/v1/web-port/confirm"},
		{User: sshUserID, Method: http.MethodGet, Path: "/v1/ssh"},
		{User: sshUserID, Method: http.MethodGet, Path: systemapi.HostKeyPath},
		{User: sshUserID, Method: http.MethodPost, Path: "/v1/power"},
		{User: sshUserID, Method: http.MethodGet, Path: "/v1/network"},
		{User: sshUserID, Method: http.MethodPut, Path: "/v1/network"},
		{User: sshUserID, Method: http.MethodPost, Path: "/v1/network/confirm"},
		{User: sshUserID, Method: http.MethodPut, Path: "/v1/web-port"},
		{User: sshUserID, Method: http.MethodPost, Path: "/v1/web-port/confirm"},
		{User: sshUserID, Method: http.MethodGet, Path: "/v1/services/*/log"},
		{User: sshUserID, Method: http.MethodPost, Path: "/v1/diagnostics/*"},
	}
	if rescue { // whoever stands there mends the machine
		list = append(list,
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: "/v1/volumes/*/change"},
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: "/v1/arrays/*/change"},
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: systemapi.StartNetworkPath},
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: "/v1/services/web/start"},
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: "/v1/services/engine/start"},
			callers.Right{User: consoleUserID, Method: http.MethodPost, Path: "/v1/services/engine/stop"},
		)
	}
	return list
}

// askers are what logs and histories call services that ask for themselves.
func askers() map[uint32]string {
	return map[uint32]string{consoleUserID: "the text console", sshUserID: "SSH"}
}

// listen makes the socket and gives it to the group. One left by a killed predecessor is replaced, a live one is not.
func listen(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("listen on %s: another system service answers there", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// Nobody may connect between bind and chmod.
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		err = os.Chown(path, 0, groupID())
	}
	if err = errors.Join(err, os.Chmod(path, 0o660)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func groupID() int {
	if g, err := user.LookupGroup(apiGroup); err == nil {
		if id, err := strconv.Atoi(g.Gid); err == nil {
			return id
		}
	}
	return apiGroupID
}

// serve answers on l until ctx is done, then lets running requests end for a moment.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ConnContext: peer.Remember, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		err := s.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close()
		}
		stopped <- err
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("api: %w", err)
	}
	return <-stopped
}
