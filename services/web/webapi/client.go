// Package webapi speaks to the web service over its unix socket, which is there for the text console, SSH and the system service:
// what a person in front of the machine may know and do without an account, or has written into an answer file, and whether
// somebody who logs in from elsewhere is an administrator. Which of them may ask what is decided by its user. It is the only package of the web service that
// others may import. None of it is part of the public API.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package webapi

import (
	"context"
	"net/http"

	"vigie/internal/ask"
)

// Paths of the socket's requests.
const (
	ConsolePath = "/v1/console"          // GET: Console
	ResetPath   = "/v1/console/reset"    // POST: Reset
	SecretPath  = "/v1/console/password" // PUT Password: Password, without the password; in rescue mode alone
	LoginPath   = "/v1/login"            // POST Login: LoginAnswer
	AdminPath   = "/v1/administrator"    // POST Login (without a password): LoginAnswer
	NotePath    = "/v1/login/note"       // POST Note
	FirstPath   = "/v1/first-account"    // POST FirstAccount
)

// Console is what the text console shows of the web admin and the cameras.
type Console struct {
	Opened      bool     `json:"opened"`              // earlier accounts have been looked for; before, nothing below is final
	URLs        []string `json:"urls"`                // where the web admin is, best first
	Fingerprint string   `json:"fingerprint"`         // of the certificate at the first of them
	SetupCode   string   `json:"setupCode,omitempty"` // absent once there is an administrator
	Reset       *Reset   `json:"reset,omitempty"`     // the reset of a password that waits for its code to be used
	Cameras     *Cameras `json:"cameras,omitempty"`   // absent while the engine does not answer
	Past        *Past    `json:"past,omitempty"`      // absent while the engine does not answer, or has no recordings
	Warnings    []string `json:"warnings"`
}

// Past is what there is of recordings. Times are UTC in ms since the Unix epoch.
type Past struct {
	OldestMs int64 `json:"oldestMs"`         // start of the oldest
	CopyMs   int64 `json:"copyMs,omitempty"` // when the newest snapshot of their index was made; absent: there is none, or it is not known
}

// Cameras counts them.
type Cameras struct {
	Total     int `json:"total"`
	Enabled   int `json:"enabled"`
	Live      int `json:"live"`      // that send pictures
	Recording int `json:"recording"` // of which frames are reaching a disk now
}

// Reset is a one-time code with which the administrator's password can be set anew in the browser.
type Reset struct {
	Username  string `json:"username"`
	Code      string `json:"code"`
	ExpiresMs int64  `json:"expiresMs"`
}

// Password is the administrator's.
type Password struct {
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// Login is what somebody gave to log in with, and where he is. It counts towards the same limits as the web admin's own
// log-ins.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password,omitempty"`
	From     string `json:"from"` // IP address
}

// LoginAnswer says whether that is an administrator. Too many failures are a refusal with the code LockedOut.
type LoginAnswer struct {
	OK       bool   `json:"ok"`
	Username string `json:"username"` // as the account has it; "" where there is no such account
}

// Note is what came of a log-in that was not asked about with a password: by a key, or not looked at.
type Note struct {
	Result   string `json:"result"` // ok, refused, or limited: after too many failures
	Username string `json:"username,omitempty"`
	From     string `json:"from"`          // IP address
	Key      string `json:"key,omitempty"` // fingerprint
}

// FirstAccount is the administrator of a machine that has none: chosen by who stands in front of it, or by an answer file.
type FirstAccount struct {
	Username     string `json:"username"`
	Password     string `json:"password,omitempty"`
	PasswordHash string `json:"passwordHash,omitempty"` // in its place
	DryRun       bool   `json:"dryRun,omitempty"`       // only say whether it could be made
}

// LockedOut is the code of refusals that ask to wait.
const LockedOut = "locked_out"

// Client calls one web service. What it refuses is an *ask.Error.
type Client struct {
	ask *ask.Client
}

// New returns a client of the web service that listens on the unix socket; nothing is dialled yet.
func New(socket string) *Client { return &Client{ask.New("web", socket)} }

// Close drops idle connections.
func (c *Client) Close() { c.ask.Close() }

// Console returns what is to be shown.
func (c *Client) Console(ctx context.Context) (Console, error) {
	var out Console
	err := c.ask.Call(ctx, http.MethodGet, ConsolePath, nil, &out)
	return out, err
}

// ResetPassword ends all sessions and makes a code with which the administrator's password can be set anew. The present
// password stays until then.
func (c *Client) ResetPassword(ctx context.Context) (Reset, error) {
	var out Reset
	err := c.ask.Call(ctx, http.MethodPost, ResetPath, nil, &out)
	return out, err
}

// SetPassword sets the administrator's password in rescue mode, and returns his name.
func (c *Client) SetPassword(ctx context.Context, password string) (username string, err error) {
	var out Password
	err = c.ask.Call(ctx, http.MethodPut, SecretPath, Password{Password: password}, &out)
	return out.Username, err
}

// Login asks whether a name and a password are an administrator's.
func (c *Client) Login(ctx context.Context, l Login) (LoginAnswer, error) {
	var out LoginAnswer
	err := c.ask.Call(ctx, http.MethodPost, LoginPath, l, &out)
	return out, err
}

// Administrator asks whether a name is an administrator's.
func (c *Client) Administrator(ctx context.Context, username string) (LoginAnswer, error) {
	var out LoginAnswer
	err := c.ask.Call(ctx, http.MethodPost, AdminPath, Login{Username: username}, &out)
	return out, err
}

// Note has a log-in put into the list of them.
func (c *Client) Note(ctx context.Context, n Note) error {
	return c.ask.Call(ctx, http.MethodPost, NotePath, n, nil)
}

// SetUp makes the first account of a machine, or says whether it could be made. It is refused where there is one.
func (c *Client) SetUp(ctx context.Context, a FirstAccount) error {
	return c.ask.Call(ctx, http.MethodPost, FirstPath, a, nil)
}
