package terminal

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vigie/internal/console/terminaltest"
)

// shown is what a terminal shows when it was written so: lines that were finished, and the last one.
func shown(text string) []string {
	var lines []string
	row, at := []byte{}, 0
	for _, c := range []byte(text) {
		switch c {
		case '\n':
			lines, row, at = append(lines, strings.TrimRight(string(row), " ")), nil, 0
		case '\r':
			at = 0
		case '\b':
			at = max(at-1, 0)
		default:
			row = append(row[:at], append([]byte{c}, row[min(at+1, len(row)):]...)...)
			at++
		}
	}
	return append(lines, string(row[:at]))
}

func TestALineOfOthersIsShownAboveWhatIsTyped(t *testing.T) {
	long := strings.Repeat("a long question ", 6) + "is asked:"
	for _, c := range []struct{ written, want string }{
		{"", "news\n"},
		{"a line\n", "a line\nnews\n"},
		{"a line\nChoice: ", "a line\nnews\nChoice: "},
		{"Name: vigiee\b \b", "news\nName: vigie"},
		{"Name: ab\b \b\b \b\b", "news\nName:"},
		{"\r                    \rChoice: 2  Power off", "news\nChoice: 2  Power off"},
		{"10 %\r20 %", "news\n20 %"},
		{long, long + "\nnews\n" + long},
	} {
		person := terminaltest.Sit(t)
		term, err := Open(person.Device)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.SplitAfter(c.written, " ") { // in pieces
			if err := term.Write(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := term.Announce("news"); err != nil {
			t.Fatal(err)
		}
		if err := term.Write("."); err != nil {
			t.Fatal(err)
		}
		person.Read(`\.$`)
		if got := strings.Join(shown(person.All()), "\n"); got != c.want+"." {
			t.Errorf("%q shows\n%s\nwant\n%s", c.written, got, c.want)
		}
		term.Close()
	}
}

func TestLinesWaitWhileAProgramSpeaks(t *testing.T) {
	person := terminaltest.Sit(t)
	term, err := Open(person.Device)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Close()
	program := terminaltest.Sit(t) // the master is the terminal's to speak through, the device the program's
	device, err := os.OpenFile(program.Device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := term.Write("Choice: 1\n"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- term.Through(t.Context(), program.Master()) }()
	if _, err := device.WriteString("half a "); err != nil {
		t.Fatal(err)
	}
	person.Read(`half a `)
	for n := range maxWaiting + 3 {
		if err := term.Announce(fmt.Sprintf("news %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := device.WriteString("line"); err != nil {
		t.Fatal(err)
	}
	person.Read(`line`)
	device.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := term.Write("Choice: "); err != nil {
		t.Fatal(err)
	}
	person.Read(`Choice: $`)
	got := shown(strings.ReplaceAll(person.All(), "\r\n", "\n"))
	if len(got) != 1+1+1+maxWaiting+1 || got[0] != "Choice: 1" || got[1] != "half a line" || got[2] != "(3 lines lost)" || got[3] != "news 3" || got[len(got)-2] != fmt.Sprintf("news %d", maxWaiting+2) || got[len(got)-1] != "Choice: " {
		t.Errorf("%d lines: %q", len(got), got)
	}
}
