package web

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/web/internal/server"
)

func TestFirstSetUpThenLogInAndOut(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t))})
	b := a.browser()
	code := a.code()
	b.do("GET", "/session", "", 401, "unauthorized")
	b.do("GET", "/cameras", "", 401, "unauthorized")
	b.do("GET", "/openapi.yaml", "", 401, "unauthorized")
	b.do("POST", "/login", login("admin", goodPassword), 503, "no_accounts")

	var state api.Setup
	if err := json.Unmarshal(b.do("GET", "/setup", "", 200).body, &state); err != nil || !state.Needed || state.Waiting || state.Hostname != "vigie-test" {
		t.Fatalf("%+v, %v", state, err)
	}
	setup := func(code, username, secret string) string {
		return fmt.Sprintf(`{"code":%q,"username":%q,"password":%q}`, code, username, secret)
	}
	b.do("POST", "/setup", setup("0000-0000", "admin", goodPassword), 403, "bad_code")
	for _, c := range []struct{ body, code, field string }{
		{setup(code, "", goodPassword), "bad_username", "username"},
		{setup(code, "a b", goodPassword), "bad_username", "username"},
		{setup(code, "-admin", goodPassword), "bad_username", "username"},
		{setup(code, strings.Repeat("a", 33), goodPassword), "bad_username", "username"},
		{setup(code, "admin", "short"), "weak_password", "password"},
		{setup(code, "administrator", "administrator1"), "weak_password", "password"},
		{`{"code":7}`, "bad_json", ""},
	} {
		if e := b.do("POST", "/setup", c.body, 400, c.code).error(t); e.Field != c.field {
			t.Errorf("%s: field %q", c.body, e.Field)
		}
	}
	if b.cookie != nil {
		t.Fatal("a refused set-up opened a session")
	}
	b.do("POST", "/setup", setup(strings.ToLower(strings.Replace(code, "-", " ", 1)), "Admin", goodPassword), 200)
	b.do("POST", "/setup", setup(code, "other", goodPassword), 409, "already_set_up")
	a.stdout.await(t, "administrator is set")

	var session api.Session
	if err := json.Unmarshal(b.do("GET", "/session", "", 200).body, &session); err != nil {
		t.Fatal(err)
	}
	if session.Username != "Admin" || session.Hostname != "vigie-test" || time.Until(time.UnixMilli(session.ExpiresMs)) < time.Hour {
		t.Errorf("%+v", session)
	}
	if r := b.do("GET", "/openapi.yaml", "", 200); string(r.body) != string(api.Spec) {
		t.Error("the specification is not served as it is")
	}
	old := b.cookie
	b.do("POST", "/logout", "", 204)
	if b.cookie != nil {
		t.Error("the cookie stays after log-out")
	}
	b.cookie = old
	b.do("GET", "/session", "", 401, "unauthorized")
	b.cookie = nil
	b.do("POST", "/login", login("admin", goodPassword+"x"), 401, "bad_login")
	b.do("POST", "/login", login("ADMIN", goodPassword), 200)
	b.do("GET", "/session", "", 200)

	a.stop()
	log := a.stderr.String()
	for _, secret := range []string{goodPassword, "battery", code, strings.Replace(code, "-", "", 1), old.Value, b.cookie.Value} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the secret %q", secret)
		}
	}
	for _, line := range []string{"msg=set-up result=ok user=Admin from=127.0.0.1", "msg=login result=ok user=Admin from=127.0.0.1",
		"msg=login result=refused user=Admin", "msg=logout user=Admin", `msg=set-up result="wrong code" from=127.0.0.1`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

func TestTheCookieIsForThisHostAloneAndOutOfScriptsReach(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t))})
	b := a.browser()
	b.setUp()
	c := b.cookie
	if c.Name != "__Host-vigie" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() || len(c.Value) != 43 {
		t.Errorf("%+v", c)
	}
	twice := b.request("GET", "/api/v1/session", "")
	twice.Header.Add("Cookie", server.Cookie+"=x")
	if r := b.send(twice); r.StatusCode != 401 {
		t.Errorf("with two session cookies: %s", r.Status)
	}
	first := b.cookie
	b.do("POST", "/login", login("admin", goodPassword), 200)
	if b.cookie.Value == first.Value {
		t.Error("a new log-in kept the old token")
	}
	b.cookie = first
	b.do("GET", "/session", "", 401)
}

func TestAPasswordChangeEndsTheOthers(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t))})
	b, other := a.browser(), a.browser()
	b.setUp()
	other.do("POST", "/login", login("admin", goodPassword), 200)
	change := func(old, next string) string { return fmt.Sprintf(`{"old":%q,"new":%q}`, old, next) }
	if e := b.do("PUT", "/password", change("wrong password", "four unrelated words"), 403, "bad_password").error(t); e.Field != "old" {
		t.Errorf("%+v", e)
	}
	if e := b.do("PUT", "/password", change(goodPassword, "admin"), 400, "weak_password").error(t); e.Field != "new" {
		t.Errorf("%+v", e)
	}
	b.do("PUT", "/password", change(goodPassword, goodPassword), 400, "same_password")
	other.do("GET", "/session", "", 200)
	b.do("PUT", "/password", change(goodPassword, "four unrelated words"), 204)
	b.do("GET", "/session", "", 200)
	other.do("GET", "/session", "", 401)
	other.do("POST", "/login", login("admin", goodPassword), 401)
	other.do("POST", "/login", login("admin", "four unrelated words"), 200)
}

func TestRequestsFromElsewhereAreRefusedAndChangeNothing(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t))})
	b := a.browser()
	b.setUp()
	for _, c := range []struct{ method, path, body, origin, site string }{
		{"POST", "/logout", "", "", "same-origin"},
		{"POST", "/logout", "", "https://evil.example", "cross-site"},
		{"POST", "/logout", "", "null", ""},
		{"POST", "/login", login("admin", goodPassword), "https://evil.example", ""},
		{"PUT", "/clock", `{"ntpServers":["evil.example"]}`, "https://" + a.address + ".evil.example", ""},
		{"GET", "/session", "", "", "cross-site"},
	} {
		req := b.request(c.method, "/api/v1"+c.path, c.body)
		req.Header.Del("Origin")
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		req.Header.Set("Sec-Fetch-Site", c.site)
		if r := b.send(req); r.StatusCode != 403 || r.error(t).Code != "cross_origin" {
			t.Errorf("%+v: %s %s", c, r.Status, r.body)
		}
	}
	b.do("GET", "/session", "", 200)
	if a.system.ntp != nil {
		t.Error("the clock was set from elsewhere")
	}
	b.do("PUT", "/clock", `{"ntpServers":["192.0.2.1"]}`, 204)
	if len(a.system.ntp) != 1 {
		t.Error("the clock was not set from the own page")
	}
}

func TestWhatIsNotInTheSpecificationIsNotThere(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t)), engine: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s reached the engine", r.Method, r.URL)
	})})
	b := a.browser()
	b.setUp()
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api", 404}, {"GET", "/api/", 404}, {"GET", "/api/v1", 404}, {"GET", "/api/v1/", 404}, {"GET", "/api/v2/cameras", 404},
		{"GET", "/api/v1/debug", 404}, {"GET", "/api/v1/cameras/", 404}, {"GET", "/api/v1/cameras/x/../..", 404},
		{"GET", "/api/v1/cameras/%2e%2e/live", 404}, {"GET", "/api/v1/cameras/a%2fb", 404},
		{"PATCH", "/api/v1/cameras", 405}, {"DELETE", "/api/v1/status", 405}, {"POST", "/api/v1/openapi.yaml", 405},
	} {
		r := b.send(b.request(c.method, c.path, ""))
		if r.StatusCode != c.status || r.error(t).Code == "" || (c.status == 405) != (r.Header.Get("Allow") != "") {
			t.Errorf("%s %s: %s %v %s", c.method, c.path, r.Status, r.Header, r.body)
		}
	}
}

func TestRequestsGoToTheirServiceInTheUsersName(t *testing.T) {
	engine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return // the body that is too large breaks off
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `"%s %s %s %s %d"`, r.Method, r.URL, r.Header.Get("Vigie-User"), r.Header.Get("Cookie"), len(b))
	})
	a := start(t, setting{machine: settled(newVolume(t)), engine: engine})
	b := a.browser()
	b.setUp()
	if r := b.do("POST", "/cameras?x=1", `{"name":"a"}`, 201); string(r.body) != `"POST /v1/cameras?x=1 admin  12"` {
		t.Errorf("%s", r.body)
	}
	b.do("POST", "/cameras", strings.Repeat("x", 2<<20), 413, "too_large")
	var status api.Status
	if err := json.Unmarshal(b.do("GET", "/status", "", 200).body, &status); err != nil || status.Hostname != "vigie-test" {
		t.Errorf("%+v %v", status, err)
	}
}

func TestAnEngineThatIsDownIsSaid(t *testing.T) {
	a := start(t, setting{machine: settled(newVolume(t))})
	b := a.browser()
	b.setUp()
	if r := b.do("GET", "/cameras", "", 503, "engine_down"); r.error(t).RetryAfterMs == 0 {
		t.Errorf("%s", r.body)
	}
}

// liveEngine sends a message a moment on /live until the other side leaves, and says when it has.
func liveEngine(t *testing.T, left chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		if err := conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"state"}`)); err != nil {
			t.Error(err)
		}
		_, _, err = conn.Read(r.Context())
		left <- err
	})
}

func (b *browser) live(origin string) (*websocket.Conn, *http.Response, error) {
	header := http.Header{"Cookie": {server.Cookie + "=" + b.cookie.Value}}
	if origin != "" {
		header.Set("Origin", origin)
	}
	// A client of its own: WebSockets need HTTP/1.1, and browsers see to that by themselves.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	b.t.Cleanup(transport.CloseIdleConnections)
	return websocket.Dial(b.t.Context(), "https://"+b.a.address+"/api/v1/cameras/k3f9x2ab/live",
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
}

func TestALiveStreamEndsWithItsSession(t *testing.T) {
	left := make(chan error, 1)
	a := start(t, setting{machine: settled(newVolume(t)), engine: liveEngine(t, left)})
	b := a.browser()
	b.setUp()
	for _, origin := range []string{"", "https://evil.example"} {
		if _, resp, err := b.live(origin); err == nil || resp == nil || resp.StatusCode != 403 {
			t.Errorf("handshake from %q: %v", origin, err)
		}
	}
	conn, _, err := b.live("https://" + a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, message, err := conn.Read(t.Context()); err != nil || string(message) != `{"type":"state"}` {
		t.Fatalf("%s %v", message, err)
	}
	select {
	case err := <-left:
		t.Fatalf("the stream ended by itself: %v", err)
	default:
	}
	b.do("POST", "/logout", "", 204)
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("the stream goes on after log-out")
	}
	select {
	case <-left:
	case <-time.After(patience):
		t.Error("the engine goes on after log-out")
	}
}

// timely has a service stopped in the time that init gives it. A busy machine may hold that up, but not each time.
func timely(t *testing.T, stop func() time.Duration) {
	t.Helper()
	const tries = 3
	for try := 1; ; try++ {
		took := stop()
		if took < stopWithin {
			return
		}
		if t.Logf("stopping took %v", took); try == tries {
			t.Fatalf("%d times stopping took longer than the %v for which init waits", tries, stopWithin)
		}
	}
}

func TestStoppingWaitsForNoStreamAndNoLongPoll(t *testing.T) {
	timely(t, func() time.Duration {
		left := make(chan error, 1)
		a := start(t, setting{machine: settled(newVolume(t)), engine: liveEngine(t, left)})
		b := a.browser()
		b.setUp()
		conn, _, err := b.live("https://" + a.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		polled := make(chan error, 1)
		req := b.request("GET", "/api/v1/status?after="+fmt.Sprint(a.system.state.Revision), "")
		go func() {
			resp, err := b.client.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				err = errors.Join(err, fmt.Errorf("answered %s", resp.Status))
			}
			polled <- err
		}()
		begin := time.Now()
		a.stop()
		took := time.Since(begin)
		<-left
		if err := <-polled; err == nil {
			t.Error("the long-poll was not ended")
		}
		return took
	})
}

// TestStoppingWaitsForNoIdleConnection: browsers open connections in advance, and the server cannot tell one that will
// never be used from one whose request is on its way.
func TestStoppingWaitsForNoIdleConnection(t *testing.T) {
	timely(t, func() time.Duration {
		a := start(t, setting{machine: settled(newVolume(t))})
		a.browser().setUp()
		conn, err := tls.Dial("tcp", a.address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := time.Now()
		a.stop()
		return time.Since(begin)
	})
}

func TestOnlyModernTLS(t *testing.T) {
	a := start(t, setting{machine: settled()})
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", a.address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
	resp, err := http.Get("http://" + a.address + "/")
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("plain HTTP: %s", resp.Status)
		}
	}
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	a := start(t, setting{machine: settled()})
	b := a.browser()
	for _, path := range []string{"/", "/cameras", "/api/v1/setup", "/api/v1/session", "/api/nothing"} {
		h := b.send(b.request("GET", path, "")).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "script-src 'self' ") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Permissions-Policy") == "" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-listen", "nonsense"}, {"extra"}, {"-unknown"}, {"-listen", "192.0.2.1:0", "-state", t.TempDir()}} {
		if err := Run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q accepted", args)
		}
	}
}

func TestTheProbeTellsAServerThatAnswersFromOneThatDoesNot(t *testing.T) {
	a := start(t, setting{machine: api.Status{}}) // not settled: a service that waits is healthy
	at := parseAddr(t, a.address)
	if err := ask(t.Context(), at); err != nil {
		t.Errorf("while waiting: %v", err)
	}
	a.stop()
	if err := ask(t.Context(), at); err == nil {
		t.Error("a server that is gone is healthy")
	}
}
