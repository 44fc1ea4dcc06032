package sysconfig

import (
	"cmp"
	"slices"

	"vigie/internal/sshkey"
)

// MaxSSHKeys is how many keys may log in by SSH.
const MaxSSHKeys = 16

// SSHPort is SSH's usual port.
const SSHPort = 22

// SSH is the text console over the network. The zero value: nothing listens.
type SSH struct {
	Enabled bool `json:"enabled,omitempty"`
	// Port is 0 for the usual one.
	Port int `json:"port,omitempty"`
	// Passwords: an administrator's password is enough; else only keys log in.
	Passwords bool     `json:"passwords,omitempty"`
	Keys      []SSHKey `json:"keys,omitempty"`
}

// SSHKey is a public key that may log in. There is nothing secret about it.
type SSHKey struct {
	Key     string `json:"key"` // its type and itself, as sshkey.Key.Text has it
	Comment string `json:"comment,omitempty"`
	AddedMs int64  `json:"addedMs,omitempty"`
	AddedBy string `json:"addedBy,omitempty"` // a user's name
}

// At is the port at which SSH listens, or would.
func (s SSH) At() int { return cmp.Or(s.Port, SSHPort) }

func (s SSH) clone() SSH {
	s.Keys = slices.Clone(s.Keys)
	return s
}

func (s SSH) validate() error {
	if s.Port < 0 || s.Port > 65535 {
		return refuse("ssh.port", "%d is no port: choose 1 to 65535.", s.Port)
	}
	if len(s.Keys) > MaxSSHKeys {
		return refuse("ssh.keys", "There are %d keys; at most %d can be used.", len(s.Keys), MaxSSHKeys)
	}
	for i, k := range s.Keys {
		key, err := sshkey.Parse(k.Key)
		switch {
		case err != nil:
			return refuse("ssh.key", "%s", err)
		case key.Text() != k.Key || key.Comment != "":
			return refuse("ssh.key", "The key is not in the form in which keys are kept.")
		case len([]rune(k.Comment)) > sshkey.MaxComment || len(k.AddedBy) > 64:
			return refuse("ssh.key", "The key's comment is too long: %d characters at most.", sshkey.MaxComment)
		case slices.ContainsFunc(s.Keys[:i], func(o SSHKey) bool { return o.Key == k.Key }):
			return refuse("ssh.key", "This key is in the list already.")
		}
	}
	if s.Enabled && !s.Passwords && len(s.Keys) == 0 {
		return refuse("ssh.passwords", "Nobody could log in: there is no key, and passwords are not allowed. Add a key first, or allow passwords.")
	}
	return nil
}
