package menu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/console/screen"
	"vigie/internal/console/terminal"
)

// choice is one line of a menu.
type choice struct {
	key  byte
	text string
	run  func(ctx context.Context) error
}

func (c choice) label() string { return fmt.Sprintf("%c  %s", upper(c.key), c.text) }

const (
	clear    = "\x1b[H\x1b[J" // VT100: home, erase to the end of the screen
	maxInput = 120
)

// choose shows a view and a menu below it, and returns what is chosen by its key, or by arrows and Enter. Enter alone
// shows all of it again. Escape and Left go back.
func (m *Menu) choose(ctx context.Context, view func() []string, choices []choice) (choice, error) {
	lines, at := view(), -1
	if err := m.show(lines, choices); err != nil {
		return choice{}, err
	}
	for last := time.Now(); time.Since(last) < idleLimit; {
		limit := idleLimit
		if m.Screen {
			limit = m.refresh
		}
		k, pressed, err := m.key(ctx, limit)
		if err != nil {
			return choice{}, err
		}
		if !pressed {
			if now := view(); m.Screen && !slices.Equal(now, lines) {
				lines = now
				if err := m.show(lines, choices); err != nil {
					return choice{}, err
				}
				if err := m.point(choices, at); err != nil {
					return choice{}, err
				}
			}
			continue
		}
		last = time.Now()
		switch k.Kind {
		case terminal.Up:
			at = (max(at, 0) + len(choices) - 1) % len(choices)
			err = m.point(choices, at)
		case terminal.Down:
			at = (at + 1) % len(choices)
			err = m.point(choices, at)
		case terminal.Escape, terminal.Left:
			return choice{}, m.leave()
		case terminal.Enter, terminal.Right:
			if at >= 0 {
				return choices[at], m.Terminal.Write("\n")
			}
			lines = view()
			err = m.show(lines, choices)
		case terminal.Rune:
			if i := slices.IndexFunc(choices, func(c choice) bool { return c.key == lower(k.Rune) }); i >= 0 {
				m.odd = 0
				return choices[i], m.Terminal.Write(string(k.Rune) + "\n")
			}
			err = m.puzzled(k, choices)
		default:
			err = m.puzzled(k, choices)
		}
		if err != nil {
			return choice{}, err
		}
	}
	return choice{}, m.idle()
}

// idle ends a dialog that was left alone.
func (m *Menu) idle() error {
	if err := m.Terminal.Write("\n"); err != nil {
		return err
	}
	return errIdle
}

func (m *Menu) leave() error {
	if err := m.Terminal.Write("\n"); err != nil {
		return err
	}
	return errBack
}

func (m *Menu) show(lines []string, choices []choice) error {
	var b strings.Builder
	if m.Screen {
		b.WriteString(clear)
	} else {
		b.WriteString("\n")
	}
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	b.WriteString("\n")
	// two columns, so that all of it fits on 24 lines; long ones take a line each
	half := (len(choices) + 1) / 2
	if slices.ContainsFunc(choices, func(c choice) bool { return len(c.label()) > 37 }) {
		half = len(choices)
	}
	for i := range half {
		row := fmt.Sprintf("  %-38s", choices[i].label())
		if j := i + half; j < len(choices) {
			row += choices[j].label()
		}
		b.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	b.WriteString("Choice: ")
	return m.Terminal.Write(b.String())
}

// point writes the prompt anew, with the choice that the arrows stand on.
func (m *Menu) point(choices []choice, at int) error {
	if at < 0 {
		return nil
	}
	return m.Terminal.Write(fmt.Sprintf("\r%-60s\rChoice: %s", "", choices[at].label()))
}

// puzzled says what could have been pressed; after a while of nonsense it takes it that nobody is there.
func (m *Menu) puzzled(k terminal.Key, choices []choice) error {
	if m.odd++; m.odd >= nonsense {
		return m.idle()
	}
	var keys []string
	for _, c := range choices {
		keys = append(keys, string(upper(c.key)))
	}
	what := "That key"
	if k.Kind == terminal.Rune {
		what = fmt.Sprintf("%q", k.Rune)
	}
	last := len(keys) - 1
	return m.Terminal.Write(fmt.Sprintf("\n%s is none of the choices: press %s or %s.\nChoice: ", what, strings.Join(keys[:last], ", "), keys[last]))
}

// ask has a line typed, beginning with what is given. Escape goes back.
func (m *Menu) ask(ctx context.Context, prompt, given string) (string, error) {
	line, err := m.typed(ctx, prompt, given, false)
	return strings.TrimSpace(line), err
}

// secret has a line typed that is not shown.
func (m *Menu) secret(ctx context.Context, prompt string) (string, error) {
	return m.typed(ctx, prompt, "", true)
}

func (m *Menu) typed(ctx context.Context, prompt, given string, hidden bool) (string, error) {
	line := []byte(given)
	prompt = strings.Join(screen.Wrap(prompt, screen.Columns-1), "\n")
	if err := m.Terminal.Write(prompt + " " + given); err != nil {
		return "", err
	}
	for {
		k, pressed, err := m.key(ctx, idleLimit)
		if err != nil {
			return "", err
		}
		if !pressed {
			return "", m.idle()
		}
		echo := ""
		switch {
		case k.Kind == terminal.Enter:
			return string(line), m.Terminal.Write("\n")
		case k.Kind == terminal.Escape:
			return "", m.leave()
		case k.Kind == terminal.Backspace && len(line) > 0:
			line, echo = line[:len(line)-1], "\b \b"
		case k.Kind == terminal.Clear:
			line, echo = nil, strings.Repeat("\b \b", len(line))
		case k.Kind == terminal.Rune && len(line) < maxInput:
			line, echo = append(line, k.Rune), string(k.Rune)
		}
		if echo == "" || hidden {
			continue
		}
		if err := m.Terminal.Write(echo); err != nil {
			return "", err
		}
	}
}

// confirm has a word typed in full; anything else goes back.
func (m *Menu) confirm(ctx context.Context, text string) error {
	yes, err := m.agreed(ctx, text, "goes back")
	if err == nil && !yes {
		err = errors.Join(errBack, m.say("Nothing was done."))
	}
	return err
}

// agreed tells whether a word was typed in full; otherwise is what anything else does.
func (m *Menu) agreed(ctx context.Context, text, otherwise string) (bool, error) {
	if err := m.say(text); err != nil {
		return false, err
	}
	word, err := m.ask(ctx, "Type yes and press Enter to do it; anything else "+otherwise+":", "")
	return strings.EqualFold(word, "yes"), err
}

// answer asks until what is typed makes sense; why not is said each time.
func answer[T any](ctx context.Context, m *Menu, prompt, given string, read func(string) (T, error)) (T, error) {
	for {
		text, err := m.ask(ctx, prompt, given)
		if err != nil {
			var none T
			return none, err
		}
		v, err := read(text)
		if err == nil {
			return v, nil
		}
		if err := m.say(screen.Printable(err.Error())); err != nil {
			return v, err
		}
		given = ""
	}
}

func upper(b byte) byte {
	if b >= 'a' && b <= 'z' {
		b -= 'a' - 'A'
	}
	return b
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}
