package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/web/internal/rights"
)

func admin() rights.Who { return rights.Who{Name: "admin", Profile: rights.Administrator} }

// behind runs a service on a unix socket and a server that passes everything on to it as a user: "admin".
func behind(t *testing.T, service http.Handler, who ...rights.Who) *httptest.Server {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "api.sock")
	if service != nil {
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: service}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		t.Cleanup(func() { s.Close(); <-done })
	}
	g := New("engine", socket, slog.New(slog.DiscardHandler))
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Serve(w, r, append(who, admin())[0]) }))
	front.Config.ConnContext = Connected
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(func() { front.Close(); g.Close() })
	return front
}

func TestOnlyChosenHeadersGoOn(t *testing.T) {
	front := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Security-Policy", "default-src *")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Vigie-Mime", "video/mp4")
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		json.NewEncoder(w).Encode(map[string]any{"header": r.Header, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "host": r.Host, "body": string(b)})
	}))
	req, err := http.NewRequest("POST", front.URL+"/api/v1/cameras/a%20b/media?fromMs=1;x=2", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Cookie": "__Host-vigie=secret", "Authorization": "Basic secret", "Proxy-Authorization": "Basic secret",
		"Origin": "https://x", "Referer": "https://x/y", "Vigie-User": "root", "Vigie-Rights": "root", "Vigie-Cameras": "a", "Vigie-Reached": "192.0.2.66", "Vigie-Reached-Port": "1", "Vigie-Connected-Ms": "1", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1",
		"Sec-Fetch-Site": "same-origin", "X-Whatever": "1", "Content-Type": "application/json", "Range": "bytes=0-1", "If-None-Match": `"x"`, "Accept-Encoding": "gzip",
	} {
		req.Header.Set(name, value)
	}
	resp, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Header                  http.Header
		Path, Query, Host, Body string
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Path != "/v1/cameras/a%20b/media" || got.Query != "fromMs=1;x=2" || got.Host != "engine" || got.Body != `{"a":1}` {
		t.Errorf("%+v", got)
	}
	if ms, err := strconv.Atoi(got.Header.Get("Vigie-Connected-Ms")); err != nil || ms < 1 || ms > 60_000 {
		t.Errorf("the connection has stood for %q ms", got.Header.Get("Vigie-Connected-Ms"))
	}
	got.Header.Del("Vigie-Connected-Ms")
	_, port, _ := strings.Cut(front.Listener.Addr().String(), ":")
	want := map[string]string{"Vigie-User": "admin", "Vigie-Rights": "watch,play,export,protect,record,delete,administer", "Vigie-Reached": "127.0.0.1", "Vigie-Reached-Port": port, "Content-Type": "application/json", "Range": "bytes=0-1", "If-None-Match": `"x"`,
		"User-Agent": "vigie-web", "Content-Length": "7", "Accept-Encoding": "gzip"}
	for name, values := range got.Header {
		if want[name] != strings.Join(values, ",") {
			t.Errorf("%s: %q went on", name, values)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("%v did not go on", want)
	}
	for name, value := range map[string]string{"Set-Cookie": "", "Content-Security-Policy": "", "Access-Control-Allow-Origin": "", "Vigie-Mime": "video/mp4", "Cache-Control": "no-store"} {
		if got := resp.Header.Get(name); got != value {
			t.Errorf("answer's %s: %q", name, got)
		}
	}
}

// TestTheServiceIsToldOfTheUsersCameras: of none at all too, which is not the same as all.
func TestTheServiceIsToldOfTheUsersCameras(t *testing.T) {
	for _, c := range []struct {
		cameras rights.Cameras
		want    []string
	}{
		{rights.Cameras{}, nil},
		{rights.Cameras{Limited: true}, []string{""}},
		{rights.Cameras{Limited: true, Only: []string{"a", "b"}}, []string{"a,b"}},
	} {
		var got []string
		front := behind(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = r.Header["Vigie-Cameras"]
			if may := r.Header.Get("Vigie-Rights"); may != "watch,play" {
				t.Errorf("a viewer may %q", may)
			}
		}), rights.Who{Name: "jane", Profile: rights.Viewer, Cameras: c.cameras})
		resp, err := front.Client().Get(front.URL + "/api/v1/cameras")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: told %q", c.cameras, got)
		}
	}
}

// TestARefusedConfirmationIsAskedForOverAnotherConnection: what stood before a change shows nothing.
func TestARefusedConfirmationIsAskedForOverAnotherConnection(t *testing.T) {
	front := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusConflict) }))
	reused := func(method, path string) (again bool) {
		t.Helper()
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { again = i.Reused }})
		req, err := http.NewRequestWithContext(ctx, method, front.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := front.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.ProtoMajor != 2 {
			t.Fatal(resp.Proto, err)
		}
		return again
	}
	reused("PUT", "/api/v1/firewall")
	if !reused("POST", "/api/v1/firewall/confirm") {
		t.Error("another refusal closes the connection")
	}
	if reused("POST", "/api/v1/firewall/confirm") {
		t.Error("a refused confirmation leaves the connection open")
	}
}

func TestAnswersStreamAndAreCancelledWithTheClient(t *testing.T) {
	gone := make(chan struct{})
	front := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", front.URL+"/api/v1/recording", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	cancel()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the service goes on for a client that has left")
	}
}

func TestWebSocketPassesThroughBothWays(t *testing.T) {
	front := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get(UserHeader) != "admin" {
			t.Errorf("handshake with %v", r.Header)
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(1 << 22)
		for {
			kind, b, err := conn.Read(r.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if string(b) == "bye" {
				conn.Close(websocket.StatusGoingAway, "camera removed")
				return
			}
			if err := conn.Write(r.Context(), kind, append([]byte("echo "), b...)); err != nil {
				t.Error(err)
				return
			}
		}
	}))
	conn, _, err := websocket.Dial(t.Context(), front.URL+"/api/v1/cameras/a/live", &websocket.DialOptions{
		HTTPClient: front.Client(), HTTPHeader: http.Header{"Origin": {front.URL}, "Cookie": {"__Host-vigie=x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 22)
	for _, message := range []string{"a", strings.Repeat("b", 1<<20)} {
		if err := conn.Write(t.Context(), websocket.MessageBinary, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if kind, b, err := conn.Read(t.Context()); err != nil || kind != websocket.MessageBinary || string(b) != "echo "+message {
			t.Fatalf("%v %.20q %v", kind, b, err)
		}
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	var why websocket.CloseError
	if _, _, err := conn.Read(t.Context()); !errors.As(err, &why) || why.Code != websocket.StatusGoingAway || why.Reason != "camera removed" {
		t.Errorf("the service's reason for closing does not arrive: %v", err)
	}
}

func TestAServiceThatIsDownOrDiesIsSaid(t *testing.T) {
	for name, service := range map[string]http.Handler{
		"not running": nil,
		"dies": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		}),
	} {
		front := behind(t, service)
		resp, err := front.Client().Post(front.URL+"/api/v1/cameras", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var e api.Error
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusServiceUnavailable || e.Code != "engine_down" || e.RetryAfterMs == 0 || !strings.HasPrefix(e.Message, "The recorder is not running") {
			t.Errorf("%s: %d %+v", name, resp.StatusCode, e)
		}
	}
}

func TestAServiceThatDoesNotAnswerInTimeIsSaid(t *testing.T) {
	release := make(chan struct{})
	socket := filepath.Join(t.TempDir(), "api.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { close(release); s.Close(); <-done }()
	g := New("system", socket, slog.New(slog.DiscardHandler))
	defer g.Close()
	g.transport.ResponseHeaderTimeout = 50 * time.Millisecond
	w := httptest.NewRecorder()
	g.Serve(w, httptest.NewRequest("GET", "https://x/api/v1/status", nil), admin())
	if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), `"system_slow"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestATooLargeBodyIsSaidAndTheServiceIsSparedTheRest(t *testing.T) {
	read := make(chan error, 1)
	socket := filepath.Join(t.TempDir(), "api.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { s.Close(); <-done }()
	g := New("engine", socket, slog.New(slog.DiscardHandler))
	defer g.Close()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1000)
		g.Serve(w, r, admin())
	}))
	defer front.Close()
	resp, err := front.Client().Post(front.URL+"/api/v1/cameras", "application/json", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100_000))})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s", resp.Status)
	}
	if err := <-read; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the service took the part for the whole (%v)", err)
	}
}
