package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"vigie/internal/api"
)

// contract judges requests and answers by the specification.
type contract struct {
	t      *testing.T
	spec   *openapi3.T
	router routers.Router
	seen   map[string][]int // statuses by operationId
}

func newContract(t *testing.T) *contract {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &contract{t: t, spec: spec, router: router, seen: map[string][]int{}}
}

// do makes a request that must be as specified itself, and whose answer must be too.
func (c *contract) do(b *browser, method, path, body string, status int) {
	c.t.Helper()
	req := b.request(method, "/api/v1"+path, body)
	judged := req.Clone(c.t.Context())
	judged.Body = io.NopCloser(strings.NewReader(body))
	judged.URL.Scheme, judged.URL.Host = "", ""
	route, params, err := c.router.FindRoute(judged)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true}
	input := &openapi3filter.RequestValidationInput{Request: judged, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(c.t.Context(), input); err != nil {
		c.t.Errorf("%s %s: the test's request: %v", method, path, err)
	}
	r := b.send(req)
	if r.StatusCode != status {
		c.t.Errorf("%s %s: %s, want %d: %s", method, path, r.Status, status, r.body)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: r.StatusCode, Header: r.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(r.body))}
	if err := openapi3filter.ValidateResponse(c.t.Context(), answer); err != nil {
		c.t.Errorf("%s %s: %s: %v", method, path, r.Status, err)
	}
	if r.StatusCode == http.StatusNoContent && len(r.body) > 0 {
		c.t.Errorf("%s %s: a body with 204", method, path)
	}
	id := route.Operation.OperationID
	c.seen[id] = append(c.seen[id], r.StatusCode)
}

func TestEveryOperationOfTheWebServiceKeepsItsContract(t *testing.T) {
	c := newContract(t)
	parts := &parts{}
	a := start(t, setting{machine: api.Status{Hostname: "vigie-test"}, engine: parts, other: parts})
	b := a.browserFor("probe.vigie.invalid")
	c.do(b, "GET", "/setup", "", 200)
	c.do(b, "POST", "/login", login("admin", goodPassword), 503)
	v := newVolume(t)
	a.system.set(func(s *api.Status) { *s = settled(v) })
	code := a.code()
	setup := fmt.Sprintf(`{"code":%q,"username":"admin","password":%q}`, code, goodPassword)
	c.do(b, "GET", "/setup", "", 200)
	c.do(b, "GET", "/session", "", 401)
	c.do(b, "POST", "/setup", strings.Replace(setup, code, "xxxx-xxxx", 1), 403)
	c.do(b, "POST", "/setup", setup, 200)
	c.do(b, "POST", "/setup", setup, 409)
	c.do(b, "GET", "/session", "", 200)
	c.do(b, "PUT", "/password", fmt.Sprintf(`{"old":"not this one","new":%q}`, goodPassword+"2"), 403)
	c.do(b, "PUT", "/password", fmt.Sprintf(`{"old":%q,"new":%q}`, goodPassword, goodPassword+"2"), 204)
	layout := `{"name":"Yard","columns":2,"rows":1,"tiles":[{"column":1,"row":0,"columns":1,"rows":1,"kind":"camera","camera":"k3f9x2ab"}]}`
	c.do(b, "GET", "/account-copies", "", 200)
	c.do(b, "GET", "/logins", "", 200)
	c.do(b, "GET", "/users", "", 200)
	c.do(b, "POST", "/users", `{"username":"jane","password":"`+goodPassword+`","profile":"viewer"}`, 201)
	c.do(b, "POST", "/users", `{"username":"Jane","password":"`+goodPassword+`","profile":"guard"}`, 409)
	c.do(b, "POST", "/users", `{"username":"j j","password":"`+goodPassword+`","profile":"guard"}`, 400)
	c.do(b, "PUT", "/users/jane", `{"profile":"operator"}`, 200)
	c.do(b, "PUT", "/users/nobody", `{"profile":"operator"}`, 404)
	c.do(b, "DELETE", "/users/jane", "", 204)
	c.do(b, "DELETE", "/users/admin", "", 409)
	c.do(b, "GET", "/layouts", "", 200)
	c.do(b, "POST", "/layouts", layout, 201)
	c.do(b, "POST", "/layouts", layout, 409)
	c.do(b, "POST", "/layouts", `{"name":" Yard","columns":2,"rows":1,"tiles":[]}`, 400)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(string(b.send(b.request("GET", "/api/v1/layouts", "")).body))[1]
	c.do(b, "PUT", "/layouts/"+id, strings.Replace(layout, "Yard", "Gate", 1), 200)
	c.do(b, "PUT", "/layouts/none", layout, 404)
	c.do(b, "DELETE", "/layouts/"+id, "", 204)
	c.do(b, "DELETE", "/layouts/"+id, "", 404)
	c.do(b, "POST", "/configuration/export", `{"passphrase":"short"}`, 400)
	c.do(b, "POST", "/configuration/export", `{"passphrase":"four unrelated words"}`, 200)
	file := base64.StdEncoding.EncodeToString(b.send(b.request("POST", "/api/v1/configuration/export", `{"passphrase":"four unrelated words"}`)).body)
	c.do(b, "POST", "/configuration/import", fmt.Sprintf(`{"file":%q,"passphrase":"four unrelated birds"}`, file), 400)
	c.do(b, "POST", "/configuration/import", fmt.Sprintf(`{"file":%q,"passphrase":"four unrelated words"}`, file), 200)
	c.do(b, "POST", "/logout", "", 204)
	c.do(b, "POST", "/logout", "", 401)
	c.do(b, "GET", "/layouts", "", 401)
	c.do(b, "GET", "/users", "", 401)
	c.do(b, "GET", "/account-copies", "", 401)
	c.do(b, "GET", "/logins", "", 401)
	c.do(b, "PUT", "/password", `{"old":"xxxxxxxxxx","new":"yyyyyyyyyy"}`, 401)
	c.do(b, "POST", "/login", login("admin", "wrong password"), 401)
	c.do(b, "POST", "/login", login("admin", goodPassword+"2"), 200)
	c.do(b, "POST", "/setup/reset", fmt.Sprintf(`{"code":"xxxx-xxxx","password":%q}`, goodPassword), 409)
	reset, err := a.console.ResetPassword(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.do(b, "GET", "/setup", "", 200)
	c.do(b, "POST", "/setup/reset", fmt.Sprintf(`{"code":%q,"password":%q}`, reset.Code, goodPassword), 200)
	c.do(b, "GET", "/session", "", 200)
	// Operations of others, whose errors the web service makes.
	parts.down.Store(true)
	c.do(b, "GET", "/cameras", "", 503)
	b.cookie = nil
	c.do(b, "GET", "/cameras", "", 401)

	for _, item := range c.spec.Paths.Map() {
		for _, op := range item.Operations() {
			statuses := c.seen[op.OperationID]
			good := slices.ContainsFunc(statuses, func(s int) bool { return s < 300 })
			bad := slices.ContainsFunc(statuses, func(s int) bool { return s >= 400 })
			if op.Tags[0] == "web" && (!good || !bad && op.Responses.Default() != nil) {
				t.Errorf("%s was answered only %v", op.OperationID, statuses)
			}
		}
	}
}
