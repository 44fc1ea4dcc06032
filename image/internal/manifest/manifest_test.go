package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONIsInOrderOfName(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	a, b := Package{"a", "1:2~<3", "amd64", sum}, Package{"b", "1", "all", sum}
	m := Manifest{Version: "v", Kernel: "6.12", Built: "2026-01-01T00:00:00Z", Packages: []Package{b, a}}
	text, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"1:2~<3"`) {
		t.Error("a version is escaped:", string(text))
	}
	var back Manifest
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Package{a, b}, back.Packages); diff != "" {
		t.Error(diff)
	}
	if m.Packages[0].Name != "b" {
		t.Error("JSON changed the manifest")
	}
}

func TestJSONRefusesIncompleteLists(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for name, list := range map[string][]Package{
		"twice":      {{"a", "1", "all", sum}, {"a", "2", "all", sum}},
		"no version": {{"a", "", "all", sum}},
		"short hash": {{"a", "1", "all", "0a"}},
	} {
		if _, err := (Manifest{Packages: list}).JSON(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
