package gobuild

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuild builds one small module in two places.
func TestBuild(t *testing.T) {
	var binaries [][]byte
	for range 2 {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"go.mod":                      "module vigie\n\ngo 1.26\n",
			"main.go":                     "package main\n\nimport \"vigie/internal/version\"\n\nfunc main() { println(version.Version) }\n",
			"internal/version/version.go": "package version\n\nvar Version = \"dev\"\n",
		} {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(t.TempDir(), "program")
		if err := (Program{Package: ".", Version: "1.2.3-test"}).Build(t.Context(), dir, out); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		binaries = append(binaries, content)
		if bytes.Contains(content, []byte(dir)) {
			t.Error("the binary names the folder it was built in")
		}
		if !bytes.Contains(content, []byte("1.2.3-test")) {
			t.Error("the version is not linked in")
		}
		f, err := elf.NewFile(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
			t.Errorf("not static: %v, %v", libs, err)
		}
	}
	if !bytes.Equal(binaries[0], binaries[1]) {
		t.Error("two builds of one source differ")
	}
	err := Program{Package: "./nosuch"}.Build(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "x"))
	if err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("got %v", err)
	}
}
