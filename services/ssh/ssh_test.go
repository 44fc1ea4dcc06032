package ssh

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"vigie/internal/api"
	"vigie/internal/console/terminaltest"
)

func TestNothingListensUntilItIsSwitchedOn(t *testing.T) {
	r := start(t)
	r.until(t, "it answers", func(s api.SSHSessions) bool { return !s.Listening && s.Problem == "" })
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	if c, err := net.Dial("tcp", at); err == nil {
		c.Close()
		t.Fatal("it listens though it is off")
	}
	r.on(t, false)
	out, err := exec.CommandContext(t.Context(), "ssh-keyscan", "-T", "20", "-p", strconv.Itoa(r.port), "127.0.0.1").Output()
	want := strings.TrimSpace(string(xssh.MarshalAuthorizedKey(r.host)))
	if err != nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("ssh-keyscan finds %q, %v", out, err)
	}
	other := free(t)
	r.set(func(s *api.SSH) { s.Settings.Port = other })
	moved := func(port int) bool {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	r.until(t, "it listens at the other port alone", func(api.SSHSessions) bool { return moved(other) && !moved(r.port) })
	r.set(func(s *api.SSH) { s.Settings.Enabled = false })
	r.until(t, "it is off", func(s api.SSHSessions) bool { return !s.Listening && !moved(other) })
}

func TestAPortThatIsTakenIsSaidAndTriedAgain(t *testing.T) {
	r := start(t)
	taken, err := net.Listen("tcp", ":"+strconv.Itoa(r.port))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.set(func(s *api.SSH) { s.Settings = api.SSHSettings{Enabled: true, Port: r.port, Passwords: true} })
	r.until(t, "the problem is said", func(s api.SSHSessions) bool { return strings.Contains(s.Problem, "in use") })
	taken.Close()
	r.until(t, "it listens", func(s api.SSHSessions) bool { return s.Listening && s.Problem == "" })
}

func TestOpenSSHHasCommandsDoneAndNothingElse(t *testing.T) {
	r := start(t)
	r.on(t, false)
	host := "owner@127.0.0.1"
	for _, c := range []struct {
		args   []string
		status int
		out    string // begins with, or has
		err    string
	}{
		{[]string{host, "help"}, 0, "traceroute HOST", ""},
		{[]string{host}, 0, "traceroute HOST", ""}, // no terminal, no command
		{[]string{host, "status"}, 0, "Vigie 7 on gate", ""},
		{[]string{host, "interfaces"}, 0, "192.0.2.1/24", ""},
		{[]string{host, "disks"}, 0, "S1 ", ""},
		{[]string{host, "services"}, 0, "engine", ""},
		{[]string{host, "logs", "engine", "lines", "2"}, 0, "two\nthr?ee\n", ""},
		{[]string{host, "ping", "192.0.2.5", "count", "2"}, 0, "2: 192.0.2.5 answers in 1.500 ms\n2 of 2 answered; least 1.500 ms", ""},
		{[]string{"-tt", host, "ping", "192.0.2.5", "count", "1"}, 0, "answers in 1.500 ms\r\n", ""},
		{[]string{host, "logs", "nobody"}, 2, "", "has nothing at"},
		{[]string{host, "sh"}, 2, "", "There is no command \"sh\""},
		{[]string{host, "ping 192.0.2.5; id"}, 2, "", "there is no shell here"},
		{[]string{host, "capture", "lan1", "port", "x"}, 2, "", "no number from 1 to 65535"},
		{[]string{"-tt", host, "capture", "lan1"}, 2, "", "no terminal can show"},
		{[]string{"-s", host, "sftp"}, 1, "", "no transfer of files"},
		{[]string{"-o", "SetEnv=LANG=xx", host, "help"}, 0, "traceroute HOST", ""},
	} {
		got := run(r.client(t, c.args...))
		if got.status != c.status || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
	if got := run(r.client(t, "-o", "HostKeyAlgorithms=ssh-rsa,rsa-sha2-512", host, "help")); got.status == 0 {
		t.Error("another host key")
	}
	got := run(r.client(t, host, "capture", "lan1"))
	if got.status != 0 || got.out != strings.Repeat("packet\n\x00", 100_000) || !strings.Contains(got.err, fmt.Sprintf("%d packets", r.port)) {
		t.Errorf("a capture of %d bytes, %q, status %d", len(got.out), got.err, got.status)
	}
	sftp := exec.CommandContext(t.Context(), "sftp", append(r.options("-i", r.key, "-o", "BatchMode=yes", "-P", strconv.Itoa(r.port)), host)...)
	if got := run(sftp); got.status == 0 || !strings.Contains(got.err, "no transfer of files") {
		t.Errorf("sftp: %+v", got)
	}
}

func TestOpenSSHForwardsNothing(t *testing.T) {
	r := start(t)
	r.on(t, false)
	local := free(t)
	for name, c := range map[string]struct{ option, forward, first string }{
		"-L":             {"-L", fmt.Sprintf("%d:127.0.0.1:%d", local, r.port), ""},
		"-D":             {"-D", strconv.Itoa(local), "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + string(binary.BigEndian.AppendUint16(nil, uint16(r.port)))}, // RFC 1928
		"-L to a socket": {"-L", fmt.Sprintf("%d:%s", local, filepath.Join(r.dir, "api")), "GET /v1/ssh/sessions HTTP/1.0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) { r.leadsNowhere(t, local, c.first, c.option, c.forward) })
	}
	if got := run(r.client(t, "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9", "owner@127.0.0.1", "help")); got.status == 0 || !strings.Contains(got.err, "remote port forwarding failed") {
		t.Errorf("-R: %+v", got)
	}
	screen := r.client(t, "-Y", "owner@127.0.0.1", "help")
	screen.Env = append(os.Environ(), "DISPLAY=127.0.0.1:9")
	if got := run(screen); got.status != 0 || !strings.Contains(got.err, "X11 forwarding request failed") {
		t.Errorf("-Y: %+v", got)
	}
	// Of an agent OpenSSH asks nothing that is answered, and it is told nothing of who comes to it.
	agent, err := net.Listen("unix", filepath.Join(r.dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	go func() {
		for {
			c, err := agent.Accept()
			if err != nil {
				return
			}
			c.Close() // it has no keys
		}
	}()
	with := r.client(t, "-v", "-A", "owner@127.0.0.1", "ping", "192.0.2.5", "count", "2")
	with.Args = slices.Insert(with.Args, 1, "-o", "IdentityAgent="+agent.Addr().String()) // before the rig's, as the first counts
	got := run(with)
	if got.status != 0 || !strings.Contains(got.err, "Requesting authentication agent forwarding") || strings.Contains(got.err, "ctype auth-agent") {
		t.Errorf("-A: %+v", got)
	}
}

// leadsNowhere has OpenSSH listen at a local port, from which nothing comes, whatever is said there first.
func (r *rig) leadsNowhere(t *testing.T, local int, first string, args ...string) {
	t.Helper()
	c := r.client(t, append(append([]string{"-N"}, args...), "owner@127.0.0.1")...)
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Wait() }()
	defer func() { _ = c.Process.Kill() }()
	var through net.Conn
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if through, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", local)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(through, first); err != nil {
		t.Fatal(err)
	}
	// OpenSSH itself answers who speaks SOCKS.
	if got := drained(through); strings.Trim(got, "\x00\x01\x05") != "" {
		t.Errorf("through the tunnel comes %q", got)
	}
	through.Close()
	_ = c.Process.Kill()
	if text := drained(said); !strings.Contains(text, "forwards nothing") {
		t.Errorf("OpenSSH says %q", text)
	}
}

func TestOpenSSHLogsInByPassword(t *testing.T) {
	r := start(t)
	r.on(t, true)
	client := func(user string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "ssh", append(r.options("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "-p", strconv.Itoa(r.port)), user+"@127.0.0.1", "interfaces")...)
	}
	if got := run(r.asks(t, client("owner"), "right")); got.status != 0 || !strings.Contains(got.out, "lan1") {
		t.Errorf("%+v", got)
	}
	if got := run(r.asks(t, client("owner"), "wrong")); got.status != 255 {
		t.Errorf("a wrong password: %+v", got)
	}
	r.mu.Lock()
	r.locked = true
	r.mu.Unlock()
	if got := run(r.asks(t, client("owner"), "right")); got.status != 255 || !strings.Contains(got.err, "Wait 7s") {
		t.Errorf("locked out: %+v", got)
	}
	s := r.until(t, "attempts are told", func(s api.SSHSessions) bool { return len(s.Attempts) == 3 })
	for i, want := range []api.SSHAttemptResult{api.SSHAttemptResultLimited, api.SSHAttemptResultRefused, api.SSHAttemptResultOk} {
		if a := s.Attempts[i]; a.Result != want || a.Method != api.SSHMethodPassword || a.Address != "127.0.0.1" || a.AtMs == 0 {
			t.Errorf("%+v, want %s", a, want)
		}
	}
	// until somebody takes passwords away
	r.on(t, false)
	if got := run(r.asks(t, client("owner"), "right")); got.status != 255 || !strings.Contains(got.err, "publickey") {
		t.Errorf("passwords are not allowed: %+v", got)
	}
}

func TestWhoGuessesHasToWait(t *testing.T) {
	r := start(t)
	r.on(t, false)
	other := filepath.Join(r.dir, "other")
	r.keygen(t, other, "ecdsa", "-b", "384")
	guess := func() outcome {
		return run(exec.CommandContext(t.Context(), "ssh", append(r.options("-i", other, "-o", "BatchMode=yes", "-p", strconv.Itoa(r.port)), "owner@127.0.0.1", "help")...))
	}
	for n := range 6 {
		if got := guess(); got.status != 255 || !strings.Contains(got.err, "Permission denied") {
			t.Fatalf("guess %d: %+v", n, got)
		}
	}
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text := drained(c); !strings.Contains(text, "Too many failed attempts") {
		t.Errorf("the seventh is told %q", text)
	}
}

func TestDropbearAndOtherKindsOfKeysGetIn(t *testing.T) {
	r := start(t)
	var keys []api.SSHKey
	files := map[string]string{}
	for kind, more := range map[string][]string{"ecdsa": {"-b", "256"}, "rsa": {"-b", "3072"}} {
		file := filepath.Join(r.dir, kind)
		r.keygen(t, file, kind, more...)
		b, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, api.SSHKey{ID: kind, Key: strings.Join(strings.Fields(string(b))[:2], " ")})
		files[kind] = file
	}
	r.on(t, true)
	r.set(func(s *api.SSH) { s.Keys = append(s.Keys, keys...) })
	for kind, file := range files {
		var got outcome
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) { // the list is followed a moment later
			if got = run(exec.CommandContext(t.Context(), "ssh", append(r.options("-i", file, "-o", "BatchMode=yes", "-p", strconv.Itoa(r.port)), "owner@127.0.0.1", "disks")...)); got.status == 0 {
				break
			}
		}
		if got.status != 0 || !strings.Contains(got.out, "S1 ") {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	c := exec.CommandContext(t.Context(), "dbclient", "-y", "-y", "-p", strconv.Itoa(r.port), "owner@127.0.0.1", "services")
	c.Env = append(os.Environ(), "DROPBEAR_PASSWORD=right", "HOME="+r.dir)
	if got := run(c); got.status != 0 || !strings.Contains(got.out, "engine") {
		t.Errorf("dropbear: %+v", got)
	}
}

func TestTheMenuIsThereOnATerminalUntilItsKeyIsTakenAway(t *testing.T) {
	r := start(t)
	r.on(t, false)
	p := terminaltest.Sit(t)
	p.Resize(100, 40)
	tty, err := os.OpenFile(p.Device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	c := r.client(t, "-t", "owner@127.0.0.1")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	p.Read(`Vigie 7 on gate`)
	p.Read(`Choice: $`)
	if text := p.All(); strings.Contains(text, "password") || !strings.Contains(text, "\r\n") {
		t.Errorf("the menu is %q", text)
	}
	s := r.until(t, "it is listed", func(s api.SSHSessions) bool { return len(s.Sessions) == 1 && s.Sessions[0].Doing == "menu" })
	if o := s.Sessions[0]; o.User != "owner" || o.Method != api.SSHMethodKey || !strings.HasPrefix(o.Key, "SHA256:") {
		t.Errorf("%+v", o)
	}
	p.Type("c")
	p.Read(`command> $`)
	p.Type("ping 192.0.2.99 count 3\r")
	p.Read(`1: 192.0.2.99 answers`)
	p.Type("\x03")
	p.Read(`Ended\.`)
	p.Read(`command> $`)
	p.Type("\r")
	p.Read(`Choice: $`)
	r.set(func(s *api.SSH) { s.Keys = nil })
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the session goes on without its key")
		_ = c.Process.Kill()
	}
	r.until(t, "it is gone", func(s api.SSHSessions) bool { return len(s.Sessions) == 0 })
}

func TestItsHealthIsThatItGreets(t *testing.T) {
	r := start(t)
	r.on(t, false)
	if err := probe(t.Context(), r.port); err != nil {
		t.Error(err)
	}
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	deaf.Close()
	if err := probe(t.Context(), deaf.Addr().(*net.TCPAddr).Port); err == nil {
		t.Error("well, though nobody is there")
	}
}
