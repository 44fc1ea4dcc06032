package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	client "vigie/internal/ask"
)

func TestThePasswordIsResetFromTheConsole(t *testing.T) {
	v := newVolume(t)
	engine := http.NewServeMux()
	engine.HandleFunc("GET /v1/cameras", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode([]api.Camera{
			{ID: "a", Enabled: true, State: api.CameraState{Status: api.CameraStateStatusLive, Recording: true}},
			{ID: "b", Enabled: true, State: api.CameraState{Status: api.CameraStateStatusOffline}}, {ID: "c"},
		})
	})
	engine.HandleFunc("GET /v1/recording", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(api.Recording{Warnings: []string{"A disk is slow."}})
	})
	a := start(t, setting{machine: settled(v), engine: engine})
	b := a.browserFor("probe.vigie.invalid")
	code := a.code()

	shown, err := a.console.Console(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !shown.Opened || shown.SetupCode != code || len(shown.Fingerprint) != 95 || !slices.Equal(shown.URLs, []string{"https://" + a.address + "/"}) || shown.Reset != nil {
		t.Errorf("the console shows %+v", shown)
	}
	if c := shown.Cameras; c == nil || c.Total != 3 || c.Enabled != 2 || c.Live != 1 || c.Recording != 1 || !slices.Contains(shown.Warnings, "A disk is slow.") {
		t.Errorf("of the cameras the console shows %+v, %q", c, shown.Warnings)
	}
	var refusal *client.Error
	if _, err := a.console.ResetPassword(t.Context()); !errors.As(err, &refusal) || refusal.Detail.Code != "not_set_up" {
		t.Errorf("reset before there is an administrator: %v", err)
	}
	do := func(what, method, path, body string, want int) {
		t.Helper()
		if r := b.send(b.request(method, "/api/v1"+path, body)); r.StatusCode != want {
			t.Errorf("%s: %s, want %d: %s", what, r.Status, want, r.body)
		}
	}
	do("set-up", "POST", "/setup", fmt.Sprintf(`{"code":%q,"username":"Owner","password":%q}`, code, goodPassword), 200)
	do("logged in", "GET", "/session", "", 200)
	request := func(code, password string) string { return fmt.Sprintf(`{"code":%q,"password":%q}`, code, password) }
	do("a reset that nobody asked for", "POST", "/setup/reset", request(code, goodPassword+"2"), 409)

	before := time.Now().UnixMilli()
	first, err := a.console.ResetPassword(t.Context())
	if err != nil || first.Username != "Owner" || first.ExpiresMs < before+29*60_000 {
		t.Fatalf("%+v, %v", first, err)
	}
	do("after the reset was asked for", "GET", "/session", "", 401)
	if r := b.send(b.request("GET", "/api/v1/setup", "")); !strings.Contains(string(r.body), `"reset":true`) {
		t.Errorf("the page does not learn of the reset: %s", r.body)
	}
	second, err := a.console.ResetPassword(t.Context())
	if err != nil || second.Code == first.Code {
		t.Fatalf("%+v, %v", second, err)
	}
	do("the first code", "POST", "/setup/reset", request(first.Code, goodPassword+"2"), 403)
	do("the set-up code", "POST", "/setup/reset", request(code, goodPassword+"2"), 403)
	do("a weak password", "POST", "/setup/reset", request(second.Code, "short"), 400)
	if shown, err := a.console.Console(t.Context()); err != nil || shown.Reset == nil || shown.Reset.Code != second.Code || shown.SetupCode != "" {
		t.Errorf("the console shows %+v, %v", shown, err)
	}
	do("the password from before", "POST", "/login", login("owner", goodPassword), 200)
	do("the right code", "POST", "/setup/reset", request(second.Code, goodPassword+"2"), 200)
	r := b.send(b.request("GET", "/api/v1/session", ""))
	var session api.Session
	if err := json.Unmarshal(r.body, &session); err != nil || session.Username != "Owner" || session.PasswordResetMs < before {
		t.Errorf("session %s, %v", r.body, err)
	}
	do("the code again", "POST", "/setup/reset", request(second.Code, goodPassword+"3"), 409)
	do("the old password", "POST", "/login", login("owner", goodPassword), 401)
	do("the new password", "POST", "/login", login("owner", goodPassword+"2"), 200)
	if shown, err := a.console.Console(t.Context()); err != nil || shown.Reset != nil {
		t.Errorf("the console still shows %+v, %v", shown, err)
	}
	for _, want := range []string{`password reset.*result="asked for on the console" user=Owner`, `password reset.*result=ok user=Owner`} {
		a.stderr.await(t, want)
	}
	if log := a.stderr.String(); strings.Contains(log, first.Code) || strings.Contains(log, second.Code) {
		t.Error("a code is in the log")
	}
}

func TestInRescueModeTheConsoleSetsThePassword(t *testing.T) {
	v := newVolume(t)
	a := start(t, setting{machine: settled(v)})
	b := a.browserFor("probe.vigie.invalid")
	if r := b.send(b.request("POST", "/api/v1/setup", fmt.Sprintf(`{"code":%q,"username":"Owner","password":%q}`, a.code(), goodPassword))); r.StatusCode != 200 {
		t.Fatalf("set-up: %s %s", r.Status, r.body)
	}
	var refusal *client.Error
	if _, err := a.console.SetPassword(t.Context(), goodPassword+"2"); !errors.As(err, &refusal) || refusal.Detail.Code != "not_in_rescue" {
		t.Errorf("in a machine that works: %v", err)
	}
	a.stop()

	r := start(t, setting{machine: settled(v), flags: []string{"-rescue"}})
	opened := func(on *appliance) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if s, err := on.console.Console(t.Context()); err == nil && s.Opened {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("the accounts are not opened: %+v, %v", s, err)
			}
		}
	}
	opened(r)
	if _, err := r.console.SetPassword(t.Context(), "short"); !errors.As(err, &refusal) || refusal.Detail.Code != "weak_password" {
		t.Errorf("a weak password: %v", err)
	}
	if name, err := r.console.SetPassword(t.Context(), goodPassword+"2"); err != nil || name != "Owner" {
		t.Errorf("%q, %v", name, err)
	}
	r.stop()

	again := start(t, setting{machine: settled(v)})
	opened(again)
	c := again.browserFor("probe.vigie.invalid")
	for password, want := range map[string]int{goodPassword: 401, goodPassword + "2": 200} {
		if r := c.send(c.request("POST", "/api/v1/login", login("owner", password))); r.StatusCode != want {
			t.Errorf("%s: %s, want %d", password, r.Status, want)
		}
	}

	blank := start(t, setting{machine: settled(newVolume(t)), flags: []string{"-rescue"}})
	opened(blank)
	if _, err := blank.console.SetPassword(t.Context(), goodPassword); !errors.As(err, &refusal) || refusal.Detail.Code != "no_administrator" {
		t.Errorf("without an administrator: %v", err)
	}
}
