// Package terminaltest is for tests of what speaks on a terminal: a pseudo terminal with a person at its other end.
package terminaltest

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a person waits for what is expected.
const patience = 20 * time.Second

// Person sits at a terminal, types and reads. It serves one goroutine.
type Person struct {
	Device string // the terminal, for whoever is to speak on it
	t      *testing.T
	file   *os.File
	text   []byte // read and not yet matched
	all    []byte
}

// Sit makes a terminal and sits down at it.
func Sit(t *testing.T) *Person {
	t.Helper()
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	p := &Person{t: t, file: file}
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		if inner = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); inner != nil {
			return
		}
		n := 0
		n, inner = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		p.Device = fmt.Sprintf("/dev/pts/%d", n)
	})
	if err != nil || inner != nil {
		t.Fatal(err, inner)
	}
	return p
}

// Master is the person's end, for who speaks there in his place.
func (p *Person) Master() *os.File { return p.file }

// Resize tells the terminal how large it is.
func (p *Person) Resize(columns, rows int) {
	p.t.Helper()
	raw, err := p.file.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
	}); err != nil {
		p.t.Fatal(err)
	}
}

// Type presses keys.
func (p *Person) Type(keys string) {
	p.t.Helper()
	if _, err := p.file.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// Read waits for what matches, after what was read before, and returns its groups.
func (p *Person) Read(pattern string) []string {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience)
	for {
		if at := want.FindSubmatchIndex(p.text); at != nil {
			var groups []string
			for _, g := range want.FindSubmatch(p.text) {
				groups = append(groups, string(g))
			}
			p.text = p.text[at[1]:]
			return groups
		}
		if err := p.file.SetReadDeadline(deadline); err != nil {
			p.t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := p.file.Read(b)
		p.text, p.all = append(p.text, b[:n]...), append(p.all, b[:n]...)
		if err != nil {
			p.t.Fatalf("waiting for %q: %v; the terminal shows\n%s", pattern, err, p.text)
		}
	}
}

// All is everything that was read so far.
func (p *Person) All() string { return string(p.all) }
