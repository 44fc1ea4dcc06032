package console

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		since time.Duration
		text  string
		want  string
	}{
		{3214 * time.Millisecond, "63 modules", "[    3.214] drivers: 63 modules\n"},
		{0, "x\r\n", "[    0.000] drivers: x\n"},
		{1234567 * time.Millisecond, "a\tb\x1b[2J\x00c", "[ 1234.567] drivers: a b?[2J?c\n"},
		{time.Second, "caméra \xff", "[    1.000] drivers: caméra ?\n"},
		{time.Second, "two\nlines", "[    1.000] drivers: two?lines\n"},
		{time.Second, strings.Repeat("é", maxText), "[    1.000] drivers: " + strings.Repeat("é", maxText/2) + "...\n"},
	} {
		if got := Line(c.since, "drivers", c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// gate is a console whose flow is stopped until it is opened.
type gate struct {
	open chan struct{}
	said bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.said.Write(p)
}

// TestManySpeakersWaitForNoConsoleAndEveryLineIsAccountedFor: the services' readers, the supervisor and the drivers'
// loaders speak at once.
func TestManySpeakersWaitForNoConsoleAndEveryLineIsAccountedFor(t *testing.T) {
	hung := &gate{open: make(chan struct{})}
	c := New(func() time.Duration { return 0 }, hung)
	const speakers, each = 50, 200
	var all sync.WaitGroup
	for range speakers {
		all.Go(func() {
			for range each {
				c.Step("x", "step")
			}
		})
	}
	spoken := make(chan struct{})
	go func() { all.Wait(); close(spoken) }()
	select {
	case <-spoken:
	case <-time.After(20 * time.Second):
		t.Fatal("somebody waits for the console")
	}
	c.Flush(10 * time.Millisecond)
	close(hung.open)
	c.Flush(20 * time.Second)
	c.Step("x", "last")
	c.Close(20 * time.Second)
	c.Step("x", "after the end")
	lines, lost := 0, 0
	for line := range strings.Lines(hung.said.String()) {
		if n := 0; strings.HasSuffix(line, " lines lost)\n") {
			if _, err := fmt.Sscanf(line, "(%d", &n); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			lost += n
			continue
		}
		lines++
	}
	if lines+lost != speakers*each+1 || lost == 0 {
		t.Errorf("%d lines and %d lost of %d", lines, lost, speakers*each+1)
	}
}

func TestEveryConsoleGetsEveryLineInOrder(t *testing.T) {
	var screen, serial bytes.Buffer
	c := New(func() time.Duration { return time.Second }, &screen, &serial)
	want := ""
	for i := range 100 {
		c.Stepf("init", "step %d", i)
		want += fmt.Sprintf("[    1.000] init: step %d\n", i)
	}
	c.Flush(10 * time.Second)
	c.Close(10 * time.Second)
	if screen.String() != want || serial.String() != want {
		t.Errorf("screen %d bytes, serial %d bytes, want %d", screen.Len(), serial.Len(), len(want))
	}
}

// TestAConsoleThatHangsHoldsUpNobody has a pipe that nobody reads for a serial line with its flow stopped.
func TestAConsoleThatHangsHoldsUpNobody(t *testing.T) {
	r, hung, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	var screen bytes.Buffer
	c := New(func() time.Duration { return 0 }, hung, &screen)
	const lines = 3000
	start := time.Now()
	for i := range lines {
		c.Stepf("x", "%d %s", i, strings.Repeat(".", 300))
		if i%100 == 99 {
			for len(c.outs[1].lines) > 0 {
				time.Sleep(time.Millisecond) // the screen keeps up; the pipe is full after 64 KiB
			}
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	got := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(r)
		got <- all.String()
	}()
	for len(c.outs[0].lines) > 0 {
		time.Sleep(time.Millisecond) // flow again
	}
	c.Step("x", "after")
	c.Close(10 * time.Second)
	hung.Close()
	text := <-got
	if n := strings.Count(screen.String(), "\n"); n != lines+1 {
		t.Errorf("%d lines on the screen", n)
	}
	if !strings.Contains(text, " lines lost)\n") || !strings.HasSuffix(text, "x: after\n") {
		t.Errorf("the line that hung ends in %q", text[max(0, len(text)-200):])
	}
}

func TestOpenDevicesTakesActiveConsolesAndTheScreen(t *testing.T) {
	dev := t.TempDir()
	for _, name := range []string{"tty0", "ttyS0", "ttyS1"} {
		if err := os.WriteFile(filepath.Join(dev, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, d := range OpenDevices("ttyS0 netcon0 ../x\n", dev, nil) {
		names = append(names, filepath.Base(d.(*device).file.Name()))
		d.(*device).file.Close()
	}
	if got := strings.Join(names, " "); got != "ttyS0 tty0" {
		t.Errorf("opened %q", got)
	}
}

// TestTheMenuShowsALine: a line that it answers for is its own. One that it has not answered when it ends or dies is written to the device,
// as where there is none.
func TestTheMenuShowsALine(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ttyS0", "tty0"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "lines.sock")
	devices := OpenDevices("ttyS0", dir, map[string]string{"ttyS0": socket})
	write := func(line string) {
		t.Helper()
		for _, d := range devices {
			if n, err := d.Write([]byte(line)); err != nil || n != len(line) {
				t.Fatal(n, err)
			}
		}
	}
	write("before\n")
	menu, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	answers := func(answer []byte) <-chan string {
		got := make(chan string, 1)
		go func() {
			defer close(got)
			c, err := menu.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b := make([]byte, 100)
			n, err := c.Read(b)
			if err == nil && len(answer) > 0 {
				_, err = c.Write(answer)
			}
			if err == nil {
				got <- string(b[:n])
			}
		}()
		return got
	}
	for line, answer := range map[string][]byte{"shown\n": {1}, "taken along\n": nil} {
		got := answers(answer)
		write(line)
		if text := <-got; text != line {
			t.Errorf("the menu got %q, not %q", text, line)
		}
	}
	// One that is killed has a line waiting that it has not even looked at.
	killed := make(chan error, 1)
	go func() {
		var polled error
		raw, err := menu.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) {
				polled = uninterrupted(func() error {
					_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
					return err
				})
			})
		}
		killed <- errors.Join(err, polled, menu.Close())
	}()
	write("never looked at\n")
	if err := <-killed; err != nil {
		t.Error(err)
	}
	write("after\n")
	const want = "before\ntaken along\nnever looked at\nafter\n"
	if got, err := os.ReadFile(filepath.Join(dir, "ttyS0")); err != nil || string(got) != want {
		t.Errorf("the device has %q (%v), not %q", got, err, want)
	}
	if screen, err := os.ReadFile(filepath.Join(dir, "tty0")); err != nil || strings.Count(string(screen), "\n") != 5 {
		t.Errorf("the screen has %q, %v", screen, err)
	}
}

// TestAMenuThatHangsHoldsUpOneLine: it is given time to answer once, and asked again after a while.
func TestAMenuThatHangsHoldsUpOneLine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ttyS0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "lines.sock")
	menu, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer menu.Close()
	d := OpenDevices("ttyS0", dir, map[string]string{"ttyS0": socket})[0].(*device)
	d.wait = 200 * time.Millisecond
	began := time.Now()
	for range 50 {
		if _, err := d.Write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < d.wait || took > 10*d.wait {
		t.Errorf("50 lines took %v", took)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ttyS0"))
	if err != nil || string(text) != strings.Repeat("x\n", 50) {
		t.Errorf("the device has %q, %v", text, err)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b]0;x\x07")
	f.Add(strings.Repeat("é", 300))
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if len(got) > maxText+3 || strings.ContainsAny(got, "\x00\x07\x1b\n\r\x7f") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
