package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/engineapi"
	"vigie/services/system/systemapi"
)

const (
	passphrase = "four unrelated words"
	cameras    = `{"cameras":[{"name":"Door","password":"geheim-4711"}]}`
)

// parts plays what engine and system have of a configuration: each keeps what it is brought.
type parts struct {
	down   atomic.Bool // neither answers
	refuse atomic.Bool // the engine finds something wrong

	mu     sync.Mutex
	engine string // as brought last, "": nothing
	zone   string
	steady bool
	judged int // so many more judgements, and both are down; 0: they stay
}

func (p *parts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down.Load() {
		answer.Fail(w, answer.Refuse(http.StatusServiceUnavailable, "down", "It is starting."))
		return
	}
	defer func() {
		if p.judged > 0 {
			if p.judged--; p.judged == 0 {
				p.down.Store(true)
			}
		}
	}()
	machine := r.Host == "system"
	switch {
	case r.URL.Path != engineapi.SettingsPath:
		http.NotFound(w, r)
	case r.Method == http.MethodGet && machine:
		answer.JSON(w, http.StatusOK, map[string]any{"ntpServers": []string{}, "timeZone": "Europe/Paris"})
	case r.Method == http.MethodGet:
		answer.JSON(w, http.StatusOK, json.RawMessage(cameras))
	case machine:
		var req systemapi.Transfer
		if err := answer.Read(w, r, &req); err != nil {
			answer.Fail(w, err)
			return
		}
		if !req.DryRun {
			p.zone, p.steady = req.Config.TimeZone, req.Steady
		}
		answer.JSON(w, http.StatusOK, systemapi.Transferred{Changes: []string{"The time zone is Europe/Paris, and was UTC."}, LeftOut: []string{}, Plan: api.Plan{Steps: []api.PlanStep{}, Urls: []string{}}})
	default:
		var req struct {
			Settings json.RawMessage `json:"settings"`
			DryRun   bool            `json:"dryRun"`
		}
		if err := answer.Read(w, r, &req); err != nil {
			answer.Fail(w, err)
			return
		}
		if p.refuse.Load() {
			answer.Fail(w, answer.Refuse(http.StatusBadRequest, "bad_camera", "Camera 1 of the file is none."))
			return
		}
		if !req.DryRun {
			p.engine = string(req.Settings)
		}
		answer.JSON(w, http.StatusOK, engineapi.Transfer{Changes: []string{`Added: camera "Door".`}, LeftOut: []string{}})
	}
}

func (p *parts) has() (engine, zone string, steady bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine, p.zone, p.steady
}

func (b *browser) imports(file []byte, passphrase, confirm string) string {
	return fmt.Sprintf(`{"file":%q,"passphrase":%q,"confirm":%q}`, base64.StdEncoding.EncodeToString(file), passphrase, confirm)
}

// TestAConfigurationIsBroughtToAnotherMachine: who imports stays as he is; all others are those of the file, with their passwords and layouts.
// What is refused, torn or not confirmed changes nothing, and what a power cut interrupts is gone on with.
func TestAConfigurationIsBroughtToAnotherMachine(t *testing.T) {
	here := &parts{}
	one := start(t, setting{machine: settled(newVolume(t)), engine: here, other: here})
	b := one.browser()
	b.setUp()
	b.do("POST", "/users", `{"username":"jane","password":"`+goodPassword+`","profile":"operator"}`, 201)
	jane := one.browser()
	jane.do("POST", "/login", login("jane", goodPassword), 200)
	jane.do("POST", "/layouts", `{"name":"Yard","columns":1,"rows":1,"tiles":[]}`, 201)
	jane.do("POST", "/configuration/export", `{"passphrase":"`+passphrase+`"}`, 403, "no_right")
	b.do("POST", "/configuration/export", `{"passphrase":"aaaaaaaaaaaaaaa"}`, 400, "bad_passphrase")
	file := b.do("POST", "/configuration/export", `{"passphrase":"`+passphrase+`"}`, 200).body
	for _, secret := range []string{"geheim-4711", "argon2", "jane", "Door", "Paris"} {
		if bytes.Contains(file, []byte(secret)) {
			t.Errorf("%q can be read in the file", secret)
		}
	}
	here.down.Store(true)
	b.do("POST", "/configuration/export", `{"passphrase":"`+passphrase+`"}`, 503, "no_answer")
	one.stop()
	if strings.Contains(one.stderr.String(), "geheim") || strings.Contains(one.stderr.String(), passphrase) {
		t.Error("the log has a secret")
	}

	there, v := &parts{}, newVolume(t)
	two := start(t, setting{machine: settled(v), engine: there, other: there})
	b = two.browser()
	b.setUp()
	b.do("POST", "/users", `{"username":"old","password":"`+goodPassword+`","profile":"viewer"}`, 201)
	gone := two.browser()
	gone.do("POST", "/login", login("old", goodPassword), 200)
	look := func() (out api.ConfigurationImport) {
		t.Helper()
		if err := json.Unmarshal(b.do("POST", "/configuration/import", b.imports(file, passphrase, ""), 200).body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := look()
	text := strings.Join(append(first.Changes, first.LeftOut...), "\n")
	for _, want := range []string{`camera "Door"`, "Users added: jane", "Users removed, as the file does not have them: old", "Your own account, admin, stays", "Europe/Paris", "layouts"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if first.Applied || first.Machine != "vigie-test" {
		t.Errorf("%+v", first)
	}
	b.do("POST", "/configuration/import", b.imports(file, "four unrelated birds", ""), 400, "wrong_passphrase")
	b.do("POST", "/configuration/import", b.imports(file[:len(file)-20], passphrase, first.Confirm), 400, "damaged")
	b.do("POST", "/configuration/import", b.imports(file[:20], passphrase, first.Confirm), 400, "no_configuration")
	b.do("POST", "/configuration/import", b.imports([]byte(`{"format":"vigie-configuration","version":9,"software":"7.2"}`+"\n"), passphrase, ""), 400, "newer")
	b.do("POST", "/configuration/import", b.imports(file, passphrase, "of something else"), 409, "changed")
	gone.do("POST", "/configuration/import", b.imports(file, passphrase, first.Confirm), 403, "no_right")
	b.do("POST", "/users", `{"username":"late","password":"`+goodPassword+`","profile":"viewer"}`, 201)
	b.do("POST", "/configuration/import", b.imports(file, passphrase, first.Confirm), 409, "changed") // it would remove one more
	there.refuse.Store(true)
	b.do("POST", "/configuration/import", b.imports(file, passphrase, first.Confirm), 409, "refused")
	there.refuse.Store(false)
	gone.do("GET", "/session", "", 200)
	if engine, zone, _ := there.has(); engine != "" || zone != "" {
		t.Errorf("what was not confirmed is in force: %s %s", engine, zone)
	}

	// The moment of an import, and then nobody takes the rest: the other services are down, and the power is cut.
	now := look()
	there.downAfter(t, b, b.imports(file, passphrase, now.Confirm))
	gone.do("GET", "/session", "", 401)
	jane = two.browser()
	jane.do("POST", "/login", login("jane", goodPassword), 200)
	if got := jane.do("GET", "/layouts", "", 200).body; !bytes.Contains(got, []byte("Yard")) {
		t.Errorf("layouts %s", got)
	}
	b.do("GET", "/session", "", 200)
	two.stop()
	there.down.Store(false)
	third := start(t, setting{machine: settled(v), engine: there, other: there})
	third.stdout.await(t, "administrator is set")
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if engine, zone, steady := there.has(); engine == cameras && zone == "Europe/Paris" && steady {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it does not go on; log:\n%s", third.stderr.String())
		}
	}
	third.stderr.await(t, "is all in force")
	b = third.browser()
	b.do("POST", "/login", login("admin", goodPassword), 200)
	if got := b.do("GET", "/users", "", 200).body; bytes.Contains(got, []byte(`"old"`)) || !bytes.Contains(got, []byte(`"jane"`)) {
		t.Errorf("users %s", got)
	}
}

// downAfter imports with services that judge, and then do not answer.
func (p *parts) downAfter(t *testing.T, b *browser, body string) {
	t.Helper()
	p.mu.Lock()
	p.judged = 2
	p.mu.Unlock()
	b.do("POST", "/configuration/import", body, 503, "going_on")
}
