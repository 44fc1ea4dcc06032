package kernelconfig

import (
	"regexp"
	"strings"
	"testing"
)

func TestListsNameEachModuleOnce(t *testing.T) {
	classes, err := Classes()
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, c := range classes {
		names, err := Modules(c)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			t.Errorf("class %s is empty", c)
		}
		for _, n := range names {
			if !regexp.MustCompile(`^[A-Za-z0-9_/-]+$`).MatchString(n) {
				t.Errorf("class %s: %q is no module name", c, n)
			}
			key := strings.ReplaceAll(n, "-", "_")
			if in[key] != "" {
				t.Errorf("%s is in %s and in %s", n, in[key], c)
			}
			in[key] = c
		}
	}
	if in["loop"] != Early || in["squashfs"] != Early {
		t.Error("what the root is mounted with is not in the early class")
	}
	if _, err := Modules("nosuch"); err == nil {
		t.Error("no error for a class that does not exist")
	}
}

func TestCommandLine(t *testing.T) {
	line, err := CommandLine()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, option := range strings.Fields(line) {
		if seen[option] {
			t.Errorf("%s twice", option)
		}
		seen[option] = true
		// GRUB's script would take these for its own.
		if strings.ContainsAny(option, `"'$;\{}<>|&`) {
			t.Errorf("%s needs quoting", option)
		}
	}
	// Both consoles, and a restart after a panic: a recorder has nobody to press a button.
	for _, want := range []string{"console=tty0", "console=ttyS0,115200", "panic=10"} {
		if !seen[want] {
			t.Errorf("no %s in %q", want, line)
		}
	}
}

func TestEveryOptionHasItsReason(t *testing.T) {
	text, err := files.ReadFile("cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !regexp.MustCompile(`^\S+ +# \S`).MatchString(line) {
			t.Errorf("no reason: %s", line)
		}
	}
}

func TestSysctl(t *testing.T) {
	text, err := Sysctl()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		if !ok || value == "" || !regexp.MustCompile(`^(vm|net|kernel|fs)\.[a-z0-9_.]+$`).MatchString(key) {
			t.Errorf("bad line %q", line)
		}
		if seen[key] {
			t.Errorf("%s is set twice", key)
		}
		seen[key] = true
	}
}
