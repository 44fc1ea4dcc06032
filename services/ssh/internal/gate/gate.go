// Package gate decides who comes in by SSH: with a key that is listed, or, where that is allowed, with an administrator's name
// and password, which the web service checks; no password hash ever comes here.
//
// Attempts are limited three ways: connections that have not logged in are few, in all and from one network; a network from
// which they keep ending without a log-in has to wait, ever longer (package lockout); and the web service counts passwords
// together with its own log-ins. Each attempt is logged, the newest are remembered, and those with keys, of which the web service
// learns nothing otherwise, are told to it for its list (Run). A name that is no user's is neither:
// it may be a mistyped password. Algorithms are modern ones only (RFC 8731, 8709, 8332; OpenSSH's GCM, ChaCha20 and
// encrypt-then-MAC).
//
// A Gate may be used by many goroutines.
package gate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/lockout"
	"vigie/internal/sshkey"
	"vigie/services/web/webapi"
)

const (
	// triesMost is how many attempts one connection has. Programs offer a handful of keys before they ask for a password.
	triesMost = 6
	// remembered is how many attempts are told.
	remembered = 100
	// askWithin is how long the web service may take to check: its hashes run one at a time.
	askWithin = 20 * time.Second
	// notesMost is how many attempts may wait to be told to the web service; above it they are only logged.
	notesMost = 64
)

// byNetwork makes whoever keeps failing wait.
func byNetwork() lockout.Rule {
	return lockout.Rule{Free: 5, First: 2 * time.Second, Max: 15 * time.Minute, Forget: time.Hour}
}

// Accounts knows the administrators: a webapi.Client.
type Accounts interface {
	Login(ctx context.Context, l webapi.Login) (webapi.LoginAnswer, error)
	Administrator(ctx context.Context, username string) (webapi.LoginAnswer, error)
	Note(ctx context.Context, n webapi.Note) error
}

// Who has come in.
type Who struct {
	User   string
	From   netip.Addr
	Method api.SSHMethod
	Key    string // fingerprint; "" with a password
}

// Refusal is why somebody is not let in, as a sentence for people.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Rules are who may come in.
type Rules struct {
	Passwords bool
	Keys      []sshkey.Key
}

// Allows tells whether somebody could come in as he did.
func (r Rules) Allows(w Who) bool {
	if w.Method == api.SSHMethodPassword {
		return r.Passwords
	}
	for _, k := range r.Keys {
		if k.Fingerprint() == w.Key {
			return true
		}
	}
	return false
}

// Gate is one door.
type Gate struct {
	accounts Accounts
	log      *slog.Logger
	guesses  *lockout.Table
	places   places
	notes    chan webapi.Note // to be told

	mu       sync.Mutex
	rules    Rules
	attempts []api.SSHAttempt // the oldest first
}

// New returns a gate that lets nobody in yet.
func New(accounts Accounts, log *slog.Logger) *Gate {
	return &Gate{accounts: accounts, log: log, guesses: lockout.New(1024), notes: make(chan webapi.Note, notesMost)}
}

// Run tells the web service of attempts, until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-g.notes:
			asking, cancel := context.WithTimeout(ctx, askWithin)
			if err := g.accounts.Note(asking, n); err != nil && ctx.Err() == nil {
				g.log.Warn("a log-in is not in the list", "from", n.From, "err", err)
			}
			cancel()
		}
	}
}

// tell has an attempt told to the web service.
func (g *Gate) tell(result api.SSHAttemptResult, w Who) {
	select {
	case g.notes <- webapi.Note{Result: string(result), Username: w.User, From: w.From.WithZone("").String(), Key: w.Key}:
	default:
	}
}

// SetRules says who may come in from now on.
func (g *Gate) SetRules(r Rules) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = r
}

// Attempts are the newest, the newest first.
func (g *Gate) Attempts() []api.SSHAttempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]api.SSHAttempt, 0, len(g.attempts))
	for i := range g.attempts {
		out = append(out, g.attempts[len(g.attempts)-1-i])
	}
	return out
}

func (g *Gate) note(result api.SSHAttemptResult, w Who, why string) {
	level, args := slog.LevelWarn, []any{"result", string(result), "method", string(w.Method), "from", w.From}
	if result == api.SSHAttemptResultOk {
		level = slog.LevelInfo
	}
	for key, value := range map[string]string{"user": w.User, "key": w.Key, "err": why} {
		if value != "" {
			args = append(args, key, value)
		}
	}
	g.log.Log(context.Background(), level, "login", args...)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attempts = append(g.attempts, api.SSHAttempt{AtMs: time.Now().UnixMilli(), User: w.User, Address: w.From.String(), Method: w.Method, Key: w.Key, Result: result})
	if extra := len(g.attempts) - remembered; extra > 0 {
		g.attempts = append([]api.SSHAttempt{}, g.attempts[extra:]...)
	}
}

// Visitor is a connection that wants in.
type Visitor struct {
	gate   *Gate
	from   netip.Addr
	key    lockout.Key
	failed bool // an attempt was made, and refused
	keys   *Who // the newest attempt with a key, which was refused; nil: there was none, or a password was tried too
	inside bool
	who    *Who
}

// Knock takes up a connection, or refuses it with a sentence. Its end is told to Left.
func (g *Gate) Knock(from netip.Addr) (*Visitor, error) {
	from = from.Unmap()
	v := &Visitor{gate: g, from: from, key: lockout.Key{Name: lockout.Network(from), Rule: byNetwork()}}
	if err := g.places.take(from); err != nil {
		g.log.Warn("connection refused", "from", from, "err", err)
		return nil, err
	}
	if wait := g.guesses.Begin(v.key); wait > 0 {
		g.places.giveBack(from, true)
		g.log.Warn("connection refused", "from", from, "err", "too many failed attempts", "for", wait.Round(time.Second))
		g.tell(api.SSHAttemptResultLimited, Who{From: from})
		return nil, Refusal("Too many failed attempts from your network. Wait " + max(wait.Round(time.Second), time.Second).String() + " before you try again.")
	}
	return v, nil
}

// In says that it has logged in.
func (v *Visitor) In() {
	v.inside = true
	v.gate.places.in(v.from)
	v.gate.guesses.Succeeded(v.key)
}

// Left says that the connection has ended.
func (v *Visitor) Left() {
	v.gate.places.giveBack(v.from, !v.inside)
	if !v.inside && v.keys != nil {
		v.gate.tell(api.SSHAttemptResultRefused, *v.keys)
	}
	if !v.inside && !v.failed { // it only looked
		v.gate.guesses.Withdraw(v.key)
	}
}

// Who it is; nil before it has logged in.
func (v *Visitor) Who() *Who { return v.who }

// refusal is told to a client that shows such things; to the server's library it is an error like any other.
func refusal(sentence string) error {
	return &ssh.BannerError{Err: Refusal(sentence), Message: sentence + "\r\n"}
}

// Config is how the connection is negotiated, and how it may log in. It is for this connection alone.
func (v *Visitor) Config(ctx context.Context, hostKey ssh.Signer) *ssh.ServerConfig {
	v.gate.mu.Lock()
	rules := v.gate.rules
	v.gate.mu.Unlock()
	c := &ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256},
			Ciphers:      []string{ssh.CipherChaCha20Poly1305, ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherAES256CTR},
			MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		},
		PublicKeyAuthAlgorithms: sshkey.Signatures(),
		MaxAuthTries:            triesMost,
		ServerVersion:           "SSH-2.0-Vigie",
		PublicKeyCallback: func(m ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			return v.offer(rules, m.User(), offered)
		},
		VerifiedPublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey, p *ssh.Permissions, _ string) (*ssh.Permissions, error) {
			return p, v.prove(ctx, m.User(), k)
		},
	}
	if rules.Passwords {
		c.PasswordCallback = func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, v.password(ctx, m.User(), string(password))
		}
	}
	c.AddHostKey(hostKey)
	return c
}

var errRefused = errors.New("refused")

// offer says whether a key would do.
func (v *Visitor) offer(rules Rules, user string, offered ssh.PublicKey) (*ssh.Permissions, error) {
	for _, k := range rules.Keys {
		if k.Is(offered) {
			return nil, nil
		}
	}
	v.failed = true
	who := Who{User: named(user), From: v.from, Method: api.SSHMethodKey, Key: ssh.FingerprintSHA256(offered)}
	v.keys = &who
	v.gate.note(api.SSHAttemptResultRefused, who, "")
	return nil, errRefused
}

// prove lets in who has a key, if the name is an administrator's. While the web service does not answer the key is enough: it
// was an administrator who listed it, and this may be the way to find out what is wrong.
func (v *Visitor) prove(ctx context.Context, user string, key ssh.PublicKey) error {
	who := Who{User: named(user), From: v.from, Method: api.SSHMethodKey, Key: ssh.FingerprintSHA256(key)}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := v.gate.accounts.Administrator(ctx, user)
	switch {
	case err != nil:
		v.gate.log.Warn("the name is not checked", "err", err)
	case !answer.OK:
		v.failed, v.keys = true, &who
		v.gate.note(api.SSHAttemptResultRefused, who, "no administrator has this name")
		return refusal("The key is good, but no administrator has this name.")
	default:
		who.User = answer.Username
	}
	v.welcome(who)
	return nil
}

func (v *Visitor) password(ctx context.Context, user, password string) error {
	who := Who{From: v.from, Method: api.SSHMethodPassword}
	v.keys = nil // the web service knows
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := v.gate.accounts.Login(ctx, webapi.Login{Username: user, Password: password, From: v.from.WithZone("").String()})
	var said *ask.Error
	switch {
	case errors.As(err, &said) && said.Detail.Code == webapi.LockedOut:
		v.failed = true
		v.gate.note(api.SSHAttemptResultLimited, who, "")
		wait := (time.Duration(said.Detail.RetryAfterMs) * time.Millisecond).Round(time.Second)
		return refusal("There were too many failed attempts. Wait " + max(wait, time.Second).String() + " before you try again.")
	case errors.As(err, &said):
		v.gate.note(api.SSHAttemptResultFailed, who, err.Error())
		return refusal(said.Detail.Message)
	case err != nil:
		v.gate.note(api.SSHAttemptResultFailed, who, err.Error())
		return refusal("The web service, which knows the passwords, does not answer. Try again in a moment, or log in with a key.")
	}
	who.User = answer.Username
	if !answer.OK {
		v.failed = true
		v.gate.note(api.SSHAttemptResultRefused, who, "")
		return errRefused
	}
	v.welcome(who)
	return nil
}

func (v *Visitor) welcome(who Who) {
	v.who = &who
	v.gate.note(api.SSHAttemptResultOk, who, "")
	if who.Method == api.SSHMethodKey {
		v.gate.tell(api.SSHAttemptResultOk, who)
	}
}

// named bounds a name that a stranger gives.
func named(user string) string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, user)
	return name[:min(len(name), 32)]
}

// AddressOf is a connection's other end.
func AddressOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
