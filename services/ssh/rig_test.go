package ssh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/system/systemapi"
	"vigie/services/web/webapi"
)

const patience = 30 * time.Second // for what takes a moment when it works

// appliance plays the system service and the web service: a state that can be set, with long-polls, and an administrator,
// owner, whose password is right.
type appliance struct {
	mu      sync.Mutex
	state   api.Status
	ssh     api.SSH
	locked  bool
	hostKey string
	changed chan struct{}
	host    xssh.PublicKey
}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	a := &appliance{changed: make(chan struct{}), hostKey: string(pem.EncodeToMemory(block))}
	if a.host, err = xssh.NewPublicKey(public); err != nil {
		t.Fatal(err)
	}
	a.state = api.Status{Revision: 1, Hostname: "gate", Version: "7", Interfaces: []api.Interface{{ID: "02:00:00:00:00:01", Name: "lan1", Mac: "02:00:00:00:00:01", Carrier: true, Addresses: []string{"192.0.2.1/24"}}},
		Disks: []api.Disk{{Serial: "S1", SizeBytes: 4e12, Use: api.DiskUseBlank}}, Services: []api.Service{{Name: "engine", Status: api.ServiceStatusReady}}}
	return a
}

// set changes how SSH is set.
func (a *appliance) set(change func(*api.SSH)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.ssh)
	a.state.Revision++
	a.state.SSH = api.SSHSwitch{Enabled: a.ssh.Settings.Enabled, Port: a.ssh.Settings.Port, Shell: a.ssh.Shell.LeftMs > 0, Version: strconv.FormatInt(a.state.Revision, 10)}
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *appliance) status(w http.ResponseWriter, r *http.Request) error {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	for {
		a.mu.Lock()
		state, changed := a.state, a.changed
		a.mu.Unlock()
		if state.Revision != after {
			answer.JSON(w, http.StatusOK, state)
			return nil
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

func (a *appliance) system() http.Handler {
	return answer.Mux("system", answer.Routes{
		"GET /v1/status": a.status,
		"GET /v1/ssh": func(w http.ResponseWriter, _ *http.Request) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			answer.JSON(w, http.StatusOK, a.ssh)
			return nil
		},
		"GET " + systemapi.HostKeyPath: func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, systemapi.HostKey{Key: a.hostKey})
			return nil
		},
		"GET /v1/services/engine/log": func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, api.ServiceLog{Lines: []string{"one", "two", "thr\x1bee"}})
			return nil
		},
		"POST " + systemapi.PingPath: func(w http.ResponseWriter, r *http.Request) error {
			var q systemapi.PingRequest
			if err := answer.Read(w, r, &q); err != nil {
				return err
			}
			for n := 1; n <= q.Count; n++ {
				_ = json.NewEncoder(w).Encode(systemapi.PingReply{Sequence: n, Address: q.Host, TookUs: 1500})
				_ = http.NewResponseController(w).Flush()
				if q.Host == "192.0.2.99" { // takes for ever
					<-r.Context().Done()
				}
			}
			return nil
		},
		"POST " + systemapi.CapturePath: func(w http.ResponseWriter, r *http.Request) error {
			var q systemapi.CaptureRequest
			if err := answer.Read(w, r, &q); err != nil {
				return err
			}
			w.Header().Set("Trailer", systemapi.TrailerPackets)
			_, err := w.Write(bytes.Repeat([]byte("packet\n\x00"), 100_000))
			w.Header().Set(systemapi.TrailerPackets, strconv.Itoa(q.ExceptPort))
			return err
		},
	})
}

func (a *appliance) web() http.Handler {
	login := func(check bool) func(w http.ResponseWriter, r *http.Request) error {
		return func(w http.ResponseWriter, r *http.Request) error {
			var l webapi.Login
			if err := answer.Read(w, r, &l); err != nil {
				return err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.locked && check {
				p := answer.Refuse(http.StatusTooManyRequests, webapi.LockedOut, "Wait.")
				p.Detail.RetryAfterMs = 7000
				return p
			}
			out := webapi.LoginAnswer{OK: l.Username == "owner" && (l.Password == "right" || !check)}
			if l.Username == "owner" {
				out.Username = l.Username
			}
			answer.JSON(w, http.StatusOK, out)
			return nil
		}
	}
	return answer.Mux("web", answer.Routes{
		"POST " + webapi.LoginPath: login(true),
		"POST " + webapi.AdminPath: login(false),
		"POST " + webapi.NotePath: func(w http.ResponseWriter, r *http.Request) error {
			var n webapi.Note
			if err := answer.Read(w, r, &n); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
		"GET " + webapi.ConsolePath: func(w http.ResponseWriter, _ *http.Request) error {
			answer.JSON(w, http.StatusOK, webapi.Console{Opened: true, URLs: []string{"https://192.0.2.1/"}, Fingerprint: strings.Repeat("AB:", 31) + "AB"})
			return nil
		},
	})
}

// rig is a running service with the appliance around it.
type rig struct {
	*appliance
	api  *ask.Client
	dir  string
	port int
	key  string // file of a key
	own  string // its public line
}

func start(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssh") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{appliance: newAppliance(t), dir: dir, port: free(t), key: filepath.Join(dir, "key")}
	for name, h := range map[string]http.Handler{"system": r.system(), "web": r.web()} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: h}
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(func() { srv.Close() })
	}
	r.keygen(t, r.key, "ed25519")
	own, err := os.ReadFile(r.key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	r.own = strings.Join(strings.Fields(string(own))[:2], " ")
	known := fmt.Sprintf("[127.0.0.1]:%d %s", r.port, xssh.MarshalAuthorizedKey(r.host))
	if err := os.WriteFile(filepath.Join(dir, "known"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, []string{"-socket", filepath.Join(dir, "api"), "-system", filepath.Join(dir, "system"), "-web", filepath.Join(dir, "web"), "-shell", filepath.Join(dir, "shell")}, t.Output(), t.Output())
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
	r.api = ask.New("ssh", filepath.Join(dir, "api"))
	t.Cleanup(r.api.Close)
	return r
}

func (r *rig) keygen(t *testing.T, file, kind string, more ...string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-N", "", "-t", kind, "-f", file}, more...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// free is a TCP port that nobody has at the moment.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// on switches it on, with the rig's key.
func (r *rig) on(t *testing.T, passwords bool) {
	t.Helper()
	r.set(func(s *api.SSH) {
		s.Settings = api.SSHSettings{Enabled: true, Port: r.port, Passwords: passwords}
		s.Keys = []api.SSHKey{{ID: "k", Key: r.own}}
	})
	r.until(t, "it listens", func(s api.SSHSessions) bool { return s.Listening })
}

// until waits until the service's own state is as wanted.
func (r *rig) until(t *testing.T, what string, ok func(api.SSHSessions) bool) (s api.SSHSessions) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := r.api.Call(t.Context(), http.MethodGet, "/v1/ssh/sessions", nil, &s)
		if err == nil && ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %+v, %v", what, s, err)
		}
		s = api.SSHSessions{}
	}
}

// options are OpenSSH's, which then knows nothing but this host and this key.
func (r *rig) options(more ...string) []string {
	return append([]string{"-F", "none", "-o", "UserKnownHostsFile=" + filepath.Join(r.dir, "known"), "-o", "StrictHostKeyChecking=yes",
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "ConnectTimeout=20"}, more...)
}

// client is OpenSSH's, with the rig's key.
func (r *rig) client(t *testing.T, more ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), "ssh", append(r.options("-i", r.key, "-o", "BatchMode=yes", "-p", strconv.Itoa(r.port)), more...)...)
	c.Stdin = nil
	return c
}

// outcome is what a program wrote and how it ended.
type outcome struct {
	out, err string
	status   int
}

func run(c *exec.Cmd) outcome {
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run()
	return outcome{out.String(), err.String(), c.ProcessState.ExitCode()}
}

// asks answers OpenSSH's question for a password.
func (r *rig) asks(t *testing.T, c *exec.Cmd, password string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(r.dir, "askpass")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho '"+password+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.Env = append(os.Environ(), "SSH_ASKPASS="+file, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0")
	return c
}

func drained(r io.Reader) string {
	b, _ := io.ReadAll(r)
	return string(b)
}
