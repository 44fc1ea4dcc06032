package ssh

import (
	"context"
	"errors"

	"vigie/services/shell/shellapi"
)

// shells opens full shells while the machine's state permits them.
type shells struct {
	socket    string
	permitted func() bool
}

func (s *shells) Permitted() bool { return s.permitted() }

// Open opens one. The service starts with the permission, so it may take a moment to be there, and to know of it.
func (s *shells) Open(ctx context.Context, r shellapi.Request) (*shellapi.Shell, error) {
	return shellapi.Await(ctx, s.socket, r, func(err error) bool {
		return s.permitted() && (shellapi.Absent(err) || errors.Is(err, shellapi.NotPermitted))
	})
}
