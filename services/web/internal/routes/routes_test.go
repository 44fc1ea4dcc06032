package routes

import (
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
)

const small = `
paths:
  /a/{x}/c:
    get: {tags: [engine], operationId: axc}
  /a/b/{y}:
    parameters: [{name: y, in: path}]
    get: {tags: [system], operationId: aby}
    delete: {tags: [system], operationId: delAby}
  /open:
    post: {tags: [web], operationId: open, security: []}
    put: {tags: [system], operationId: upload, requestBody: {content: {application/octet-stream: {}}}}
  /closed:
    get: {tags: [web], operationId: closed, security: [{session: []}]}
`

var requests = []struct {
	method, path string
	id           string
	allowed      string
}{
	{"GET", "/api/v1/a/1/c", "axc", ""},
	{"HEAD", "/api/v1/a/1/c", "axc", ""},
	{"GET", "/api/v1/a/b/1", "aby", ""},
	{"GET", "/api/v1/a/b/c", "aby", ""}, // the earlier literal decides
	{"DELETE", "/api/v1/a/b/c", "delAby", ""},
	{"GET", "/api/v1/a/%62/c", "aby", ""},
	{"POST", "/api/v1/open", "open", ""},
	{"GET", "/api/v1/open", "", "POST,PUT"},
	{"PUT", "/api/v1/open", "upload", ""},
	{"PUT", "/api/v1/a/b/c", "", "DELETE,GET"},
	{"get", "/api/v1/a/1/c", "", "GET"},
	{"GET", "/api/v1/a/1/d", "", ""},
	{"GET", "/api/v1/a/1/c/", "", ""},
	{"GET", "/api/v1/a//c", "", ""},
	{"GET", "/api/v1//a/1/c", "", ""},
	{"GET", "/api/v1/a/../c", "", ""},
	{"GET", "/api/v1/a/%2e%2e/c", "", ""},
	{"GET", "/api/v1/a/x%2fy/c", "", ""},
	{"GET", "/api/v1/a/x%5Cy/c", "", ""},
	{"GET", "/api/v1/a/x%00/c", "", ""},
	{"GET", "/api/v1/a/x%0d%0a/c", "", ""},
	{"GET", "/api/v1/a/%zz/c", "", ""},
	{"GET", "/api/v1", "", ""},
	{"GET", "/api/v1/", "", ""},
	{"GET", "/api/v2/a/1/c", "", ""},
	{"GET", "/v1/a/1/c", "", ""},
	{"GET", "", "", ""},
}

func TestFind(t *testing.T) {
	table, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range requests {
		r, ok, allowed := table.Find(c.method, c.path)
		slices.Sort(allowed)
		if r.ID != c.id || ok != (c.id != "") || !ok && strings.Join(allowed, ",") != c.allowed {
			t.Errorf("%s %s: %q, %v, allowed %q", c.method, c.path, r.ID, ok, allowed)
		}
	}
	if r, _, _ := table.Find("POST", "/api/v1/open"); !r.Public {
		t.Error("an operation without security is not public")
	}
	if r, _, _ := table.Find("POST", "/api/v1/open"); r.Upload {
		t.Error("a body without a type is a file")
	}
	if r, _, _ := table.Find("PUT", "/api/v1/open"); !r.Upload {
		t.Error("a file is none")
	}
	if r, _, _ := table.Find("GET", "/api/v1/closed"); r.Public {
		t.Error("an operation with security is public")
	}
}

func FuzzFind(f *testing.F) {
	for _, c := range requests {
		f.Add(c.method, c.path)
	}
	table, err := Parse(api.Spec)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r, ok, _ := table.Find(method, path)
		if !ok {
			return
		}
		if strings.Count(path, "/") != strings.Count(Prefix+r.Path, "/") {
			t.Errorf("%q goes to %s", path, r.Path)
		}
		for _, bad := range []string{"/../", "//", "\\", "%2f", "%2F", "%00"} {
			if strings.Contains(path, bad) {
				t.Errorf("%q goes to %s", path, r.Path)
			}
		}
	})
}

func TestTheSpecificationIsReadWhole(t *testing.T) {
	table, err := Parse(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var public []string
	for _, r := range table.All() {
		path := strings.NewReplacer("{camera}", "k3f9x2ab", "{segment}", "s-1", "{volume}", "v", "{user}", "jane", "{disk}", "wwn:5", "{service}", "engine").Replace(r.Path)
		got, ok, _ := table.Find(r.Method, Prefix+path)
		if !ok || got.ID != r.ID {
			t.Errorf("%s %s leads to %q", r.Method, path, got.ID)
		}
		if r.Public {
			public = append(public, r.ID)
		}
	}
	if want := []string{"login", "postReset", "getSetup", "postSetup"}; !slices.Equal(public, want) {
		t.Errorf("without a session one reaches %q, want %q", public, want)
	}
}

func TestParseRefusesWhatItCannotServe(t *testing.T) {
	for name, spec := range map[string]string{
		"no YAML":       "paths: [",
		"no paths":      "openapi: 3.0.3",
		"no tag":        "paths: {/a: {get: {operationId: a}}}",
		"unknown tag":   "paths: {/a: {get: {tags: [camera], operationId: a}}}",
		"two tags":      "paths: {/a: {get: {tags: [web, engine], operationId: a}}}",
		"no id":         "paths: {/a: {get: {tags: [web]}}}",
		"one id twice":  "paths: {/a: {get: {tags: [web], operationId: a}}, /b: {get: {tags: [web], operationId: a}}}",
		"unknown right": "paths: {/a: {get: {tags: [web], operationId: a, x-right: root}}}",
		"no slash":      "paths: {a: {get: {tags: [web], operationId: a}}}",
	} {
		if _, err := Parse([]byte(spec)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}
