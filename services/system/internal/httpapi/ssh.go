package httpapi

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/systemapi"
)

// SSHMachine is what the API can have done about SSH.
type SSHMachine interface {
	SSH(ctx context.Context) (api.SSH, error)
	SetSSH(ctx context.Context, s api.SSHSettings) error
	AddSSHKey(ctx context.Context, r api.SSHKeyRequest, by Caller) (api.SSHKey, error)
	DeleteSSHKey(ctx context.Context, id string) error
	AllowShell(ctx context.Context, r api.SSHShellRequest, by Caller) error
	EndShell(ctx context.Context, by Caller) error
	// SSHHostKey is the machine's own private key, for the SSH service alone.
	SSHHostKey(ctx context.Context) (string, error)
}

func (s *server) ssh(w http.ResponseWriter, r *http.Request) error {
	out, err := s.machine.SSH(r.Context())
	if err == nil {
		answer.JSON(w, http.StatusOK, out)
	}
	return err
}

func (s *server) setSSH(w http.ResponseWriter, r *http.Request) error {
	var req api.SSHSettings
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return done(w, s.machine.SetSSH(r.Context(), req))
}

func (s *server) addSSHKey(w http.ResponseWriter, r *http.Request) error {
	var req api.SSHKeyRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	key, err := s.machine.AddSSHKey(r.Context(), req, caller(r))
	if err == nil {
		answer.JSON(w, http.StatusCreated, key)
	}
	return err
}

func (s *server) deleteSSHKey(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.DeleteSSHKey(r.Context(), r.PathValue("key")))
}

func (s *server) allowShell(w http.ResponseWriter, r *http.Request) error {
	var req api.SSHShellRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return done(w, s.machine.AllowShell(r.Context(), req, caller(r)))
}

func (s *server) endShell(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.EndShell(r.Context(), caller(r)))
}

func (s *server) sshHostKey(w http.ResponseWriter, r *http.Request) error {
	key, err := s.machine.SSHHostKey(r.Context())
	if err == nil {
		answer.JSON(w, http.StatusOK, systemapi.HostKey{Key: key})
	}
	return err
}
