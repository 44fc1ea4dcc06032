package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/rights"
)

// anywhere is an upstream that answers everything.
type anywhere struct{}

func (anywhere) Serve(w http.ResponseWriter, _ *http.Request, _ rights.Who) {
	w.WriteHeader(http.StatusTeapot)
}

// person is a browser with a session.
type person struct {
	b     *bench
	token string
}

// come logs a user in without a password.
func (b *bench) come(username string) *person {
	token, _ := b.s.Sessions.Start(username)
	return &person{b, token}
}

func (p *person) do(method, path, body string) (int, string) {
	r := httptest.NewRequest(method, "https://vigie/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Origin", "https://vigie")
	r.AddCookie(&http.Cookie{Name: Cookie, Value: p.token})
	w := httptest.NewRecorder()
	p.b.h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// must expects a status, and the code of the error if it is one.
func (p *person) must(method, path, body string, status int, code string) string {
	p.b.t.Helper()
	got, text := p.do(method, path, body)
	var e api.Error
	if status >= 400 {
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			p.b.t.Errorf("%s %s: %v", method, path, err)
		}
	}
	if got != status || e.Code != code {
		p.b.t.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, got, text, status, code)
	}
	return text
}

func (b *bench) users(profiles ...rights.Profile) {
	b.t.Helper()
	b.addUser("boss")
	for _, p := range profiles {
		if _, err := b.store.Add(accounts.User{Username: string(p), Hash: "hash", Profile: p}, time.Now()); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestEveryOperationAsksForItsRight goes through the whole specification with every profile.
func TestEveryOperationAsksForItsRight(t *testing.T) {
	b := newBench(t)
	b.s.Engine, b.s.System, b.s.NTP, b.s.SSH = anywhere{}, anywhere{}, anywhere{}, anywhere{}
	b.users(rights.Operator, rights.Viewer, rights.Guard)
	may := map[string]map[rights.Right]bool{
		"boss":     {rights.Own: true, rights.Watch: true, rights.Play: true, rights.Export: true, rights.Protect: true, rights.Record: true, rights.Delete: true, rights.Administer: true},
		"operator": {rights.Own: true, rights.Watch: true, rights.Play: true, rights.Export: true, rights.Protect: true, rights.Record: true},
		"viewer":   {rights.Own: true, rights.Watch: true, rights.Play: true},
		"guard":    {rights.Own: true, rights.Watch: true},
	}
	tried := 0
	for _, r := range b.s.Routes.All() {
		if r.Public || r.ID == "logout" {
			continue
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(r.Path)
		for user, rights := range may {
			tried++
			got, text := b.come(user).do(r.Method, path, "")
			refused := got == http.StatusForbidden && strings.Contains(text, `"no_right"`)
			if refused == rights[r.Right] {
				t.Errorf("%s: %s: %d %s", user, r.ID, got, text)
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d were tried", tried)
	}
	for id, want := range map[string]rights.Right{
		"live": rights.Watch, "getMedia": rights.Play, "getExportFile": rights.Export, "getSegmentFile": rights.Export, "putProtection": rights.Protect,
		"forceRecording": rights.Record, "deleteCamera": rights.Administer, "postPower": rights.Administer, "addUser": rights.Administer, "putPassword": rights.Own,
	} {
		for _, r := range b.s.Routes.All() {
			if r.ID == id && r.Right != want {
				t.Errorf("%s needs %s, want %s", id, r.Right, want)
			}
		}
	}
}

func TestUsers(t *testing.T) {
	b := newBench(t)
	b.addUser("boss")
	boss := b.come("boss")
	boss.must("POST", "/users", `{"username":"Jane","password":"short","profile":"viewer"}`, 400, "weak_password")
	boss.must("POST", "/users", `{"username":"../x","password":"a longer secret","profile":"viewer"}`, 400, "bad_username")
	boss.must("POST", "/users", `{"username":"Jane","password":"a longer secret","profile":"root"}`, 400, "bad_profile")
	boss.must("POST", "/users", `{"username":"Jane","password":"a longer secret","profile":"viewer"}`, 201, "")
	boss.must("POST", "/users", `{"username":"JANE","password":"a longer secret","profile":"guard"}`, 409, "name_taken")
	if status, e := b.login("192.0.2.1", "jane", "a longer secret"); status != 200 {
		t.Fatalf("%d %+v", status, e)
	}
	jane := b.come("Jane")
	jane.must("GET", "/users", "", 403, "no_right")
	jane.must("DELETE", "/users/boss", "", 403, "no_right")
	var s api.Session
	if err := json.Unmarshal([]byte(jane.must("GET", "/session", "", 200, "")), &s); err != nil || s.Profile != "viewer" || fmt.Sprint(s.Rights) != "[watch play]" {
		t.Errorf("%+v %v", s, err)
	}
	jane.must("POST", "/layouts", `{"name":"gate","columns":1,"rows":1,"tiles":[]}`, 201, "")

	// Only an administrator is let in by SSH.
	if name, ok, err := b.s.Verify(t.Context(), "jane", "a longer secret", client(httptest.NewRequest("GET", "/", nil))); name != "Jane" || ok || err != nil {
		t.Errorf("a viewer by SSH: %q %t %v", name, ok, err)
	}
	if name, err := b.s.Administrator("jane"); name != "" || err != nil {
		t.Errorf("a viewer by key: %q %v", name, err)
	}

	boss.must("PUT", "/users/jane", `{}`, 400, "nothing_to_change")
	boss.must("PUT", "/users/jane", `{"profile":"root"}`, 400, "bad_profile")
	boss.must("PUT", "/users/nobody", `{"profile":"guard"}`, 404, "no_user")
	boss.must("PUT", "/users/jane", `{"password":"short"}`, 400, "weak_password")
	jane.must("GET", "/session", "", 200, "") // what was refused has ended nothing
	boss.must("PUT", "/users/jane", `{"profile":"operator"}`, 200, "")
	jane.must("GET", "/session", "", 401, "unauthorized")
	boss.must("PUT", "/users/jane", `{"password":"another secret"}`, 200, "")
	if status, e := b.login("192.0.2.1", "jane", "a longer secret"); status != 401 {
		t.Errorf("the old password: %d %+v", status, e)
	}
	if status, e := b.login("192.0.2.1", "jane", "another secret"); status != 200 {
		t.Errorf("the new password: %d %+v", status, e)
	}

	// There is always an administrator.
	boss.must("DELETE", "/users/boss", "", 409, "last_administrator")
	boss.must("PUT", "/users/boss", `{"profile":"operator"}`, 409, "last_administrator")
	boss.must("PUT", "/users/boss", `{"password":"another secret"}`, 400, "own_password")
	boss.must("PUT", "/users/boss", `{"profile":"administrator"}`, 200, "")
	boss.must("GET", "/session", "", 200, "") // nothing has changed

	jane = b.come("Jane")
	boss.must("DELETE", "/users/JANE", "", 204, "")
	jane.must("GET", "/session", "", 401, "unauthorized")
	boss.must("DELETE", "/users/jane", "", 404, "no_user")
	// Who has the name after her does not have what was hers.
	boss.must("POST", "/users", `{"username":"jane","password":"a longer secret","profile":"administrator"}`, 201, "")
	if list := b.come("jane").must("GET", "/layouts", "", 200, ""); strings.TrimSpace(list) != "[]" {
		t.Errorf("layouts %s", list)
	}
	boss.must("DELETE", "/users/boss", "", 204, "")
	boss.must("GET", "/users", "", 401, "unauthorized")
	if first, err := b.store.First(); err != nil || first.Username != "jane" {
		t.Errorf("%+v %v", first, err)
	}
}

// TestWhoHasLostARightLosesWhatRuns: a stream of an open session ends with the profile that it was opened by.
func TestWhoHasLostARightLosesWhatRuns(t *testing.T) {
	b := newBench(t)
	running := make(chan context.Context, 1)
	b.s.Engine = upstream(func(_ http.ResponseWriter, r *http.Request) {
		running <- r.Context()
		<-r.Context().Done()
	})
	b.users(rights.Viewer)
	viewer, ended := b.come("viewer"), make(chan struct{})
	go func() {
		defer close(ended)
		viewer.do("GET", "/cameras/k3f9x2ab/media?fromMs=0", "")
	}()
	<-running
	b.come("boss").must("PUT", "/users/viewer", `{"profile":"guard"}`, 200, "")
	<-ended
	b.come("viewer").must("GET", "/cameras/k3f9x2ab/media?fromMs=0", "", 403, "no_right")
}

// TestAUserIsLimitedToSomeCameras: what he asks of the engine is asked for those only, and a change ends what runs.
func TestAUserIsLimitedToSomeCameras(t *testing.T) {
	b := newBench(t)
	var asked seen
	b.s.Engine = &asked
	b.addUser("boss")
	boss := b.come("boss")
	add := func(more string) string {
		return `{"username":"Jane","password":"a longer secret","profile":"viewer"` + more + `}`
	}
	boss.must("POST", "/users", add(`,"allCameras":false`), 400, "bad_cameras")
	boss.must("POST", "/users", add(`,"allCameras":false,"cameras":["a,b"]`), 400, "bad_cameras")
	boss.must("POST", "/users", add(`,"cameras":["k3f9x2ab"]`), 400, "all_or_some")
	boss.must("POST", "/users", add(`,"allCameras":false,"cameras":["`+strings.Repeat(`a","`, 1001)+`a"]`), 400, "bad_cameras")
	text := boss.must("POST", "/users", add(`,"allCameras":false,"cameras":["zzzzzzzz","k3f9x2ab","zzzzzzzz"]`), 201, "")
	var u api.User
	if err := json.Unmarshal([]byte(text), &u); err != nil || u.AllCameras || fmt.Sprint(u.Cameras) != "[k3f9x2ab zzzzzzzz]" {
		t.Errorf("%s %v", text, err)
	}
	jane := b.come("Jane")
	jane.must("GET", "/cameras", "", 200, "")
	if !asked.cameras.Limited || fmt.Sprint(asked.cameras.Only) != "[k3f9x2ab zzzzzzzz]" {
		t.Errorf("asked for %+v", asked.cameras)
	}
	boss.must("GET", "/cameras", "", 200, "")
	if asked.cameras.Limited {
		t.Errorf("an administrator is limited to %+v", asked.cameras)
	}

	boss.must("PUT", "/users/jane", `{"allCameras":false,"cameras":["k3f9x2ab","zzzzzzzz"]}`, 200, "")
	jane.must("GET", "/session", "", 200, "") // nothing has changed
	boss.must("PUT", "/users/jane", `{"allCameras":false,"cameras":["k3f9x2ab"]}`, 200, "")
	jane.must("GET", "/session", "", 401, "unauthorized")
	boss.must("PUT", "/users/jane", `{"profile":"administrator","allCameras":false,"cameras":["k3f9x2ab"]}`, 400, "administrator")
	boss.must("PUT", "/users/boss", `{"allCameras":false,"cameras":["k3f9x2ab"]}`, 400, "administrator")
	boss.must("PUT", "/users/jane", `{"profile":"operator"}`, 200, "")
	b.come("Jane").must("GET", "/cameras", "", 200, "")
	if fmt.Sprint(asked.cameras.Only) != "[k3f9x2ab]" {
		t.Errorf("another profile has changed the cameras to %+v", asked.cameras)
	}
	// Administrators see all, and who was one sees all until he is limited again.
	boss.must("PUT", "/users/jane", `{"profile":"administrator"}`, 200, "")
	boss.must("PUT", "/users/jane", `{"profile":"viewer"}`, 200, "")
	b.come("Jane").must("GET", "/cameras", "", 200, "")
	if asked.cameras.Limited {
		t.Errorf("still limited to %+v", asked.cameras)
	}
}

// seen is an upstream that remembers for which cameras it was asked.
type seen struct{ cameras rights.Cameras }

func (s *seen) Serve(_ http.ResponseWriter, _ *http.Request, who rights.Who) {
	s.cameras = who.Cameras
}

type upstream func(http.ResponseWriter, *http.Request)

func (u upstream) Serve(w http.ResponseWriter, r *http.Request, _ rights.Who) { u(w, r) }

// TestASessionOfNobodyIsNone: one that came back from the file after its user was deleted.
func TestASessionOfNobodyIsNone(t *testing.T) {
	b := newBench(t)
	b.addUser("boss")
	b.come("nobody").must("GET", "/cameras", "", 401, "unauthorized")
}

// TestWhoWasThereBeforeProfilesIsAnAdministrator: rows of an older version have none.
func TestWhoWasThereBeforeProfilesIsAnAdministrator(t *testing.T) {
	b := newBench(t)
	err := b.store.Database().Update(func(tx accounts.Tx) error {
		return tx.Put("users", []byte("old"), []byte(`{"username":"old","hash":"h","createdMs":1,"changedMs":1}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	b.come("old").must("GET", "/users", "", 200, "")
	if status, text := b.come("old").do("GET", "/account-copies", ""); status != 200 || !strings.Contains(text, `"checkedMs":5`) {
		t.Errorf("copies of the accounts: %d %s", status, text)
	}
}
