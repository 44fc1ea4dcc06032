package initctl

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listen answers each connection on a real socket with answer's text, after a whole request line was read.
func listen(t *testing.T, answer func(Request) string) Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if request, err := DecodeRequest(conn); err != nil {
				t.Errorf("request: %v", err)
			} else {
				io.WriteString(conn, answer(request))
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return Client{Socket: path}
}

func TestClientAsksAndUnderstands(t *testing.T) {
	want := Status{Version: "1.2", Ready: true, Services: []Service{{Name: "engine", Status: StatusReady, PID: 12, Progress: 1 << 60, MemoryBytes: 5}}}
	var asked []Request
	client := listen(t, func(r Request) string {
		asked = append(asked, r)
		response := Response{}
		switch {
		case r.Op == OpStatus:
			response.Status = &want
		case r.Op == OpLog:
			response.Lines = []string{"a", "b \" c"}
		case r.Service == "nobody":
			response.Error = "there is no service nobody"
		}
		line, _ := json.Marshal(response)
		return string(line) + "\n"
	})
	ctx := t.Context()
	status, err := client.Status(ctx)
	if diff := cmp.Diff(want, status); diff != "" || err != nil {
		t.Errorf("status: %v\n%s", err, diff)
	}
	lines, err := client.Log(ctx, "web")
	if diff := cmp.Diff([]string{"a", "b \" c"}, lines); diff != "" || err != nil {
		t.Errorf("log: %v\n%s", err, diff)
	}
	if err := errors.Join(client.Restart(ctx, "engine"), client.PowerOff(ctx), client.Reboot(ctx)); err != nil {
		t.Error(err)
	}
	if err := client.Restart(ctx, "nobody"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no service nobody") {
		t.Errorf("refusal: %v", err)
	}
	wantAsked := []Request{{Op: "status"}, {Op: "log", Service: "web"}, {Op: "restart", Service: "engine"}, {Op: "poweroff"}, {Op: "reboot"}, {Op: "restart", Service: "nobody"}}
	if diff := cmp.Diff(wantAsked, asked); diff != "" {
		t.Error(diff)
	}
}

func TestClientNeverWaitsForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", path) // connects, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := (Client{Socket: path}).Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestClientSaysWhatWentWrong(t *testing.T) {
	for answer, want := range map[string]string{
		"":                              "unexpected EOF",
		"{":                             "unexpected EOF",
		"nonsense\n":                    "decode",
		"{}\n":                          "without a status",
		strings.Repeat("x", MaxRequest): "unexpected EOF",
	} {
		client := listen(t, func(Request) string { return answer })
		if _, err := client.Status(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("answer %.20q: %v, want %q", answer, err, want)
		}
	}
	if _, err := (Client{Socket: filepath.Join(t.TempDir(), "none")}).Status(t.Context()); err == nil {
		t.Error("no error without a socket")
	}
}

var requests = []struct {
	line string
	want Request
	bad  bool
}{
	{line: `{"op":"status"}` + "\n", want: Request{Op: OpStatus}},
	{line: `{"op":"log","service":"web"}` + "\n", want: Request{Op: OpLog, Service: "web"}},
	{line: `{"op":"restart"}` + "\n", bad: true},
	{line: `{"op":"halt"}` + "\n", bad: true},
	{line: `{"op":"status"}`, bad: true},
	{line: "\n", bad: true},
	{line: "[]\n", bad: true},
	{line: strings.Repeat(" ", MaxRequest) + "\n", bad: true},
}

func TestDecodeRequest(t *testing.T) {
	for _, c := range requests {
		got, err := DecodeRequest(strings.NewReader(c.line))
		if (err != nil) != c.bad || err == nil && got != c.want {
			t.Errorf("%.40q: %+v, %v", c.line, got, err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, c := range requests {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		request, err := DecodeRequest(strings.NewReader(line))
		if err == nil && request.Validate() != nil {
			t.Errorf("%q: accepted %+v", line, request)
		}
		_, _ = DecodeResponse(strings.NewReader(line))
	})
}
