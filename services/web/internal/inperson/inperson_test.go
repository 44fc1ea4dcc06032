package inperson

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"vigie/internal/ask"
	"vigie/services/web/webapi"
)

func serve(t *testing.T, users ...uint32) *webapi.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // one that was left
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, socket, Config{
			Users: users, Log: slog.New(slog.DiscardHandler),
			State: func(context.Context) webapi.Console { return webapi.Console{SetupCode: "K3F9-0V1B"} },
			Reset: func(context.Context) (webapi.Reset, error) { return webapi.Reset{Code: "ABCD-EFGH"}, nil },
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

func TestOnlyTheConsoleIsAnswered(t *testing.T) {
	me := uint32(os.Getuid())
	mine := serve(t, me)
	for {
		s, err := mine.Console(t.Context())
		var refusal *ask.Error
		if err == nil {
			if s.SetupCode != "K3F9-0V1B" {
				t.Errorf("got %+v", s)
			}
			break
		}
		if errors.As(err, &refusal) {
			t.Fatal(err)
		} // it does not listen yet
	}
	if r, err := mine.ResetPassword(t.Context()); err != nil || r.Code != "ABCD-EFGH" {
		t.Errorf("%+v, %v", r, err)
	}
	others := serve(t, me+1)
	for {
		_, err := others.ResetPassword(t.Context())
		var refusal *ask.Error
		if errors.As(err, &refusal) {
			if refusal.Status != http.StatusForbidden {
				t.Errorf("another user: %v", err)
			}
			break
		}
		if err == nil {
			t.Fatal("another user was let in")
		}
	}
}
