package confine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vigie/services/engine/internal/transcode/confine"
)

// TestMain makes this program what confines, when a test starts it so.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "become" {
		if err := confine.Become(os.Args[2], os.Args[3:]); err != nil {
			os.Stderr.WriteString(err.Error())
		}
		os.Exit(99)
	}
	os.Exit(m.Run())
}

// probe tries what a decoder that was taken over would: each line says whether it succeeded.
const probe = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
static void say(const char *what, int ok) { printf("%s %s\n", what, ok ? "yes" : "no"); }
int main(int argc, char **argv) {
	char line[100] = "";
	say("reads", fgets(line, sizeof line, stdin) != NULL && strcmp(line, "hello\n") == 0);
	say("argument", argc == 2 && strcmp(argv[1], "one") == 0);
	say("environment", getenv("PATH") != NULL);
	say("opens", open("/etc/passwd", O_RDONLY) >= 0);
	say("creates", open("/tmp/vigie-confine-probe", O_CREAT | O_WRONLY, 0600) >= 0);
	say("removes", unlink("/tmp/vigie-confine-probe") == 0);
	say("socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
	say("unix", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	say("signals", kill(getppid(), 0) == 0);
	say("traces", ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0);
	say("memory", malloc(64 << 20) != NULL);
	say("too much memory", malloc((size_t)4 << 30) != NULL);
	say("directory", mkdir("/tmp/vigie-confine-dir", 0700) == 0);
	return 0;
}
`

func TestAProgramComputesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "probe.c"), filepath.Join(dir, "probe")
	if err := os.WriteFile(source, []byte(probe), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-static", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(os.Args[0], "become", program, "one")
	cmd.Stdin = strings.NewReader("hello\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `reads yes
argument yes
environment no
opens no
creates no
removes no
socket no
unix no
signals no
traces no
memory yes
too much memory no
directory no
`
	if string(out) != want {
		t.Errorf("the confined program says\n%s\nwant\n%s", out, want)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	out, err := exec.Command(os.Args[0], "become", "/no/such/decoder").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "/no/such/decoder") {
		t.Errorf("%v: %s", err, out)
	}
}
