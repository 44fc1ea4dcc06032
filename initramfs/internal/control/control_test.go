package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigie/internal/initctl"
)

type machine struct {
	mu    sync.Mutex
	calls []string
	ended chan struct{}
}

func (m *machine) note(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
}

func (m *machine) Status() initctl.Status {
	m.note("status")
	return initctl.Status{Version: "1", Services: []initctl.Service{{Name: "web"}}}
}

func (m *machine) Restart(_ context.Context, service string, force bool) error {
	if force {
		m.note("kill " + service)
		return nil
	}
	m.note("restart " + service)
	if service == "panics" {
		panic("boom")
	}
	if service != "web" {
		return errors.New("there is no such service")
	}
	return nil
}

func (m *machine) Hold(_ context.Context, service string) error {
	m.note("stop " + service)
	return nil
}

func (m *machine) Start(_ context.Context, service string) error {
	m.note("start " + service)
	return nil
}

func (m *machine) Log(service string) ([]string, error) {
	m.note("log " + service)
	return slices.Repeat([]string{strings.Repeat(`"`, 4000)}, 60), nil // as much as a ring holds, and all of it escaped
}

func (m *machine) PowerOff() { m.note("poweroff"); m.ended <- struct{}{} }
func (m *machine) Reboot()   { m.note("reboot"); m.ended <- struct{}{} }

func serve(t *testing.T) (*machine, initctl.Client) {
	t.Helper()
	// Strangers of the test below must get as far as the socket.
	dir, err := os.MkdirTemp("", "control")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m := &machine{ended: make(chan struct{}, 2)}
	path := filepath.Join(dir, "control.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // left by an earlier life
		t.Fatal(err)
	}
	s, err := Listen(slog.New(slog.DiscardHandler), path, m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return m, initctl.Client{Socket: path}
}

func TestRequestsReachTheMachine(t *testing.T) {
	m, client := serve(t)
	ctx := t.Context()
	status, err := client.Status(ctx)
	if err != nil || status.Version != "1" || len(status.Services) != 1 {
		t.Errorf("%+v, %v", status, err)
	}
	lines, err := client.Log(ctx, "web")
	if err != nil || len(lines) != 60 || len(lines[0]) != 4000 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if err := client.Restart(ctx, "web"); err != nil {
		t.Error(err)
	}
	if err := client.Kill(ctx, "web"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(client.Stop(ctx, "web"), client.Start(ctx, "web")); err != nil {
		t.Error(err)
	}
	if err := client.Restart(ctx, "x"); !errors.Is(err, initctl.ErrRefused) {
		t.Error(err)
	}
	if err := errors.Join(client.PowerOff(ctx), client.Reboot(ctx)); err != nil {
		t.Error(err)
	}
	<-m.ended
	<-m.ended
	m.mu.Lock()
	defer m.mu.Unlock()
	if want := []string{"status", "log web", "restart web", "kill web", "stop web", "start web", "restart x"}; !slices.Equal(m.calls[:7], want) || len(m.calls) != 9 {
		t.Errorf("calls %q", m.calls)
	}
}

func TestAPanicCostsOneConversation(t *testing.T) {
	_, client := serve(t)
	if err := client.Restart(t.Context(), "panics"); err == nil {
		t.Error("no error")
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNonsenseIsAnsweredWithASentence(t *testing.T) {
	_, client := serve(t)
	for _, line := range []string{"nonsense\n", `{"op":"format"}` + "\n", strings.Repeat("x", initctl.MaxRequest) + "\n"} {
		conn, err := net.Dial("unix", client.Socket)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, line); err != nil {
			t.Error(err)
		}
		response, err := initctl.DecodeResponse(conn)
		if err != nil || response.Error == "" {
			t.Errorf("%.20q: %+v, %v", line, response, err)
		}
		conn.Close()
	}
}

func TestSilentClientsDoNotKeepOthersOut(t *testing.T) {
	_, client := serve(t)
	for range most - 1 {
		conn, err := net.Dial("unix", client.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOnlyRootIsAnswered lets a real process of another user try: first the mode of the socket stops it, then, with the
// mode opened, its credentials.
func TestOnlyRootIsAnswered(t *testing.T) {
	if path := os.Getenv("CONTROL_STRANGER"); path != "" {
		_, err := initctl.Client{Socket: path}.Status(context.Background())
		fmt.Println(err)
		os.Exit(0)
	}
	m, client := serve(t)
	// The test binary itself may lie where only root can read: a copy can be run by anybody.
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(client.Socket), "stranger")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		mode os.FileMode
		want []string // hung up before, during or after the request was written
	}{{0o600, []string{"permission denied"}}, {0o666, []string{"EOF", "reset by peer", "broken pipe"}}} {
		if err := os.Chmod(client.Socket, step.mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-test.run=TestOnlyRootIsAnswered")
		cmd.Env = []string{"CONTROL_STRANGER=" + client.Socket}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 901, Gid: 900}}
		out, err := cmd.CombinedOutput()
		if err != nil || !slices.ContainsFunc(step.want, func(want string) bool { return strings.Contains(string(out), want) }) {
			t.Errorf("mode %o: %q, %v", step.mode, out, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.calls) != 0 {
		t.Errorf("a stranger reached the machine: %q", m.calls)
	}
}
