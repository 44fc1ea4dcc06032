package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a stream socket pair as init makes it.
func pair(t *testing.T) (init, service *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	init, service = os.NewFile(uintptr(fds[0]), "init"), os.NewFile(uintptr(fds[1]), "service")
	t.Cleanup(func() { init.Close(); service.Close() })
	return init, service
}

func ask(t *testing.T, conn *os.File, answers *bufio.Reader) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteString(Question); err != nil {
		t.Fatal(err)
	}
	line, err := answers.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

func TestServeAnswersFromTheStateOfTheWork(t *testing.T) {
	conn, service := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	frames, disk := uint64(41), error(nil)
	done := make(chan error, 1)
	go func() {
		done <- ServeConn(ctx, service, func() (uint64, error) { frames++; return frames, disk })
	}()
	answers := bufio.NewReader(conn)
	if got := ask(t, conn, answers); got != "ok 42" {
		t.Errorf("first answer %q", got)
	}
	disk = errors.New("volume a:\nno space\x1b[2J")
	if got := ask(t, conn, answers); got != "bad volume a: no space [2J" {
		t.Errorf("answer with a fault %q", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("cancelled Serve returns %v", err)
	}
}

func TestServeReturnsWhenInitIsGone(t *testing.T) {
	conn, service := pair(t)
	conn.Close()
	if err := ServeConn(t.Context(), service, func() (uint64, error) { return 0, nil }); err == nil {
		t.Error("no error")
	}
}

func TestServeOutsideInitOnlyWaits(t *testing.T) {
	t.Setenv(EnvFD, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, func() (uint64, error) { t.Error("asked"); return 0, nil }); err != nil {
		t.Error(err)
	}
}

func TestServeRefusesWhatIsNoDescriptor(t *testing.T) {
	for _, value := range []string{"x", "-1", "3 "} {
		t.Setenv(EnvFD, value)
		if err := Serve(t.Context(), nil); err == nil {
			t.Errorf("%q accepted", value)
		}
	}
}

// TestServeInheritsTheDescriptor runs a real child, which must also hide descriptor and variable from its own children.
func TestServeInheritsTheDescriptor(t *testing.T) {
	if os.Getenv("HEALTH_TEST_CHILD") == "1" {
		asked := 0
		err := Serve(context.Background(), func() (uint64, error) {
			asked++
			out, err := exec.Command("/bin/sh", "-c", `test -e /proc/self/fd/3 && echo fd; echo "$`+EnvFD+`"`).Output()
			if err != nil || strings.TrimSpace(string(out)) != "" {
				return 0, fmt.Errorf("grandchild sees %q, %v", out, err)
			}
			return uint64(asked), nil
		})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(7)
	}
	conn, service := pair(t)
	child := exec.Command(os.Args[0], "-test.run=TestServeInheritsTheDescriptor")
	child.Env = append(os.Environ(), "HEALTH_TEST_CHILD=1", EnvFD+"=3")
	child.ExtraFiles = []*os.File{service}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	service.Close()
	answers := bufio.NewReader(conn)
	for i := range 2 {
		if got, want := ask(t, conn, answers), "ok "+strconv.Itoa(i+1); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	conn.Close()
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("child ended with %v, want status 7 after init hung up", err)
	}
}

var answers = []struct {
	line     string
	progress uint64
	reason   string
	bad      bool
}{
	{line: "ok 0"},
	{line: "ok 18446744073709551615", progress: 1<<64 - 1},
	{line: "bad disk full", reason: "disk full"},
	{line: "bad \x1b]0;x", reason: " ]0;x"},
	{line: "", bad: true},
	{line: "ok", bad: true},
	{line: "ok -1", bad: true},
	{line: "ok 1 2", bad: true},
	{line: "ok 18446744073709551616", bad: true},
	{line: "bad", bad: true},
	{line: "bad ", bad: true},
	{line: "OK 1", bad: true},
	{line: "bad " + strings.Repeat("x", MaxLine), bad: true},
}

func TestParseAnswer(t *testing.T) {
	for _, c := range answers {
		progress, reason, err := ParseAnswer(c.line)
		if progress != c.progress || reason != c.reason || (err != nil) != c.bad {
			t.Errorf("%q: %d, %q, %v", c.line, progress, reason, err)
		}
	}
}

func TestAnswerFitsALine(t *testing.T) {
	for _, err := range []error{errors.New(""), errors.New("\n\n"), errors.New(strings.Repeat("é", 300)), errors.New("a\xffb")} {
		line := Answer(1, err)
		if len(line) > MaxLine || strings.Count(line, "\n") != 1 {
			t.Errorf("%q: answer %q of %d bytes", err, line, len(line))
		}
		if _, reason, parseErr := ParseAnswer(strings.TrimSuffix(line, "\n")); parseErr != nil || reason == "" {
			t.Errorf("%q: read back %q, %v", err, reason, parseErr)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, c := range answers {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		progress, reason, err := ParseAnswer(line)
		if err != nil {
			return
		}
		var fault error
		if reason != "" {
			fault = errors.New(reason)
		}
		again, _, err := ParseAnswer(strings.TrimSuffix(Answer(progress, fault), "\n"))
		if err != nil || again != progress {
			t.Errorf("%q: %d, %q, read back as %d, %v", line, progress, reason, again, err)
		}
	})
}
