package api

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(Spec)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestTheSpecificationIsValid(t *testing.T) {
	if err := load(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEveryOperationKeepsTheRulesOfTheAPI holds the promises of the specification's own introduction: one service for
// each operation, errors of one shape, a session unless the web service says otherwise, and instants and durations
// that are 64-bit integers.
func TestEveryOperationKeepsTheRulesOfTheAPI(t *testing.T) {
	spec := load(t)
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			if len(op.Tags) != 1 || !slices.Contains([]string{"web", "engine", "system", "ntp", "ssh"}, op.Tags[0]) {
				t.Errorf("%s: tags %q", where, op.Tags)
			}
			if op.Security != nil && op.Tags[0] != "web" {
				t.Errorf("%s: only the web service may open an operation to everybody", where)
			}
			if d := op.Responses.Default(); op.OperationID != "getSetup" && (d == nil || d.Ref != "#/components/responses/Error") {
				t.Errorf("%s: its errors are not of the common shape", where)
			}
		}
	}
	for name, schema := range spec.Components.Schemas {
		for field, ref := range schema.Value.Properties {
			timed := strings.HasSuffix(field, "Ms") && field != "offsetMs" // a fraction of a millisecond
			if timed && (!ref.Value.Type.Is("integer") || ref.Value.Format != "int64") {
				t.Errorf("%s.%s: %v %s", name, field, ref.Value.Type, ref.Value.Format)
			}
		}
	}
}

func TestTheGeneratedCodeIsCurrent(t *testing.T) {
	out := filepath.Join(t.TempDir(), "api.gen.go")
	config, err := os.ReadFile("oapi-codegen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(config, []byte("output: api.gen.go")) {
		t.Fatal("oapi-codegen.yaml names another file")
	}
	changed := filepath.Join(t.TempDir(), "oapi-codegen.yaml")
	if err := os.WriteFile(changed, bytes.Replace(config, []byte("output: api.gen.go"), []byte("output: "+out), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("go", "tool", "oapi-codegen", "-config", changed, "openapi.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("api.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("api.gen.go is not what openapi.yaml makes: run make generate")
	}
}
