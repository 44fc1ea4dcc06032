// Package menu is the conversation of the text console: the state of the machine, choices by digits, letters or arrows,
// and dialogs of one line at a time.
//
// It works on any terminal: lines are written once and scroll up, so that a log of a serial line can be read afterwards;
// only the line that is being typed is written anew. On the machine's own screen (Config.Screen) the overview clears the
// screen first, shows a QR code beside the state, and is kept current.
//
// What takes away reachability, recordings or access is asked for with a word typed in full, so that neither noise on a
// serial line nor a hand on the keyboard does it. A dialog that is left alone is given up. Standing at the console is the
// authorisation: nothing here asks who it is.
//
// A machine that was started from the installation medium can be installed here; only by who stands there.
//
// Who came by the network (Config.Remote) could lose his way with it: what he does to the network is on trial until he says,
// still there, that it works. Neither the password nor the machine is his to reset, and when he leaves, or says nothing for long, the menu ends.
//
// In rescue mode (Config.Rescue) the menu is another one: for whoever stands there to mend a machine that does not work. What lies on
// volumes is changed once all arrays run and all volumes are mounted that can be; the person says what may be left out.
//
// One goroutine runs a Menu.
package menu

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
	"vigie/internal/console/terminal"
	"vigie/services/web/webapi"
)

const (
	idleLimit    = 10 * time.Minute // without a key a dialog is given up
	refreshEvery = 5 * time.Second  // of the overview on the machine's own screen
	lookEvery    = 2 * time.Second  // at the services, before the first word
	firstWord    = 40 * time.Second // and this is how long it waits for them at most
	nonsense     = 5                // keys in a row that mean nothing: nobody is there
	quietTime    = 5 * time.Second  // during which keys are dropped then
	followEvery  = time.Second      // between two looks at an installation
)

// Hint is what a terminal says while nobody uses it.
const Hint = "Press any key for the menu of this machine."

// Terminal is what the menu speaks through: a terminal.Terminal.
type Terminal interface {
	Key(ctx context.Context) (terminal.Key, error)
	Write(text string) error
	Discard()
	Size() (columns, rows int)
}

// Machine is what it shows and changes: a machine.Machine. Errors of what changes something are sentences.
type Machine interface {
	State(ctx context.Context) machine.State
	Power(ctx context.Context, action api.PowerRequestAction) error
	ResetPassword(ctx context.Context) (webapi.Reset, error)
	FactoryReset(ctx context.Context, r api.FactoryReset) error
	Network(ctx context.Context) (api.Network, error)
	PlanNetwork(ctx context.Context, n api.Network) (api.Plan, error)
	SetNetwork(ctx context.Context, n api.Network) error
	TryNetwork(ctx context.Context, n api.Network) error
	ConfirmNetwork(ctx context.Context) error
	MoveWeb(ctx context.Context, port int) error
	SetUp(ctx context.Context, a webapi.FirstAccount) error
	SetTimeZone(ctx context.Context, zone string) error
	Installation(ctx context.Context) (api.Installation, error)
	Install(ctx context.Context, disk string, r api.InstallRequest) error
	Update(ctx context.Context) (api.Update, error)
	FindUpdates(ctx context.Context, medium string) ([]api.UpdateOffer, error)
	CopyUpdate(ctx context.Context, offer string) error
	TryUpdate(ctx context.Context, version string) error
	Eject(ctx context.Context, medium string) error
}

// Config is what a Menu is made of.
type Config struct {
	Terminal Terminal
	Machine  Machine
	Screen   bool              // the machine's own screen, which knows half blocks and is looked at from the front
	Remote   bool              // whoever is there is not here
	Said     func(what string) // told what was done, for the log
	Rescue   *Rescue           // rescue mode: its menu instead; never with Remote
	// Command does what a line says and writes what comes of it, until ctx ends. Nil: there are no commands.
	Command func(ctx context.Context, line string, write func(text string) error) error
}

// Menu is one conversation. Make it with New.
type Menu struct {
	Config
	odd            int // keys in a row that meant nothing
	refresh, quiet time.Duration
	follow         time.Duration // between two looks at an installation
}

var (
	errIdle = errors.New("nobody is there")
	errBack = errors.New("gone back")
)

// New returns a Menu that has said nothing.
func New(c Config) *Menu {
	return &Menu{Config: c, refresh: refreshEvery, quiet: quietTime, follow: followEvery}
}

// Run talks until ctx ends (nil) or the terminal fails; with who is not here, until he leaves (nil).
func (m *Menu) Run(ctx context.Context) error {
	var err error
	if !m.Remote {
		err = m.begin(ctx)
	}
	for err == nil {
		if err = m.home(ctx); errors.Is(err, errIdle) || errors.Is(err, errBack) {
			if m.Remote {
				return nil
			}
			err = m.sleep(ctx)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin says the hint once the services have said how to reach the machine, so that it stands below their lines. A key
// is enough before.
func (m *Menu) begin(ctx context.Context) error {
	m.Terminal.Discard()
	for waited := time.Duration(0); waited < firstWord && m.Rescue == nil; waited += lookEvery {
		if s := m.Machine.State(ctx); s.Web != nil && s.Web.Opened && len(s.Web.URLs) > 0 {
			break
		}
		switch _, pressed, err := m.key(ctx, lookEvery); {
		case err != nil:
			return err
		case pressed:
			return nil
		}
	}
	return m.sleep(ctx)
}

// sleep says the hint and returns when somebody is there. On the screen it is an unfinished line, which stays below what is announced;
// on a serial line, which is often recorded, that would write it anew with each.
func (m *Menu) sleep(ctx context.Context) error {
	if m.odd >= nonsense {
		quiet, cancel := context.WithTimeout(ctx, m.quiet)
		<-quiet.Done()
		cancel()
		m.Terminal.Discard()
	}
	m.odd = 0
	hint := Hint
	if m.Rescue != nil {
		hint = rescueTitle + " " + Hint
	}
	if !m.Screen {
		hint += "\n"
	}
	if err := m.Terminal.Write(hint); err != nil {
		return err
	}
	if _, err := m.Terminal.Key(ctx); err != nil || !m.Screen {
		return err
	}
	return m.Terminal.Write("\n")
}

// key waits for a key, for so long.
func (m *Menu) key(ctx context.Context, limit time.Duration) (k terminal.Key, pressed bool, err error) {
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	k, err = m.Terminal.Key(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return k, false, nil
	}
	return k, err == nil, err
}

// home shows the overview and does what is chosen, once.
func (m *Menu) home(ctx context.Context) error {
	if m.Rescue != nil && !m.Remote {
		return m.mend(ctx)
	}
	choices := []choice{
		{'1', "Network", m.network},
		{'2', "Reset the administrator's password", m.resetPassword},
		{'3', "Restart the machine", m.restart},
		{'4', "Power off", m.powerOff},
		{'5', "Factory reset", m.factoryReset},
		{'q', "QR code of the address", m.code},
		{'x', "Leave", func(context.Context) error { return errBack }},
	}
	if m.Remote {
		choices = slices.DeleteFunc(choices, func(c choice) bool { return c.key == '2' || c.key == '5' })
	}
	if title := m.installable(ctx); title != "" {
		choices = slices.Insert(choices, 0, choice{'i', title, m.install})
	}
	if m.updatable(ctx) {
		choices = slices.Insert(choices, len(choices)-2, choice{'6', "Versions and updates", m.update})
	}
	if m.Command != nil {
		choices = slices.Insert(choices, len(choices)-1, choice{'c', "Commands: ping, logs and others", m.commands})
	}
	view := func() []string { return m.overview(ctx) }
	chosen, err := m.choose(ctx, view, choices)
	if err != nil {
		return err
	}
	if err := chosen.run(ctx); !errors.Is(err, errBack) || chosen.key == 'x' {
		return err
	}
	return nil
}

// overview is the state, on the machine's own screen with the QR code of the address at its right.
func (m *Menu) overview(ctx context.Context) []string {
	s := m.Machine.State(ctx)
	columns, _ := m.Terminal.Size()
	columns = max(columns, screen.Columns) - 1
	var picture []string
	width := columns
	if url := first(s); m.Screen && url != "" {
		if c, err := screen.NewCode(url, 2); err == nil && columns-c.Modules()-2 >= 48 {
			picture, width = c.Blocks(), columns-c.Modules()-2
		}
	}
	lines := screen.Status(s, min(width, screen.Columns-1))
	for i, p := range picture {
		if i == len(lines) {
			lines = append(lines, "")
		}
		lines[i] += strings.Repeat(" ", width+2-len(lines[i])) + p
	}
	return lines
}

// first is the address that is best known to work: "" when there is none.
func first(s machine.State) string {
	if s.Web == nil || len(s.Web.URLs) == 0 {
		return ""
	}
	return s.Web.URLs[0]
}

// say writes a paragraph, broken into lines.
func (m *Menu) say(text string) error {
	return m.Terminal.Write(strings.Join(screen.Wrap(text, screen.Columns-1), "\n") + "\n")
}

// done tells what came of something: a sentence either way. It ends the dialog.
func (m *Menu) done(ctx context.Context, err error, text string) error {
	if err != nil {
		text = err.Error()
	}
	if err := m.say(text); err != nil {
		return err
	}
	return m.pause(ctx)
}

// pause waits until what was said has been read.
func (m *Menu) pause(ctx context.Context) error {
	if err := m.Terminal.Write("Press a key to go back to the menu.\n"); err != nil {
		return err
	}
	_, pressed, err := m.key(ctx, idleLimit)
	if err == nil && !pressed {
		err = errIdle
	}
	return err
}
