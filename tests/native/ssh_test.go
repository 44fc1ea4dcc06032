//go:build whole

package native

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/stack"
)

// TestAnAdministratorLogsInBySSH has all services speak to each other: the web admin switches SSH on, OpenSSH logs in with the
// administrator's password and with a key, and finds the same host key after everything was restarted.
func TestAnAdministratorLogsInBySSH(t *testing.T) {
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	volume := filepath.Join(dir, "volume")
	if err := os.Mkdir(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	const owner, password = "owner", "correct horse battery"
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, stack.Config{Binary: binary, Dir: dir, Volumes: []string{volume}, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	greeting, err := s.Greeting(ctx)
	if err != nil {
		t.Fatal(err)
	}
	web, err := appliance.NewClient(greeting.URL, greeting.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	if err := web.SetUp(ctx, greeting.SetupCode, owner, password); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	if err := web.Call(ctx, http.MethodPut, "/ssh", api.SSHSettings{Enabled: true, Port: port}, nil); err == nil || !strings.Contains(err.Error(), "Nobody could log in") {
		t.Errorf("switched on for nobody: %v", err)
	}
	if err := web.Call(ctx, http.MethodPut, "/ssh", api.SSHSettings{Enabled: true, Port: port, Passwords: true}, nil); err != nil {
		t.Fatal(err)
	}
	sessions := func() (out api.SSHSessions, err error) {
		return out, web.Call(ctx, http.MethodGet, "/ssh/sessions", nil, &out)
	}
	listens := func() {
		t.Helper()
		if err := web.Until(ctx, "SSH listens", func() (bool, error) { s, err := sessions(); return err == nil && s.Listening, err }); err != nil {
			t.Fatal(err)
		}
	}
	listens()

	askpass := filepath.Join(dir, "askpass")
	login := func(secret string, args ...string) (string, error) {
		if err := os.WriteFile(askpass, []byte("#!/bin/sh\necho '"+secret+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(ctx, "ssh", append([]string{"-F", "none", "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known"), "-o", "StrictHostKeyChecking=accept-new",
			"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "NumberOfPasswordPrompts=1", "-p", strconv.Itoa(port)}, args...)...)
		c.Env = append(os.Environ(), "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0")
		var all bytes.Buffer
		c.Stdout, c.Stderr = &all, &all
		err := c.Run()
		return all.String(), err
	}
	at := owner + "@127.0.0.1"
	if out, err := login(password, at, "status"); err != nil || !strings.Contains(out, "Cameras   none yet") {
		t.Errorf("status: %v, %s", err, out)
	}
	if out, err := login(password, at, "ping", "127.0.0.1", "count", "1"); err != nil || !strings.Contains(out, "1 of 1 answered") {
		t.Errorf("ping: %v, %s", err, out)
	}
	if out, err := login("wrong", at, "status"); err == nil {
		t.Errorf("a wrong password: %s", out)
	}

	// by key alone from here on
	key := filepath.Join(dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-C", "jane@office", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := web.Call(ctx, http.MethodPost, "/ssh/keys", api.SSHKeyRequest{Key: string(public)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := web.Call(ctx, http.MethodPut, "/ssh", api.SSHSettings{Enabled: true, Port: port}, nil); err != nil {
		t.Fatal(err)
	}
	if err := web.Until(ctx, "the key gets in", func() (bool, error) {
		out, err := login("", "-i", key, at, "interfaces")
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err == nil, err
	}); err != nil {
		t.Error(err)
	}
	if err := web.Until(ctx, "a password does not get in any more", func() (bool, error) {
		out, err := login(password, at, "status")
		return err != nil && strings.Contains(out, "publickey"), nil
	}); err != nil {
		t.Error(err)
	}

	var before api.SSH
	if err := web.Call(ctx, http.MethodGet, "/ssh", nil, &before); err != nil || len(before.Keys) != 1 || before.Keys[0].Comment != "jane@office" || before.Keys[0].AddedBy != owner {
		t.Errorf("%+v, %v", before, err)
	}
	for _, service := range []string{stack.SSH, stack.System} {
		if err := s.Stop(service); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "system")); err != nil { // as a restart of the machine does
		t.Fatal(err)
	}
	for _, service := range []string{stack.System, stack.SSH} {
		if err := s.StartService(ctx, service); err != nil {
			t.Fatal(err)
		}
	}
	listens()
	if out, err := login("", "-i", key, at, "help"); err != nil { // OpenSSH would not go on with another host key
		t.Errorf("after a restart: %v, %s", err, out)
	}
	var after api.SSH
	if err := web.Call(ctx, http.MethodGet, "/ssh", nil, &after); err != nil || after.HostKey != before.HostKey || !strings.HasPrefix(after.HostKey, "SHA256:") {
		t.Errorf("%+v, %v; before %+v", after, err, before)
	}
	for _, service := range []string{stack.SSH, stack.System, stack.Web} {
		if b, err := os.ReadFile(s.Log(service)); err != nil || bytes.Contains(b, []byte("PRIVATE KEY")) || bytes.Contains(b, []byte(password)) {
			t.Errorf("the log of %s has a secret, or %v", service, err)
		}
	}
}

// freePort is a TCP port that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
