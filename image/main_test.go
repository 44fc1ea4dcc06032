package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestBadUsageBuildsNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"bild"}, {"build", "extra"}, {"-nosuch"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestIdentify(t *testing.T) {
	root := t.TempDir()
	b := build{root: root}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	t.Setenv("VIGIE_VERSION", "")
	t.Setenv("GIT_CEILING_DIRECTORIES", root)
	if err := b.identify(t.Context()); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("outside git: %v", err)
	}

	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	t.Setenv("GIT_COMMITTER_DATE", "1700000000 +0900")
	for _, args := range [][]string{
		{"init", "-q"}, {"-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "first"},
	} {
		if out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if err := b.identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.when.Unix() != 1_700_000_000 || b.when.Location() != time.UTC || !strings.HasPrefix(b.version, "2023.11.14+") {
		t.Errorf("of the commit: %v, %s", b.when, b.version)
	}

	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	t.Setenv("VIGIE_VERSION", "1.0")
	if err := b.identify(t.Context()); err != nil || b.when.Unix() != 86400 || b.version != "1.0" {
		t.Errorf("of the environment: %v, %s, %v", b.when, b.version, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if err := b.identify(t.Context()); err == nil {
		t.Error("no error for a date that is no number")
	}
}
