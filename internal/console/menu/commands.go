package menu

import (
	"context"
	"errors"

	"vigie/internal/console/screen"
	"vigie/internal/console/terminal"
)

// commands has lines typed and done, until one is empty.
func (m *Menu) commands(ctx context.Context) error {
	if err := m.say("Type a command and press Enter, for example help. Ctrl-C ends one that runs. An empty line goes back to the menu."); err != nil {
		return err
	}
	for {
		line, err := m.ask(ctx, "command>", "")
		if err != nil {
			return err
		}
		switch line {
		case "":
			return errBack
		case "exit", "quit", "logout":
			return errIdle
		}
		if err := m.command(ctx, line); err != nil {
			return err
		}
	}
}

// command does one. Its own error is told; an error here is the terminal's.
func (m *Menu) command(ctx context.Context, line string) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- m.Command(running, line, m.Terminal.Write)
		cancel()
	}()
	var failed error
	for running.Err() == nil {
		k, err := m.Terminal.Key(running)
		if err != nil && running.Err() == nil {
			failed = err
		}
		if err != nil || k.Kind == terminal.Escape {
			cancel()
		}
	}
	err := <-done
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil:
		return failed
	case errors.Is(err, context.Canceled):
		return m.say("Ended.")
	case err != nil:
		return m.say(screen.Printable(err.Error()))
	}
	return nil
}
