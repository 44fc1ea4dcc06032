package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type outer struct {
	Name  string  `json:"name"`
	Count int     `json:"count,omitempty"`
	On    bool    `json:"on"`
	Inner *inner  `json:"inner"`
	List  []inner `json:"list"`
}

var documents = []struct {
	text   string
	line   int // 0: it is whole
	reason string
}{
	{"{}", 0, ""},
	{"\n{\"name\": \"a\",\n \"count\": 3,\n \"on\": true,\n \"inner\": {\"name\": \"b\"},\n \"list\": [\n  {\"tags\": [\"x\",\n \"y\"]}]}\n", 0, ""},
	{"", 1, "no JSON"},
	{"{\n\"name\": \"a\"\n\"on\": true}", 3, "no JSON: invalid character '\"'"},
	{"{\n\"name\": \"a\",\n}", 3, "no JSON"},
	{"{\n\"name\": \"a\"", 2, "no JSON: unexpected end"},
	{"{}\n{}", 2, "no JSON"},
	{"{\n\"Name\": \"a\"}", 2, `"Name" is not known here. What is: count, inner, list, name, on.`},
	{"{\"inner\": {\n\"name\": \"a\",\n\"colour\": 1}}", 3, `"colour" is not known here. What is: name, tags.`},
	{"{\"name\": \"a\",\n\"name\": \"b\"}", 2, `"name" is here twice.`},
	{"{\n\n\"name\": 7}", 3, `"name" must be text, in quotes.`},
	{"{\"count\":\n\"7\"}", 2, `"count" must be a whole number.`},
	{"{\"count\": 1.5}", 1, `"count" must be a whole number that is not so large.`},
	{"{\"count\": 1e99}", 1, "not so large"},
	{"{\"on\": 1}", 1, `"on" must be true or false.`},
	{"{\"on\": null}", 1, `"on" has no value: leave it out.`},
	{"{\"inner\": []}", 1, `"inner" must be an object`},
	{"{\"list\": {}}", 1, `"list" must be a list`},
	{"{\"list\": [{},\n{\"name\": []}]}", 2, `"list[1].name" must be text`},
	{"[]", 1, "The document must be an object"},
	{"{\n\"name\": \"\xff\"}", 2, "UTF-8"},
}

func TestDocumentSaysInWhichLineItIsWrong(t *testing.T) {
	for _, c := range documents {
		var v outer
		_, err := Document([]byte(c.text), &v)
		var p *Problem
		switch {
		case c.line == 0 && err != nil, c.line > 0 && !errors.As(err, &p):
			t.Errorf("%q: %v", c.text, err)
		case c.line > 0 && (p.Line != c.line || !strings.Contains(p.Reason, c.reason)):
			t.Errorf("%q: %v, want line %d: %s", c.text, err, c.line, c.reason)
		}
	}
}

func TestDocumentKnowsWhereEachValueIs(t *testing.T) {
	var v outer
	lines, err := Document([]byte(documents[1].text), &v)
	want := Lines{"": 2, "name": 2, "count": 3, "on": 4, "inner": 5, "inner.name": 5, "list": 6, "list[0]": 7, "list[0].tags": 7, "list[0].tags[0]": 7, "list[0].tags[1]": 8}
	if diff := cmp.Diff(want, lines); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if lines.Of("list[0].name.x") != 7 || lines.Of("list[9]") != 6 || lines.Of("other") != 2 || v.List[0].Tags[1] != "y" {
		t.Errorf("%d %d %d %+v", lines.Of("list[0].name.x"), lines.Of("list[9]"), lines.Of("other"), v)
	}
}

func FuzzDocument(f *testing.F) {
	for _, c := range documents {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v outer
		lines, err := Document(b, &v)
		most := 1 + strings.Count(string(b), "\n")
		var p *Problem
		if errors.As(err, &p) && (p.Line < 1 || p.Line > most || p.Reason == "") {
			t.Errorf("%q: %v", b, err)
		}
		if err != nil {
			if p == nil {
				t.Errorf("%q: %v is no Problem", b, err)
			}
			return
		}
		for path, line := range lines {
			if line < 1 || line > most {
				t.Errorf("%q: %s is at line %d", b, path, line)
			}
		}
		var again outer
		if err := json.Unmarshal(b, &again); err != nil || cmp.Diff(again, v) != "" {
			t.Errorf("%q: read as %+v, is %+v (%v)", b, v, again, err)
		}
		if err := Decode(b, &again); err != nil {
			t.Errorf("%q: Decode refuses it: %v", b, err)
		}
	})
}
