//go:build whole

package machine

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/lab"
)

// technician logs in to the machine from the office by OpenSSH, with the owner's password.
type technician struct {
	b   *bench
	dir string
	at  netip.Addr
}

func (b *bench) technician(t *testing.T, at netip.Addr) *technician {
	t.Helper()
	p := &technician{b: b, dir: t.TempDir(), at: at}
	if err := os.WriteFile(filepath.Join(p.dir, "askpass"), []byte("#!/bin/sh\necho '"+password+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// does has a command done, and returns what came of it.
func (p *technician) does(t *testing.T, stdin string, words ...string) (out, said string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "ip", append([]string{"netns", "exec", p.b.Lab.Name(), "ssh", "-F", "none", "-o", "UserKnownHostsFile=" + filepath.Join(p.dir, "known"),
		"-o", "StrictHostKeyChecking=accept-new", "-o", "IdentityAgent=none", "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", owner + "@" + p.at.String()}, words...)...)
	c.Env = append(os.Environ(), "SSH_ASKPASS="+filepath.Join(p.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0")
	var o, e bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &o, &e
	err = c.Run()
	return o.String(), e.String(), err
}

// byTechnician switches SSH on and looks into the machine with it, as each service's own user may; and has a full shell, while
// that is permitted.
func (b *bench) byTechnician(t *testing.T, at netip.Addr) {
	t.Helper()
	dial := func() error {
		return b.Lab.Inside(func() error {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(at.String(), "22"), time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
	}
	if dial() == nil {
		t.Error("SSH listens though nobody switched it on")
	}
	if err := b.Call(t.Context(), http.MethodPut, "/ssh", api.SSHSettings{Enabled: true, Port: 22, Passwords: true}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, 30*time.Second, "SSH listens", func(context.Context) (bool, error) { err := dial(); return err == nil, err })
	p := b.technician(t, at)
	for command, want := range map[string]string{
		"interfaces": at.String() + "/24", "services": "engine     ready", "logs ssh": "listening", "disks": "DATA0",
		"ping " + lab.Host().String() + " count 1": "1 of 1 answered", "capture lan1 seconds 1": "\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
		"traceroute " + lab.Host().String(): "reached",
	} {
		if out, said, err := p.does(t, "", strings.Fields(command)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %.2000q, %s", command, err, out, said)
		}
	}

	asleep := func(ctx context.Context) (bool, error) {
		s, err := b.service(ctx, "shell")
		return err == nil && s.Status == api.ServiceStatusStopped && s.Pid == 0, err
	}
	if ok, err := asleep(t.Context()); !ok {
		t.Errorf("the shell's service runs though nobody permitted a shell: %v", err)
	}
	if out, said, err := p.does(t, "id\n", "shell"); err == nil || out != "" || !strings.Contains(said, "not permitted") {
		t.Errorf("a shell that is not permitted: %v, %q, %s", err, out, said)
	}
	if err := b.Call(t.Context(), http.MethodPost, "/services/shell/start", nil, nil); err == nil {
		t.Error("the shell's service is started by hand")
	}
	if err := b.Call(t.Context(), http.MethodPut, "/ssh/shell", api.SSHShellRequest{Minutes: 15}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, 30*time.Second, "a shell", func(context.Context) (bool, error) {
		_, said, err := p.does(t, "", "shell")
		if err != nil {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err == nil, err
	})
	script := "id -u; dmesg | grep -c 'Linux version'; tr '\\0' ' ' </proc/1/cmdline; echo; mdadm --version 2>&1; ls -d /volumes/*/vigie/machine; ip -4 addr | grep -c 'inet '; command -v vi; modprobe dummy 2>/dev/null || echo no modules; kill -0 1 && exit 7\n"
	out, said, err := p.does(t, script, "shell")
	for _, want := range []string{"0\n1\n/", "mdadm - v", "/vigie/machine\n", "/bin/vi\n", "no modules\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the shell's %q, %s", want, out, said)
		}
	}
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 {
		t.Errorf("its status: %v", err)
	}
	type outcome struct {
		said string
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		_, said, err := p.does(t, "touch /run/vigie/shell/begun; sleep 1000\n", "shell")
		ended <- outcome{said, err}
	}()
	b.until(t, 30*time.Second, "it is at work", func(context.Context) (bool, error) {
		_, _, err := p.does(t, "test -e /run/vigie/shell/begun\n", "shell")
		return err == nil, err
	})
	if err := b.Call(t.Context(), http.MethodDelete, "/ssh/shell", nil, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-ended:
		if o.err == nil || !strings.Contains(o.said, "has ended") {
			t.Errorf("it ended with %v, %s", o.err, o.said)
		}
	case <-time.After(30 * time.Second):
		t.Error("a shell goes on without permission")
	}
	b.until(t, 20*time.Second, "the shell's service has ended", asleep)
}

// bitten has PID 1 stand still, as if init itself hung: nobody feeds the hardware watchdog then, and it starts the machine anew.
func (b *bench) bitten(t *testing.T, at netip.Addr) {
	t.Helper()
	p := b.technician(t, at)
	if err := b.Call(t.Context(), http.MethodPut, "/ssh/shell", api.SSHShellRequest{Minutes: 15}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, 30*time.Second, "a shell", func(context.Context) (bool, error) {
		_, _, err := p.does(t, "", "shell")
		return err == nil, err
	})
	freeze := "cd /sys/fs/cgroup && mkdir still && echo 1 >still/cgroup.procs && echo 1 >still/cgroup.freeze\n"
	if _, said, err := p.does(t, freeze, "shell"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	if err := b.VM.WaitEvent(ctx, "WATCHDOG", nil); err != nil {
		t.Fatal(err)
	}
	bite := time.Since(began)
	for _, text := range []string{`Vigie \(Esc`, `administrator is set`} {
		if _, err := b.VM.Console().Expect(ctx, regexp.MustCompile(text)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the watchdog started a machine anew whose init hung after %.1f s; it greeted %.1f s after that", bite.Seconds(), (time.Since(began) - bite).Seconds())
	b.connect(ctx, t)
	if err := b.Login(ctx, owner, password); err != nil {
		t.Fatal(err)
	}
}
