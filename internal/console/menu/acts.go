package menu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/screen"
)

func (m *Menu) restart(ctx context.Context) error {
	return m.power(ctx, api.PowerRequestActionReboot, "The machine is restarted. What cameras send meanwhile is not recorded.", "The machine is restarting.")
}

func (m *Menu) powerOff(ctx context.Context) error {
	return m.power(ctx, api.PowerRequestActionPoweroff, "The machine is switched off. Nothing is recorded until somebody switches it on again.", "The machine is switching off.")
}

func (m *Menu) power(ctx context.Context, action api.PowerRequestAction, warning, told string) error {
	if err := m.confirm(ctx, warning); err != nil {
		return err
	}
	m.Said(string(action))
	if err := m.say(told); err != nil { // before: init ends this service at once
		return err
	}
	if err := m.Machine.Power(ctx, action); err != nil {
		return m.done(ctx, err, "")
	}
	return ended(ctx)
}

// ended waits until init ends this service with the others, as it does when the machine goes.
func ended(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (m *Menu) resetPassword(ctx context.Context) error {
	err := m.confirm(ctx, "A one-time code is made with which the administrator's password can be set anew in the browser. "+
		"Everybody who is logged in is logged out. The present password stays good until a new one has been set.")
	if err != nil {
		return err
	}
	m.Said("password reset")
	reset, err := m.Machine.ResetPassword(ctx)
	if err != nil {
		return m.done(ctx, err, "")
	}
	text := []string{
		"",
		"    User    " + screen.Printable(reset.Username),
		"    Code    " + reset.Code,
		"",
		fmt.Sprintf("Open the web admin and enter the code there. It is good once, for %d minutes.", minutes(reset.ExpiresMs, time.Now().UnixMilli())),
		"",
	}
	if err := m.Terminal.Write(strings.Join(text, "\n") + "\n"); err != nil {
		return err
	}
	return m.pause(ctx)
}

// minutes are those from now to an instant, rounded up.
func minutes(untilMs, nowMs int64) int64 { return max(0, (untilMs-nowMs+59_999)/60_000) }

// code shows the QR code alone, as large as it can be told from a distance.
func (m *Menu) code(ctx context.Context) error {
	url := first(m.Machine.State(ctx))
	if url == "" {
		return m.done(ctx, nil, "The web admin has no address yet: check the cable and the DHCP server.")
	}
	lines, fits, err := m.picture(url)
	if err != nil {
		return m.done(ctx, err, "")
	}
	if !fits {
		return m.done(ctx, nil, "The QR code of "+url+" is too large for this terminal. Type the address instead.")
	}
	if m.Screen {
		err = m.Terminal.Write(clear)
	}
	if err == nil {
		err = m.Terminal.Write("\n" + strings.Join(lines, "\n"))
	}
	if err != nil {
		return err
	}
	// on the code's last line, or 24 would not do for it
	if err := m.Terminal.Write("  any key: menu"); err != nil {
		return err
	}
	_, pressed, err := m.key(ctx, idleLimit)
	switch {
	case err != nil:
		return err
	case !pressed:
		return m.idle()
	}
	return m.Terminal.Write("\n")
}

// picture is the code for this terminal, and whether all of it can be seen at once.
func (m *Menu) picture(url string) (lines []string, fits bool, err error) {
	columns, rows := m.Terminal.Size()
	margin, wide := 1, 2 // the terminal's own black does not disturb readers, a missing edge does
	if m.Screen {
		margin, wide = 4, 1
	}
	c, err := screen.NewCode(strings.TrimSuffix(url, "/"), margin)
	if err != nil {
		return nil, false, err
	}
	if m.Screen {
		lines = c.Blocks()
	} else {
		lines = c.Spaces()
	}
	return lines, c.Modules()*wide+15 <= columns && len(lines) <= rows, nil
}
