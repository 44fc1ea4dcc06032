package system

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/firewall"
	"vigie/services/system/internal/hostkey"
	"vigie/services/system/internal/httpapi"
)

func newRemote(t *testing.T) *remote {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	g := newGuarding(options{runDir: dir, observe: true}, board.New(time.Now(), api.Status{}), log)
	g.keeper = config.New(dir, g.apply, time.Now, log)
	if err := g.keeper.Open(); err != nil {
		t.Fatal(err)
	}
	full := newShells(&fakeInit{}, func(api.SSHSwitch) {}, nil, log)
	return &remote{shells: full, keeper: g.keeper, guard: g, hostKey: hostkey.New(dir, time.Now, log)}
}

func refusedField(t *testing.T, err error, field, reason string) {
	t.Helper()
	var p *answer.Problem
	if !errors.As(err, &p) || p.Detail.Field != field || !strings.Contains(p.Detail.Message, reason) {
		t.Errorf("got %v, want %s: %s", err, field, reason)
	}
}

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

func TestSSHIsSwitchedOnOnceSomebodyCanLogIn(t *testing.T) {
	r := newRemote(t)
	refusedField(t, r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: 22}), "passwords", "Nobody could log in")
	refusedField(t, r.SetSSH(t.Context(), api.SSHSettings{}), "port", "Choose a port")
	_, err := r.AddSSHKey(t.Context(), api.SSHKeyRequest{Key: "hello"}, httpapi.Caller{})
	refusedField(t, err, "key", "no public key")
	k, err := r.AddSSHKey(t.Context(), api.SSHKeyRequest{Key: someKey + " jane@office"}, httpapi.Caller{User: "owner"})
	if err != nil || k.Comment != "jane@office" || k.AddedBy != "owner" || k.Key != someKey {
		t.Errorf("%+v, %v", k, err)
	}
	_, err = r.AddSSHKey(t.Context(), api.SSHKeyRequest{Key: someKey, Comment: "again"}, httpapi.Caller{})
	refusedField(t, err, "key", "already")
	before := sshSwitch(r.keeper.Config().SSH, time.Time{})
	if err := r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: 2222}); err != nil {
		t.Error(err)
	}
	if now := sshSwitch(r.keeper.Config().SSH, time.Time{}); !now.Enabled || now.Port != 2222 || now.Version == before.Version {
		t.Errorf("%+v after %+v", now, before)
	}
	s, err := r.SSH(t.Context())
	if err != nil || len(s.Keys) != 1 || s.Keys[0].ID != k.ID || !s.Settings.Enabled || s.HostKey != "" {
		t.Errorf("%+v, %v", s, err)
	}
	refusedField(t, r.DeleteSSHKey(t.Context(), k.ID), "passwords", "Nobody could log in")
	if err := r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: 22, Passwords: true}); err != nil {
		t.Error(err)
	}
	if err := r.DeleteSSHKey(t.Context(), k.ID); err != nil {
		t.Error(err)
	}
	var p *answer.Problem
	if err := r.DeleteSSHKey(t.Context(), k.ID); !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("taken away twice: %v", err)
	}
}

func TestAPortHasOneService(t *testing.T) {
	r := newRemote(t)
	if err := r.guard.SetRelayPorts(t.Context(), api.RelayPorts{TCP: []int{8554}, UDP: []int{5000}}); err != nil {
		t.Fatal(err)
	}
	for port, who := range map[int]string{443: "the web admin", 8554: "the relay"} {
		refusedField(t, r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: port, Passwords: true}), "port", "taken by "+who)
	}
	if err := r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: 5000, Passwords: true}); err != nil {
		t.Errorf("a port of UDP is another: %v", err)
	}
	refusedField(t, r.guard.SetRelayPorts(t.Context(), api.RelayPorts{TCP: []int{5000}}), "tcp", "taken by SSH")
	refusedField(t, r.guard.SetRelayPorts(t.Context(), api.RelayPorts{UDP: []int{56010}, DryRun: true}), "udp", "taken by live pictures by WebRTC")
	if err := r.guard.SetRelayPorts(t.Context(), api.RelayPorts{TCP: []int{8555}, DryRun: true}); err != nil || r.guard.relay.TCP[0] != 8554 {
		t.Errorf("a question changed %v, %v", r.guard.relay, err)
	}
	r.guard.mu.Lock()
	defer r.guard.mu.Unlock()
	ssh := firewall.Opening{Protocol: firewall.TCP, First: 5000, Last: 5000, Zone: firewall.Office}
	if s := r.guard.settings(); !slices.Contains(s.Openings, ssh) {
		t.Errorf("the firewall has %+v", s.Openings)
	}
	r.guard.config.SSH.Enabled = false
	if s := r.guard.settings(); slices.Contains(s.Openings, ssh) {
		t.Errorf("switched off it has %+v", s.Openings)
	}
}

func TestTheHostKeyIsInNoConfiguration(t *testing.T) {
	r := newRemote(t)
	volume := t.TempDir()
	if err := os.MkdirAll(filepath.Join(volume, "vigie/machine"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.keeper.Attach("v", volume)
	r.hostKey.Attach("v", volume)
	var p *answer.Problem
	if _, err := r.SSHHostKey(t.Context()); !errors.As(err, &p) || p.Detail.Code != "waiting" {
		t.Errorf("before all disks were looked at: %v", err)
	}
	r.hostKey.Settle()
	key, err := r.SSHHostKey(t.Context())
	if err != nil || !strings.Contains(key, "PRIVATE KEY") {
		t.Fatal(err)
	}
	if err := r.SetSSH(t.Context(), api.SSHSettings{Enabled: true, Port: 22, Passwords: true}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(volume, "vigie/machine/config.json"))
	if err != nil || strings.Contains(string(b), "PRIVATE") {
		t.Errorf("%s, %v", b, err)
	}
	if s, err := r.SSH(t.Context()); err != nil || !strings.HasPrefix(s.HostKey, "SHA256:") {
		t.Errorf("%+v, %v", s, err)
	}
}
