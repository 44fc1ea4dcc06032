package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/system/systemapi"
)

var someKey = api.SSHKey{ID: "0123", Key: "ssh-ed25519 AAAA", Type: "ssh-ed25519", Fingerprint: "SHA256:x", Comment: "jane"}

func (f *fakes) SSH(context.Context) (api.SSH, error) {
	return api.SSH{Settings: api.SSHSettings{Enabled: true, Port: 22}, Keys: []api.SSHKey{someKey}, HostKey: "SHA256:y", Shell: api.SSHShell{LeftMs: 5, UntilMs: 6, SinceMs: 1, By: "owner"}}, f.do("ssh")
}
func (f *fakes) SetSSH(_ context.Context, s api.SSHSettings) error {
	return f.do(strings.Join([]string{"ssh", map[bool]string{true: "true"}[s.Enabled], "22", map[bool]string{false: "false"}[s.Passwords]}, " "))
}
func (f *fakes) AddSSHKey(_ context.Context, r api.SSHKeyRequest, by Caller) (api.SSHKey, error) {
	return someKey, f.do("key " + r.Key + " by " + by.User)
}
func (f *fakes) DeleteSSHKey(_ context.Context, id string) error { return f.do("no key " + id) }
func (f *fakes) AllowShell(_ context.Context, r api.SSHShellRequest, by Caller) error {
	if r.Minutes == 0 {
		return answer.Field("minutes", "bad_minutes", "No.")
	}
	return f.do("shell for " + strconv.Itoa(r.Minutes) + " by " + by.User)
}
func (f *fakes) EndShell(_ context.Context, by Caller) error { return f.do("no shell by " + by.User) }
func (f *fakes) SSHHostKey(context.Context) (string, error)  { return "secret", f.do("host key") }

// Ping has two answers, and fails then if the host is "breaks".
func (f *fakes) Ping(_ context.Context, r systemapi.PingRequest, each func(systemapi.PingReply) error) error {
	if r.Host == "bad" {
		return answer.Field("host", "no_address", "No.")
	}
	for n := range 2 {
		if err := each(systemapi.PingReply{Sequence: n + 1, Address: "192.0.2.1", TookUs: 7}); err != nil {
			return err
		}
	}
	if r.Host == "breaks" {
		return errors.New("the card is gone")
	}
	return nil
}
func (f *fakes) Trace(_ context.Context, r systemapi.TraceRequest, each func(systemapi.Hop) error) error {
	return each(systemapi.Hop{Number: 1, Address: r.Host, Reached: true})
}
func (f *fakes) Capture(_ context.Context, r systemapi.CaptureRequest, begun func(), w io.Writer) (systemapi.CaptureResult, error) {
	if r.Interface == "bad" {
		return systemapi.CaptureResult{}, answer.Field("interface", "no_interface", "No.")
	}
	begun()
	_, err := io.WriteString(w, "packets")
	if r.Interface == "breaks" {
		err = errors.New("the card is gone")
	}
	return systemapi.CaptureResult{Packets: 3, Dropped: 2, End: "size"}, err
}

// client asks a server by its typed client.
func client(t *testing.T) *systemapi.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(New(full(), &fakes{}, time.Now, nil))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	c := systemapi.New(socket)
	t.Cleanup(c.Close)
	return c
}

func TestDiagnosticsComeAsTheyAreAndSayHowTheyEnd(t *testing.T) {
	c := client(t)
	for host, want := range map[string]string{"good": "", "bad": "No.", "breaks": "the card is gone"} {
		n := 0
		err := c.Ping(t.Context(), systemapi.PingRequest{Host: host}, func(r systemapi.PingReply) error {
			if n++; r.Sequence != n || r.Address != "192.0.2.1" || r.TookUs != 7 {
				t.Errorf("%+v", r)
			}
			return nil
		})
		if said := err != nil && err.Error() == want; said != (want != "") || (n == 2) != (host != "bad") {
			t.Errorf("%s: %d answers, %v", host, n, err)
		}
		var refusal *ask.Error
		if host == "bad" && (!errors.As(err, &refusal) || refusal.Detail.Field != "host") {
			t.Errorf("%v", err)
		}
	}
	stop := errors.New("enough")
	if err := c.Ping(t.Context(), systemapi.PingRequest{}, func(systemapi.PingReply) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if err := c.Trace(t.Context(), systemapi.TraceRequest{Host: "h"}, func(h systemapi.Hop) error {
		if h != (systemapi.Hop{Number: 1, Address: "h", Reached: true}) {
			t.Errorf("%+v", h)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for nic, want := range map[string]string{"lan1": "", "bad": "No.", "breaks": "the card is gone"} {
		var b strings.Builder
		got, err := c.Capture(t.Context(), systemapi.CaptureRequest{Interface: nic}, &b)
		if said := err != nil && err.Error() == want; said != (want != "") {
			t.Errorf("%s: %v", nic, err)
		}
		if nic != "bad" && (b.String() != "packets" || got != systemapi.CaptureResult{Packets: 3, Dropped: 2, End: "size"}) {
			t.Errorf("%s: %q %+v", nic, b.String(), got)
		}
	}
	if k, err := c.HostKey(t.Context()); err != nil || k.Key != "secret" {
		t.Errorf("%+v, %v", k, err)
	}
}
