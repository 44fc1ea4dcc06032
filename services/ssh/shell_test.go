package ssh

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/terminaltest"
	"vigie/services/shell"
)

// shellService runs the service behind full shells, as init does while one is permitted, until it is stopped.
func (r *rig) shellService(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- shell.Run(ctx, []string{"-socket", filepath.Join(r.dir, "shell"), "-system", filepath.Join(r.dir, "system"), "-home", t.TempDir(), "-user", strconv.Itoa(os.Geteuid())}, t.Output(), t.Output())
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the shell service stopped with %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// permit permits a full shell for a while; zero: not any more.
func (r *rig) permit(left time.Duration) {
	r.set(func(s *api.SSH) { s.Shell = api.SSHShell{LeftMs: left.Milliseconds()} })
}

// whilePermitted waits until the service knows of the permission.
func (r *rig) whilePermitted(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got := run(r.client(t, "owner@127.0.0.1", "shell"))
		if got.status == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no shell: %+v", got)
		}
	}
}

func TestAFullShellIsThereWhileItIsPermitted(t *testing.T) {
	r := start(t)
	r.on(t, false)
	if got := run(r.client(t, "owner@127.0.0.1", "shell")); got.status != 1 || !strings.Contains(got.err, "not permitted") {
		t.Errorf("without a permission: %+v", got)
	}
	stop := r.shellService(t)
	if got := run(r.client(t, "owner@127.0.0.1", "shell")); got.status != 1 || !strings.Contains(got.err, "not permitted") {
		t.Errorf("without a permission, though the service runs: %+v", got)
	}
	r.permit(time.Hour)
	r.whilePermitted(t)

	// without a terminal it reads what to do, and its status is the command's
	c := r.client(t, "owner@127.0.0.1", "shell")
	c.Stdin = strings.NewReader("echo $((6*7)); echo oops >&2; wc -c </dev/null; head -c 300000 /dev/zero; exit 3\n")
	got := run(c)
	if got.status != 3 || !strings.HasPrefix(got.out, "42\n0\n") || len(got.out) != 5+300000 || got.err != "oops\n" {
		t.Errorf("status %d, %d bytes, %.20q, %q", got.status, len(got.out), got.out, got.err)
	}
	c = r.client(t, "owner@127.0.0.1", "shell")
	c.Stdin = strings.NewReader("kill -9 $$\n")
	if got := run(c); got.status != 137 {
		t.Errorf("a shell that is killed: %+v", got)
	}

	// on a terminal it comes before the menu
	p, _ := r.sit(t)
	p.Read(`This is a full shell`)
	p.Type("tty; stty size; echo $TERM $SSH_CONNECTION-\r")
	p.Read(`/dev/pts/\d+\s+40 100\s+\S+ -`)
	p.Resize(90, 30)
	p.Type("sleep 0.2; stty size\r")
	p.Read(`30 90\s`)
	p.Type("sh -c 'echo up $((1+1)); exec sleep 1000'\r")
	p.Read(`up 2`)
	p.Type("\x03")
	p.Type("exit\r")
	p.Read(`Choice: $`)
	p.Type("c")
	p.Read(`command> $`)
	p.Type("shell\r")
	p.Read(`needs a session of its own`)

	// it ends with the permission, and with the service
	for how, end := range map[string]func(){"permission": func() { r.permit(0) }, "service": stop} {
		r.permit(time.Hour)
		r.whilePermitted(t)
		p, ended := r.sit(t)
		p.Read(`This is a full shell`)
		p.Type("echo begun $((1+1)); sleep 1000\r")
		p.Read(`begun 2`)
		end()
		p.Read(`has\s+ended`)
		p.Read(`Choice: $`)
		p.Type("x")
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s: the session goes on", how)
		}
		if how == "service" {
			r.shellService(t)
		}
	}
}

// sit logs in at a terminal; the channel is closed when the session has ended.
func (r *rig) sit(t *testing.T) (*terminaltest.Person, <-chan struct{}) {
	t.Helper()
	p := terminaltest.Sit(t)
	p.Resize(100, 40)
	tty, err := os.OpenFile(p.Device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := r.client(t, "-t", "owner@127.0.0.1")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that it hears of another size
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		tty.Close()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	return p, ended
}
