package console

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/console/terminaltest"
	"vigie/services/shell"
)

// run runs a service until the test ends.
func run(t *testing.T, service func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestInRescueModeTheConsoleHasAShell: a real shell, on the console's own terminal, from which one comes back to the menu, however
// it ends; and no other service is there, nor a folder for init's lines.
func TestInRescueModeTheConsoleHasAShell(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "shell")
	run(t, func(ctx context.Context) error {
		return shell.Run(ctx, []string{"-rescue", "-socket", socket, "-system", filepath.Join(dir, "none"), "-home", t.TempDir(), "-user", strconv.Itoa(os.Geteuid())}, t.Output(), t.Output())
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	p := terminaltest.Sit(t)
	p.Resize(100, 30)
	run(t, func(ctx context.Context) error {
		return Run(ctx, []string{"-terminal", p.Device, "-shell", socket, "-lines", filepath.Join(dir, "none", "lines"), "-system", filepath.Join(dir, "none"), "-web", filepath.Join(dir, "none")}, t.Output(), t.Output())
	})
	p.Read(`Rescue mode: nothing is recorded\. Press any key`)
	p.Type("\r")
	p.Read(`Choice: $`)
	for _, end := range []string{"exit\r", "exec false\r", "kill -9 $$\r", "sleep 2 & exit\r", "\x04"} {
		p.Type("1")
		p.Read(`Type exit`)
		p.Type("tty; stty size; echo $TERM $((6*7))\r")
		p.Read(`/dev/pts/\d+\s+30 100\s+vt100 42`)
		p.Type("sh -c 'echo up $((1+1)); exec sleep 1000'\r")
		p.Read(`up 2`)
		p.Type("\x03") // ends what runs in it, and not the shell
		p.Type("echo still $((2+3))\r")
		p.Read(`still 5[^$]*# (\x1b\[6n)?$`) // an end of input that comes before the prompt is none
		p.Type(end)
		p.Read(`Choice: $`)
	}
	p.Type("3") // the memory test; there is no /bin/vigie here, and it is told
	p.Read(`That did not work: .*/bin/vigie`)
	p.Type(" ")
	p.Read(`Choice: $`)
	if strings.Contains(p.All(), "not permitted") {
		t.Error(p.All())
	}
}

// alone are the flags of a console whose machine has no other service, and which takes init's lines at a socket.
func alone(p *terminaltest.Person, dir, lines string) []string {
	none := filepath.Join(dir, "none")
	return []string{"-terminal", p.Device, "-lines", lines, "-shell", none, "-system", none, "-web", none}
}

// TestWhatInitSaysDoesNotBreakIntoWhatIsTyped: its lines come above, and one with which somebody wants to steer the terminal does not.
func TestWhatInitSaysDoesNotBreakIntoWhatIsTyped(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "lines")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // what one that was killed has left
		t.Fatal(err)
	}
	p := terminaltest.Sit(t)
	run(t, func(ctx context.Context) error {
		return Run(ctx, alone(p, dir, socket), t.Output(), t.Output())
	})
	p.Read(`Press any key`)
	p.Type("\r")
	p.Read(`Choice: $`)
	init, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p.Type("?") // no choice: it is said so, and the choice is asked for again
	p.Read(`Choice: $`)
	if _, err := init.Write([]byte("[   12.345] system: \x1b[2Jdisk A is pulled\n")); err != nil {
		t.Fatal(err)
	}
	p.Read(`\r {8}\r\[   12\.345\] system: \?\[2Jdisk A is pulled\r\nChoice: $`)
	if n, err := init.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("the line is shown and not answered: %d, %v", n, err)
	}
}

// TestALineIsAnsweredOnlyWhenItIsShown: one that comes while the process is being stopped is shown, or its sender hears that it is not.
func TestALineIsAnsweredOnlyWhenItIsShown(t *testing.T) {
	answered := 0
	for range 20 {
		dir := t.TempDir()
		socket := filepath.Join(dir, "lines")
		p := terminaltest.Sit(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, alone(p, dir, socket), t.Output(), t.Output())
		}()
		p.Read(`Press any key`)
		init, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket, Net: "unixpacket"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := init.Write([]byte("installed\n")); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := init.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		switch n, err := init.Read(make([]byte, 1)); {
		case n == 1:
			answered++
			p.Read(`installed`)
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatal("its sender hears nothing")
		}
		init.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of 20 were shown", answered)
}
