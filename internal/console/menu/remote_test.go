package menu

import (
	"context"
	"errors"
	"strings"
	"testing"

	"vigie/internal/console/terminal"
	"vigie/internal/console/terminaltest"
)

// call runs a menu for somebody who came by the network, until he leaves.
func call(t *testing.T, f *fake, command func(ctx context.Context, line string, write func(string) error) error) (p *terminaltest.Person, left <-chan error) {
	t.Helper()
	p = terminaltest.Sit(t)
	term, err := terminal.Open(p.Device)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- New(Config{Terminal: term, Machine: f, Remote: true, Said: func(string) {}, Command: command}).Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := term.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, done
}

func TestWhoCameByTheNetworkChangesItOnTrial(t *testing.T) {
	f := &fake{state: ready()}
	p, left := call(t, f, nil)
	p.Read(`gate`)
	p.Read(`Choice: $`)
	if strings.Contains(p.All(), "password") || strings.Contains(p.All(), "reset") {
		t.Error("the password, or the machine, can be reset from elsewhere")
	}
	p.Type("1")
	p.Read(`Choice: $`)
	p.Type("3") // reset of the network
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`is changed for a minute`)
	p.Read(`keep it: $`)
	if got := f.did(); got != "try" {
		t.Errorf("did %q before it was confirmed", got)
	}
	p.Type("yes\r")
	p.Read(`The change is kept`)
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("3")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`keep it: $`)
	p.Type("no\r")
	p.Read(`goes back by itself`)
	p.Type(" ")
	p.Read(`Choice: $`)
	if got := f.did(); got != "try confirm try" {
		t.Errorf("did %q", got)
	}
	p.Type("x")
	p.Read(`Choice: $`)
	p.Type("x")
	if err := <-left; err != nil {
		t.Error(err)
	}
}

func TestCommandsAreDoneUntilCtrlC(t *testing.T) {
	f := &fake{state: ready()}
	p, left := call(t, f, func(ctx context.Context, line string, write func(string) error) error {
		switch line {
		case "wait":
			if err := write("waiting\n"); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		case "fail":
			return errors.New("It \x1b[31mfailed.")
		}
		return write("did " + line + "\n")
	})
	p.Read(`C +Commands`)
	p.Read(`Choice: $`)
	p.Type("c")
	p.Read(`command> $`)
	p.Type("this\r")
	p.Read(`did this\r\n`)
	p.Read(`command> $`)
	p.Type("wait\r")
	p.Read(`waiting`)
	p.Type("\x03")
	p.Read(`Ended\.`)
	p.Read(`command> $`)
	p.Type("fail\r")
	p.Read(`It \?\[31mfailed`)
	p.Read(`command> $`)
	p.Type("\r")
	p.Read(`Choice: $`)
	p.Type("c")
	p.Read(`command> $`)
	p.Type("exit\r")
	if err := <-left; err != nil {
		t.Error(err)
	}
}
