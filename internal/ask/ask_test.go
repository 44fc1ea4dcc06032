package ask

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"vigie/internal/answer"
	"vigie/internal/api"
)

func TestACallCarriesBodiesBothWaysAndRefusalsAsErrors(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/echo", func(w http.ResponseWriter, r *http.Request) {
		var v api.ClockRequest
		if err := answer.Read(w, r, &v); err != nil {
			answer.Fail(w, err)
			return
		}
		answer.JSON(w, http.StatusOK, v)
	})
	mux.HandleFunc("GET /v1/plain", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })

	c := New("test", sock)
	defer c.Close()
	var out api.ClockRequest
	if err := c.Call(t.Context(), "POST", "/v1/echo", api.ClockRequest{NtpServers: []string{"a"}}, &out); err != nil || len(out.NtpServers) != 1 {
		t.Fatalf("got %v, %v", out, err)
	}
	var e *Error
	if err := c.Call(t.Context(), "POST", "/v1/echo", map[string]int{"x": 1}, nil); !errors.As(err, &e) || e.Status != 400 || e.Detail.Code != "bad_json" {
		t.Fatalf("a refusal: got %v", err)
	}
	if err := c.Call(t.Context(), "GET", "/v1/plain", nil, nil); !errors.As(err, &e) || e.Status != http.StatusTeapot || e.Detail.Message == "" {
		t.Fatalf("an answer of another shape: got %v", err)
	}
	srv.Close()
	if err := c.Call(t.Context(), "GET", "/v1/plain", nil, nil); err == nil || errors.As(err, &e) {
		t.Fatalf("nobody there: got %v", err)
	}
}
