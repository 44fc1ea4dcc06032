package gate

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/sshkey"
	"vigie/services/web/webapi"
)

// accounts has one administrator, owner, whose password is right.
type accounts struct {
	err   error
	asked []webapi.Login
	noted chan webapi.Note
}

func (a *accounts) Login(_ context.Context, l webapi.Login) (webapi.LoginAnswer, error) {
	a.asked = append(a.asked, l)
	if a.err != nil || !strings.EqualFold(l.Username, "owner") {
		return webapi.LoginAnswer{}, a.err
	}
	return webapi.LoginAnswer{OK: l.Password == "right", Username: "owner"}, nil
}

func (a *accounts) Administrator(_ context.Context, name string) (webapi.LoginAnswer, error) {
	if a.err != nil || !strings.EqualFold(name, "owner") {
		return webapi.LoginAnswer{}, a.err
	}
	return webapi.LoginAnswer{OK: true, Username: "owner"}, nil
}

func (a *accounts) Note(_ context.Context, n webapi.Note) error {
	if a.noted != nil {
		a.noted <- n
	}
	return nil
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func listed(t *testing.T, s ssh.Signer) sshkey.Key {
	t.Helper()
	k, err := sshkey.Parse(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var here = netip.MustParseAddr("192.0.2.7")

// wire is a connection: one in memory has no room for two sides that greet each other first.
func wire(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// login tries to log in; the text is what the client is told beside.
func login(t *testing.T, g *Gate, host ssh.Signer, from netip.Addr, user string, c ssh.ClientConfig) (told string, err error) {
	t.Helper()
	v, err := g.Knock(from)
	if err != nil {
		return "", err
	}
	defer v.Left()
	near, far := wire(t)
	defer near.Close()
	done := make(chan error, 1)
	go func() {
		defer far.Close()
		conn, _, _, err := ssh.NewServerConn(far, v.Config(t.Context(), host))
		if err == nil {
			v.In()
			conn.Close()
		}
		done <- err
	}()
	c.User, c.HostKeyCallback = user, ssh.FixedHostKey(host.PublicKey())
	c.BannerCallback = func(m string) error { told += m; return nil }
	conn, _, _, err := ssh.NewClientConn(near, "x", &c)
	if err == nil {
		conn.Close()
	}
	near.Close()
	if served := <-done; (served == nil) != (err == nil) {
		t.Errorf("the server has %v, the client %v", served, err)
	}
	return told, err
}

func password(p string) ssh.ClientConfig {
	return ssh.ClientConfig{Auth: []ssh.AuthMethod{ssh.Password(p)}}
}

func with(s ...ssh.Signer) ssh.ClientConfig {
	return ssh.ClientConfig{Auth: []ssh.AuthMethod{ssh.PublicKeys(s...)}}
}

// last is the newest attempt, in a word each.
func last(g *Gate) string {
	a := g.Attempts()
	if len(a) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s %s %s", a[0].User, a[0].Address, a[0].Method, a[0].Result)
}

func TestWhoComesIn(t *testing.T) {
	good, other, host := newSigner(t), newSigner(t), newSigner(t)
	a := &accounts{}
	var log strings.Builder
	g := New(a, slog.New(slog.NewTextHandler(&log, nil)))
	if _, err := login(t, g, host, here, "owner", with(good)); err == nil {
		t.Error("somebody came in before there were rules")
	}
	g.SetRules(Rules{Keys: []sshkey.Key{listed(t, good)}})
	for _, c := range []struct {
		name, user string
		client     ssh.ClientConfig
		in         bool
		last       string
	}{
		{"a listed key", "Owner", with(good), true, "owner 192.0.2.7 key ok"},
		{"a listed key after another", "owner", with(other, good), true, "owner 192.0.2.7 key ok"},
		{"another key", "owner", with(other), false, "owner 192.0.2.7 key refused"},
		{"nobody's name", "root", with(good), false, "root 192.0.2.7 key refused"},
		{"passwords are not allowed", "owner", password("right"), false, "root 192.0.2.7 key refused"},
	} {
		told, err := login(t, g, host, here, c.user, c.client)
		if (err == nil) != c.in || last(g) != c.last {
			t.Errorf("%s: %v, %q, told %q", c.name, err, last(g), told)
		}
	}
	g.SetRules(Rules{Passwords: true})
	for _, c := range []struct {
		user, password string
		in             bool
		last           string
	}{
		{"OWNER", "right", true, "owner 192.0.2.7 password ok"},
		{"owner", "wrong", false, "owner 192.0.2.7 password refused"},
		{"secret", "right", false, " 192.0.2.7 password refused"}, // may be a password
	} {
		if _, err := login(t, g, host, here, c.user, password(c.password)); (err == nil) != c.in || last(g) != c.last {
			t.Errorf("%s: %v, %q", c.user, err, last(g))
		}
	}
	if _, err := login(t, g, host, here, "owner", with(good)); err == nil {
		t.Error("a key that was taken away")
	}
	for _, secret := range []string{"wrong", "secret", "right", "PRIVATE"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
	if a.asked[0].From != here.String() {
		t.Errorf("the web service is told %+v", a.asked[0])
	}
}

func TestWhatTheWebServiceSaysIsPassedOn(t *testing.T) {
	good, host := newSigner(t), newSigner(t)
	a := &accounts{err: &ask.Error{Status: 429, Detail: api.Error{Code: webapi.LockedOut, Message: "No.", RetryAfterMs: 4000}}}
	g := New(a, slog.New(slog.DiscardHandler))
	g.SetRules(Rules{Passwords: true, Keys: []sshkey.Key{listed(t, good)}})
	if told, err := login(t, g, host, here, "owner", password("right")); err == nil || !strings.Contains(told, "Wait 4s") || last(g) != " 192.0.2.7 password limited" {
		t.Errorf("%v, %q, %q", err, told, last(g))
	}
	a.err = errors.New("no such file")
	if told, err := login(t, g, host, here, "owner", password("right")); err == nil || !strings.Contains(told, "does not answer") || last(g) != " 192.0.2.7 password failed" {
		t.Errorf("%v, %q, %q", err, told, last(g))
	}
	if _, err := login(t, g, host, here, "owner", with(good)); err != nil {
		t.Errorf("a key while the web service is away: %v", err)
	}
}

func TestOldAlgorithmsAreRefused(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	host := newSigner(t)
	g := New(&accounts{}, slog.New(slog.DiscardHandler))
	g.SetRules(Rules{Keys: []sshkey.Key{listed(t, plain)}})
	if _, err := login(t, g, host, here, "owner", with(plain)); err != nil {
		t.Errorf("RSA with SHA-2: %v", err)
	}
	sha1, err := ssh.NewSignerWithAlgorithms(plain.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login(t, g, host, here, "owner", with(sha1)); err == nil {
		t.Error("RSA with SHA-1")
	}
	for name, c := range map[string]ssh.Config{
		"key exchange": {KeyExchanges: []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.KeyExchangeDH14SHA256}},
		"cipher":       {Ciphers: []string{ssh.InsecureCipherAES128CBC, ssh.CipherAES128CTR}},
		"MAC":          {Ciphers: []string{ssh.CipherAES256CTR}, MACs: []string{ssh.HMACSHA1, ssh.HMACSHA256}},
	} {
		client := with(plain)
		client.Config = c
		if _, err := login(t, g, host, here, "owner", client); err == nil {
			t.Errorf("an old %s is taken", name)
		}
	}
}

func TestANetworkThatKeepsFailingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(&accounts{}, slog.New(slog.DiscardHandler))
		fail := func(from netip.Addr) error {
			v, err := g.Knock(from)
			if err == nil {
				v.failed = true
				v.Left()
			}
			return err
		}
		for n := range byNetwork().Free {
			if err := fail(here); err != nil {
				t.Fatalf("attempt %d: %v", n, err)
			}
		}
		if err := fail(here); err != nil {
			t.Error(err)
		}
		err := fail(here)
		var said Refusal
		if !errors.As(err, &said) || !strings.Contains(err.Error(), "Wait 2s") {
			t.Errorf("got %v", err)
		}
		if err := fail(netip.MustParseAddr("192.0.2.8")); err != nil {
			t.Errorf("another host waits too: %v", err)
		}
		time.Sleep(2 * time.Second)
		v, err := g.Knock(here)
		if err != nil {
			t.Fatal(err)
		}
		v.who = &Who{User: "owner"}
		v.In()
		v.Left()
		if err := fail(here); err != nil {
			t.Errorf("after a log-in: %v", err)
		}
		for range 50 { // one that only looks is no guess
			v, err := g.Knock(netip.MustParseAddr("192.0.2.9"))
			if err != nil {
				t.Fatal(err)
			}
			v.Left()
		}
	})
}

func TestPlacesAreFewAndGivenBack(t *testing.T) {
	g := New(&accounts{}, slog.New(slog.DiscardHandler))
	var visitors []*Visitor
	knock := func(from string) error {
		v, err := g.Knock(netip.MustParseAddr(from))
		if err == nil {
			visitors = append(visitors, v)
		}
		return err
	}
	for n := range strangersNetwork {
		if err := knock(fmt.Sprintf("2001:db8::%d", n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := knock("2001:db8::99"); !errors.Is(err, errStrangers) {
		t.Errorf("one more of a network: %v", err)
	}
	for n := len(visitors); n < strangersMost; n++ {
		if err := knock(fmt.Sprintf("192.0.2.%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := knock("192.0.2.99"); !errors.Is(err, errStrangers) {
		t.Errorf("one more in all: %v", err)
	}
	for _, v := range visitors {
		v.In()
	}
	for n := len(visitors); n < insideMost; n++ {
		if err := knock(fmt.Sprintf("192.0.2.%d", n)); err != nil {
			t.Fatal(err)
		}
		visitors[n].In()
	}
	if err := knock("192.0.2.99"); !errors.Is(err, errFull) {
		t.Errorf("one more inside: %v", err)
	}
	for _, v := range visitors {
		v.Left()
	}
	if p := &g.places; p.strangers != 0 || p.inside != 0 || len(p.by) != 0 {
		t.Errorf("%d strangers, %d inside, %v", p.strangers, p.inside, p.by)
	}
}

func TestAWayInThatIsClosed(t *testing.T) {
	s := newSigner(t)
	k := listed(t, s)
	byKey, byPassword := Who{Method: api.SSHMethodKey, Key: k.Fingerprint()}, Who{Method: api.SSHMethodPassword}
	for _, c := range []struct {
		rules         Rules
		key, password bool
	}{
		{Rules{}, false, false}, {Rules{Passwords: true}, false, true}, {Rules{Keys: []sshkey.Key{k}}, true, false},
		{Rules{Keys: []sshkey.Key{listed(t, newSigner(t))}}, false, false},
	} {
		if c.rules.Allows(byKey) != c.key || c.rules.Allows(byPassword) != c.password {
			t.Errorf("%+v", c.rules)
		}
	}
}

// TestAttemptsWithKeysAreTold: of a connection that offers several, the last, if none gets in and no password is tried.
func TestAttemptsWithKeysAreTold(t *testing.T) {
	good, other, host := newSigner(t), newSigner(t), newSigner(t)
	a := &accounts{noted: make(chan webapi.Note, 9)}
	g := New(a, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	g.SetRules(Rules{Passwords: true, Keys: []sshkey.Key{listed(t, good)}})
	for _, c := range []struct {
		user   string
		client ssh.ClientConfig
		want   webapi.Note
	}{
		{"owner", with(other, good), webapi.Note{Result: "ok", Username: "owner", From: here.String(), Key: ssh.FingerprintSHA256(good.PublicKey())}},
		{"owner", with(newSigner(t), other), webapi.Note{Result: "refused", Username: "owner", From: here.String(), Key: ssh.FingerprintSHA256(other.PublicKey())}},
		{"root", with(good), webapi.Note{Result: "refused", Username: "root", From: here.String(), Key: ssh.FingerprintSHA256(good.PublicKey())}},
		{"owner", password("wrong"), webapi.Note{}},
		{"owner", ssh.ClientConfig{Auth: []ssh.AuthMethod{ssh.PublicKeys(other), ssh.Password("wrong")}}, webapi.Note{}},
		{"owner", with(good), webapi.Note{Result: "ok", Username: "owner", From: here.String(), Key: ssh.FingerprintSHA256(good.PublicKey())}},
	} {
		_, _ = login(t, g, host, here, c.user, c.client) // TestWhoComesIn
		if c.want == (webapi.Note{}) {
			continue // nothing; the next note would show it
		}
		if got := <-a.noted; got != c.want {
			t.Errorf("told %+v, want %+v", got, c.want)
		}
	}
}
