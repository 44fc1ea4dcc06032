package system

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sshkey"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/hostkey"
	"vigie/services/system/internal/httpapi"
)

// remote answers what the API asks of SSH; the service that speaks it reads all of it here.
type remote struct {
	*shells
	keeper  *config.Keeper
	guard   *guarding
	hostKey *hostkey.Keeper
}

// sshSwitch is what every service is told of SSH; until is when a full shell is not permitted any more.
func sshSwitch(s sysconfig.SSH, until time.Time) api.SSHSwitch {
	b, _ := json.Marshal(s) // of plain data: cannot fail
	sum := sha256.Sum256(fmt.Appendf(b, "%d", until.UnixNano()))
	return api.SSHSwitch{Enabled: s.Enabled, Port: s.At(), Shell: !until.IsZero(), Version: hex.EncodeToString(sum[:8])}
}

func (r *remote) SSH(context.Context) (api.SSH, error) {
	s := r.keeper.Config().SSH
	out := api.SSH{Settings: api.SSHSettings{Enabled: s.Enabled, Port: s.At(), Passwords: s.Passwords}, Keys: []api.SSHKey{}, HostKey: r.hostKey.Fingerprint(), Shell: r.describe()}
	for _, k := range s.Keys {
		key, err := describeKey(k)
		if err != nil {
			return out, err
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

func describeKey(k sysconfig.SSHKey) (api.SSHKey, error) {
	key, err := sshkey.Parse(k.Key)
	if err != nil {
		return api.SSHKey{}, fmt.Errorf("a key in the configuration: %w", err)
	}
	return api.SSHKey{ID: keyID(k), Key: k.Key, Type: key.Type(), Fingerprint: key.Fingerprint(), Comment: k.Comment, AddedMs: k.AddedMs, AddedBy: k.AddedBy}, nil
}

// keyID names a key in paths.
func keyID(k sysconfig.SSHKey) string {
	sum := sha256.Sum256([]byte(k.Key))
	return hex.EncodeToString(sum[:8])
}

func (r *remote) SetSSH(_ context.Context, s api.SSHSettings) error {
	if s.Port < 1 {
		return answer.Field("port", "bad_port", "Choose a port from 1 to 65535; 22 is the usual one.")
	}
	return r.change(func(c *sysconfig.Config) {
		c.SSH.Enabled, c.SSH.Passwords, c.SSH.Port = s.Enabled, s.Passwords, s.Port
		if s.Port == sysconfig.SSHPort {
			c.SSH.Port = 0
		}
	})
}

func (r *remote) AddSSHKey(_ context.Context, q api.SSHKeyRequest, by httpapi.Caller) (api.SSHKey, error) {
	key, err := sshkey.Parse(q.Key)
	if err != nil {
		return api.SSHKey{}, answer.Field("key", "bad_key", err.Error())
	}
	row := sysconfig.SSHKey{Key: key.Text(), Comment: key.Comment, AddedMs: time.Now().UnixMilli(), AddedBy: by.User}
	if q.Comment != "" {
		row.Comment = sshkey.Comment(q.Comment)
	}
	out, err := describeKey(row)
	if err != nil {
		return out, err
	}
	return out, r.change(func(c *sysconfig.Config) { c.SSH.Keys = append(slices.Clip(c.SSH.Keys), row) })
}

func (r *remote) DeleteSSHKey(_ context.Context, id string) error {
	found := false
	err := r.change(func(c *sysconfig.Config) {
		c.SSH.Keys = slices.DeleteFunc(slices.Clone(c.SSH.Keys), func(k sysconfig.SSHKey) bool {
			is := keyID(k) == id
			found = found || is
			return is
		})
	})
	if err == nil && !found {
		return answer.Refuse(http.StatusNotFound, "no_key", "There is no such key: somebody else may have taken it away.")
	}
	return err
}

// change edits the section, unless its port is somebody else's. A refusal names the field as the requests have it.
func (r *remote) change(edit func(*sysconfig.Config)) error {
	err := r.guard.checkedChange("ssh", edit)
	var field *sysconfig.FieldError
	if errors.As(err, &field) {
		return answer.Field(field.Name(), cmp.Or(map[string]string{"port": "bad_port", "key": "bad_key"}[field.Name()], "bad_value"), field.Reason)
	}
	return err
}

func (r *remote) SSHHostKey(context.Context) (string, error) {
	key, err := r.hostKey.Key()
	if errors.Is(err, hostkey.ErrWaiting) {
		p := answer.Refuse(http.StatusServiceUnavailable, "waiting", "Not all disks have been looked at yet for the earlier host key. Try again in a moment.")
		p.Detail.RetryAfterMs = 1000
		return "", p
	}
	if err != nil {
		return "", err
	}
	return key.PEM(), nil
}
