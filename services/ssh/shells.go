package ssh

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"vigie/services/shell/shellapi"
)

const (
	// shellWithin is how long the shell service may take to start once a shell is permitted, shellAgain the pause between tries.
	shellWithin = 10 * time.Second
	shellAgain  = 100 * time.Millisecond
)

// shells opens full shells while the machine's state permits them.
type shells struct {
	socket    string
	permitted func() bool
}

func (s *shells) Permitted() bool { return s.permitted() }

// Open opens one. The service starts with the permission, so it may take a moment to be there, and to know of it.
func (s *shells) Open(ctx context.Context, r shellapi.Request) (*shellapi.Shell, error) {
	ctx, cancel := context.WithTimeout(ctx, shellWithin)
	defer cancel()
	for {
		shell, err := shellapi.Open(ctx, s.socket, r)
		starting := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, shellapi.NotPermitted)
		if err == nil || !starting || !s.permitted() {
			return shell, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(shellAgain):
		}
	}
}
