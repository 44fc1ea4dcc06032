// Package routes knows which requests the API has and which service answers each: the table that the specification
// (internal/api/openapi.yaml) spells out, read once at start.
//
// A path of the specification is reachable, any other is not; no second list has to be kept in step. The package looks
// at methods, paths, tags, security and rights only; schemas are for the services and the tests. A Table is immutable.
package routes

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"vigie/services/web/internal/rights"
)

// Prefix is where the API lives under the web service, and what is cut off for the other services up to "/v1".
const (
	Prefix  = "/api/v1"
	cutting = "/api"
)

// Route is one operation.
type Route struct {
	ID      string       // operationId
	Method  string       // upper case
	Path    string       // as in the specification, with {parameters}
	Service string       // the tag: "web", "engine", "system", "ntp" or "ssh"
	Public  bool         // needs no session
	Right   rights.Right // that the session's user needs
	Upload  bool         // its body is a file
	segs    []string
}

// Table is all operations.
type Table struct {
	routes []Route
}

// operation is what is read of an operation object.
type operation struct {
	Tags        []string    `yaml:"tags"`
	OperationID string      `yaml:"operationId"`
	Security    *[]struct{} `yaml:"security"`
	Right       string      `yaml:"x-right"`
	RequestBody struct {
		Content map[string]yaml.Node `yaml:"content"`
	} `yaml:"requestBody"`
}

// Parse reads a specification. Every operation must have an id of its own and exactly one of the tags.
func Parse(spec []byte) (*Table, error) {
	var doc struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(spec, &doc); err != nil {
		return nil, fmt.Errorf("read API specification: %w", err)
	}
	t := &Table{}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for field, node := range item {
			method := strings.ToUpper(field)
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "PATCH"}, method) {
				continue
			}
			var op operation
			if err := node.Decode(&op); err != nil {
				return nil, fmt.Errorf("read API specification: %s %s: %w", method, path, err)
			}
			switch {
			case len(op.Tags) != 1 || !slices.Contains([]string{"web", "engine", "system", "ntp", "ssh"}, op.Tags[0]):
				return nil, fmt.Errorf("read API specification: %s %s: tags %q", method, path, op.Tags)
			case op.OperationID == "" || ids[op.OperationID]:
				return nil, fmt.Errorf("read API specification: %s %s: operationId %q", method, path, op.OperationID)
			case !strings.HasPrefix(path, "/"):
				return nil, fmt.Errorf("read API specification: path %q", path)
			}
			ids[op.OperationID] = true
			right := cmp.Or(rights.Right(op.Right), rights.Administer)
			if !rights.Known(right) {
				return nil, fmt.Errorf("read API specification: %s %s: x-right %q", method, path, op.Right)
			}
			_, upload := op.RequestBody.Content["application/octet-stream"]
			t.routes = append(t.routes, Route{
				Upload: upload,
				ID:     op.OperationID, Method: method, Path: path, Service: op.Tags[0], Right: right,
				Public: op.Security != nil && len(*op.Security) == 0,
				segs:   strings.Split(path[1:], "/"),
			})
		}
	}
	if len(t.routes) == 0 {
		return nil, errors.New("read API specification: no operations")
	}
	slices.SortFunc(t.routes, func(a, b Route) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	return t, nil
}

// All lists the operations in order of path.
func (t *Table) All() []Route { return slices.Clone(t.routes) }

// Find returns the operation of a request, whose path is given as it was sent (escaped, without query). HEAD finds GET.
// Without one, allowed lists the methods that the path does have, nil when the path itself is unknown. As OpenAPI has
// it, a path that matches literally goes before one that matches by a parameter.
func (t *Table) Find(method, escapedPath string) (r Route, ok bool, allowed []string) {
	rest, inside := strings.CutPrefix(escapedPath, Prefix+"/")
	if !inside {
		return r, false, nil
	}
	var segs []string
	for _, raw := range strings.Split(rest, "/") {
		seg, err := url.PathUnescape(raw)
		// An encoded slash or a dot segment could mean another path to whoever reads it next.
		if err != nil || seg == "" || seg == "." || seg == ".." || strings.ContainsFunc(seg, unfit) {
			return r, false, nil
		}
		segs = append(segs, seg)
	}
	if method == "HEAD" {
		method = "GET"
	}
	best := -1
	for _, c := range t.routes {
		score, fits := c.fit(segs)
		if !fits || score < best {
			continue
		}
		if score > best {
			best, ok, allowed = score, false, nil
		}
		allowed = append(allowed, c.Method)
		if c.Method == method {
			r, ok = c, true
		}
	}
	if ok {
		return r, true, nil
	}
	return Route{}, false, allowed
}

// Upstream is the path that the answering service knows a request's path by.
func Upstream(path string) string { return strings.TrimPrefix(path, cutting) }

// fit says whether the path matches, and scores literal segments, earlier ones higher.
func (r Route) fit(segs []string) (score int, fits bool) {
	if len(segs) != len(r.segs) {
		return 0, false
	}
	for i, want := range r.segs {
		score <<= 1
		switch {
		case strings.HasPrefix(want, "{"):
		case want == segs[i]:
			score |= 1
		default:
			return 0, false
		}
	}
	return score, true
}

func unfit(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f }
