package inperson

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/ask"
	"vigie/services/web/webapi"
)

func serve(t *testing.T, console, ssh uint32) *webapi.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // one that was left
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, socket, Config{
			Console: []uint32{console}, SSH: []uint32{ssh}, Log: slog.New(slog.DiscardHandler),
			State: func(context.Context) webapi.Console {
				return webapi.Console{SetupCode: "K3F9-0V1B", Reset: &webapi.Reset{Code: "ABCD-EFGH"}}
			},
			Reset: func(context.Context) (webapi.Reset, error) { return webapi.Reset{Code: "ABCD-EFGH"}, nil },
			First: func(_ context.Context, a webapi.FirstAccount) error {
				if a.Username == "" {
					return answer.Field("username", "bad_username", "No.")
				}
				return nil
			},
			Login: func(_ context.Context, l webapi.Login, check bool) (webapi.LoginAnswer, error) {
				return webapi.LoginAnswer{OK: l.Username == "owner" && (l.Password == "right" || !check), Username: l.Username}, nil
			},
			Note: func(n webapi.Note) error {
				if n.Result != "ok" {
					return answer.Field("result", "bad_result", "No.")
				}
				return nil
			},
		})
	}()
	client := webapi.New(socket)
	t.Cleanup(func() {
		client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return client
}

// ready waits until the socket answers, which a refusal is too.
func ready(t *testing.T, c *webapi.Client) {
	t.Helper()
	for {
		_, err := c.Console(t.Context())
		var refusal *ask.Error
		if err == nil || errors.As(err, &refusal) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	var refusal *ask.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden {
		t.Errorf("%s: %v", what, err)
	}
}

func TestEachIsAnsweredWhatIsItsOwn(t *testing.T) {
	me := uint32(os.Getuid())

	console := serve(t, me, me+1)
	ready(t, console)
	if s, err := console.Console(t.Context()); err != nil || s.SetupCode != "K3F9-0V1B" {
		t.Errorf("%+v, %v", s, err)
	}
	if r, err := console.ResetPassword(t.Context()); err != nil || r.Code != "ABCD-EFGH" {
		t.Errorf("%+v, %v", r, err)
	}
	if err := console.SetUp(t.Context(), webapi.FirstAccount{Username: "owner", Password: "right"}); err != nil {
		t.Error(err)
	}
	var field *ask.Error
	if err := console.SetUp(t.Context(), webapi.FirstAccount{}); !errors.As(err, &field) || field.Detail.Field != "username" {
		t.Errorf("an account without a name: %v", err)
	}
	_, err := console.Login(t.Context(), webapi.Login{Username: "owner", Password: "right"})
	refused(t, "the console checks passwords", err)

	ssh := serve(t, me+1, me)
	ready(t, ssh)
	if s, err := ssh.Console(t.Context()); err != nil || s.SetupCode != "" || s.Reset != nil {
		t.Errorf("SSH sees %+v, %v", s, err)
	}
	_, err = ssh.ResetPassword(t.Context())
	refused(t, "SSH resets the password", err)
	refused(t, "SSH makes the first account", ssh.SetUp(t.Context(), webapi.FirstAccount{Username: "owner", Password: "right"}))
	for password, want := range map[string]bool{"right": true, "wrong": false} {
		if a, err := ssh.Login(t.Context(), webapi.Login{Username: "owner", Password: password}); err != nil || a.OK != want {
			t.Errorf("%s: %+v, %v", password, a, err)
		}
	}
	if a, err := ssh.Administrator(t.Context(), "owner"); err != nil || !a.OK {
		t.Errorf("%+v, %v", a, err)
	}

	others := serve(t, me+1, me+2)
	ready(t, others)
	_, err = others.Console(t.Context())
	refused(t, "another user", err)
	refused(t, "another user makes the first account", others.SetUp(t.Context(), webapi.FirstAccount{Username: "owner", Password: "right"}))
}
