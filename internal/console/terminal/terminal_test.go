package terminal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/console/terminaltest"
)

var cases = []struct {
	in   string
	want []Key
}{
	{"a1", []Key{{Kind: Rune, Rune: 'a'}, {Kind: Rune, Rune: '1'}}},
	{"\r", []Key{{Kind: Enter}}},
	{"\r\n\r\n", []Key{{Kind: Enter}, {Kind: Enter}}}, // terminals that send both
	{"\n\n", []Key{{Kind: Enter}, {Kind: Enter}}},
	{"\x1b[A\x1b[B\x1b[C\x1b[D", []Key{{Kind: Up}, {Kind: Down}, {Kind: Right}, {Kind: Left}}},
	{"\x1bOA\x1bOB", []Key{{Kind: Up}, {Kind: Down}}},
	{"\x1b[[A\x1b[3~x", []Key{{Kind: Up}, {Kind: Other}, {Kind: Rune, Rune: 'x'}}}, // F1 of Linux's console, Delete
	{"\x1b[1;5Ax", []Key{{Kind: Up}, {Kind: Rune, Rune: 'x'}}},
	{"\x1b", []Key{{Kind: Escape}}},
	{"\x1b\x1b[A", []Key{{Kind: Escape}, {Kind: Up}}},
	{"\x1b[", []Key{{Kind: Other}}},
	{"\x03", []Key{{Kind: Escape}}},
	{"\x7f\x08\x15", []Key{{Kind: Backspace}, {Kind: Backspace}, {Kind: Clear}}},
	{"\x00\xff\xc3\xa9", []Key{{Kind: Other}, {Kind: Other}, {Kind: Other}, {Kind: Other}}},
	{"\x1b[99999999999999999999999999A", []Key{{Kind: Other}, {Kind: Rune, Rune: '9'}}},
}

func TestKeysComeOneByOne(t *testing.T) {
	person := terminaltest.Sit(t)
	term, err := Open(person.Device)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Close()
	for _, c := range cases {
		term.Discard()
		person.Type(c.in)
		var got []Key
		for range c.want {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			k, err := term.Key(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%q: %v after %v", c.in, err, got)
			}
			got = append(got, k)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.in, diff)
		}
	}
}

func TestWhatIsWrittenIsReadableAndNothingIsEchoed(t *testing.T) {
	person := terminaltest.Sit(t)
	term, err := Open(person.Device)
	if err != nil {
		t.Fatal(err)
	}
	person.Type("secret\r")
	for range len("secret\r") {
		if _, err := term.Key(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := term.Write("one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	person.Read("two\r\n")
	if got := person.All(); got != "one\r\ntwo\r\n" {
		t.Errorf("the terminal shows %q", got)
	}
	if columns, rows := term.Size(); columns != 80 || rows != 24 {
		t.Errorf("a terminal that does not know its size has %d x %d", columns, rows)
	}
	before := *term.before
	if err := term.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(person.Device)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if *again.before != before {
		t.Error("the line discipline was not given back")
	}
}

func TestWaitingForAKeyEndsWithItsContext(t *testing.T) {
	person := terminaltest.Sit(t)
	term, err := Open(person.Device)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := term.Key(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoTerminalIsRefused(t *testing.T) {
	for _, path := range []string{"/dev/null", "/nowhere"} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var d Decoder
		keys := 0
		for _, b := range in {
			if k, ok := d.Accept(b); ok {
				keys++
				if k.Kind == 0 || (k.Kind == Rune) != (k.Rune != 0) {
					t.Errorf("%q: key %+v", in, k)
				}
			}
		}
		d.Pause()
		if d.Waiting() || keys > len(in) {
			t.Errorf("%q: waiting %v, %d keys", in, d.Waiting(), keys)
		}
	})
}
