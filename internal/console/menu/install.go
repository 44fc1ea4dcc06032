package menu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
	"vigie/internal/sysconfig"
	"vigie/services/web/webapi"
)

const (
	// eraseWord is what has to be typed where a disk has no serial.
	eraseWord = "erase"
	// serialEnd is how many of its last characters tell that a disk is meant.
	serialEnd = 4
	// leastData is the smallest data volume that is worth a question, in bytes.
	leastData = 300 << 20
)

// installable is what the choice is called by which the machine is installed; "": it is not to be installed from here.
func (m *Menu) installable(ctx context.Context) string {
	if m.Remote {
		return ""
	}
	s := m.Machine.State(ctx)
	switch {
	case s.System == nil || s.System.BootMode != api.StatusBootModeLive:
		return ""
	case recovered(s):
		return "Restore this recorder on a disk"
	}
	return "Install on a disk"
}

// recovered tells whether the machine has taken up a recorder that was there before it started.
func recovered(s machine.State) bool {
	return s.System != nil && s.Web != nil && s.Web.Opened && s.Web.SetupCode == "" && s.Web.Past != nil && s.Web.Past.OldestMs < s.System.StartedMs
}

// wish is what an installation is to be.
type wish struct {
	disk       api.Disk
	data       bool
	name, zone string
	account    *webapi.FirstAccount // nil: there is one
}

// install asks what there is to be asked, and installs the machine.
func (m *Menu) install(ctx context.Context) error {
	s := m.Machine.State(ctx)
	offered, err := m.Machine.Installation(ctx)
	if err == nil && (s.System == nil || s.Web == nil || !s.Web.Opened || !s.System.StorageSettled) {
		err = machine.Refusal("The machine is still looking at its disks. Wait a moment and try again.")
	}
	if err != nil {
		return m.done(ctx, err, "")
	}
	var w wish
	if w.disk, err = m.chooseDisk(ctx, s, offered); err != nil {
		return err
	}
	if w.data, err = m.wantsData(ctx, w.disk, offered.MinBytes); err != nil {
		return err
	}
	if w.name, w.zone = s.System.Hostname, s.System.Clock.TimeZone; !recovered(s) {
		if err := m.askSettings(ctx, &w); err != nil {
			return err
		}
	}
	if s.Web.SetupCode != "" {
		if w.account, err = m.askAccount(ctx); err != nil {
			return err
		}
	}
	if err := m.confirmErasing(ctx, w.disk); err != nil {
		return err
	}
	m.Said("install on disk " + w.disk.Serial)
	if err := m.carryOut(ctx, s, w); err != nil {
		return m.done(ctx, err, "")
	}
	return m.followInstall(ctx, w.disk)
}

// introduction says what can be installed, and what comes along.
func introduction(s machine.State) []string {
	text := "Vigie is written to a disk of this machine, which starts from it afterwards, without the medium. What is on the disk is erased."
	if recovered(s) {
		text = fmt.Sprintf("This machine has taken up the recorder %s from its disks: %s, recordings of %d days", s.System.Hostname, cameras(s.Web.Cameras), days(s.Web.Past.OldestMs, s.System.Clock.NowMs))
		if at := s.Web.Past.CopyMs; at > 0 {
			text += ", the newest snapshot of its index of " + time.UnixMilli(at).UTC().Format("2006-01-02 15:04") + " UTC"
		}
		text += ". It is restored by installing it on a disk: accounts, settings and cameras go along, and its recordings stay where they are."
	}
	return append(screen.Wrap(text, screen.Columns-1), "")
}

func cameras(c *webapi.Cameras) string {
	if c == nil {
		return "an unknown number of cameras"
	}
	return fmt.Sprintf("%d cameras", c.Total)
}

// days are those since an instant, begun ones too.
func days(fromMs, nowMs int64) int64 {
	const day = 24 * 3600 * 1000
	return max(1, (nowMs-fromMs+day-1)/day)
}

// chooseDisk shows all disks, and has one chosen that is offered.
func (m *Menu) chooseDisk(ctx context.Context, s machine.State, offered api.Installation) (disk api.Disk, err error) {
	reasons := map[string]string{}
	for _, o := range offered.Disks {
		if !o.Offered {
			reasons[o.Disk] = o.Reason
		}
	}
	lines := introduction(s)
	var choices []choice
	for _, d := range s.System.Disks {
		what := fmt.Sprintf("%s, serial %s, %s: %s", d.Model, d.Serial, screen.Size(d.SizeBytes), d.Contents)
		if reason := reasons[d.ID]; reason != "" || len(choices) == 9 {
			lines = append(lines, entry('-', what+". "+reason)...)
			continue
		}
		key := byte('1' + len(choices))
		lines = append(lines, entry(key, what)...)
		choices = append(choices, choice{key, screen.Printable(d.Serial), func(context.Context) error { disk = d; return nil }})
	}
	if len(choices) == 0 {
		lines = append(lines, "", "There is no disk to install on.")
	}
	choices = append(choices, choice{'n', "Network first", m.network}, choice{'x', "Back", func(context.Context) error { return errBack }})
	for {
		chosen, err := m.choose(ctx, func() []string { return lines }, choices)
		if err != nil {
			return disk, err
		}
		if err := chosen.run(ctx); err != nil && (chosen.key != 'n' || !errors.Is(err, errBack)) {
			return disk, err
		}
		if chosen.key != 'n' {
			return disk, nil
		}
	}
}

// entry is a text with a mark before it, in lines.
func entry(mark byte, text string) []string {
	lines := screen.Wrap(text, screen.Columns-4)
	for i := range lines {
		lines[i] = "   " + lines[i]
	}
	lines[0] = string(mark) + lines[0][1:]
	return lines
}

// wantsData asks whether the rest of the disk is to become a data volume, where there is a rest.
func (m *Menu) wantsData(ctx context.Context, d api.Disk, system int64) (bool, error) {
	if d.SizeBytes < system+leastData {
		return false, m.say("The disk has no room for a data volume beside the system.")
	}
	prompt := fmt.Sprintf("Shall the rest of the disk, %s, become a data volume?", screen.Size(d.SizeBytes-system))
	return answer(ctx, m, prompt, "yes", func(text string) (bool, error) {
		switch strings.ToLower(text) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		return false, machine.Refusal("Type yes or no.")
	})
}

// askSettings asks for name and time zone.
func (m *Menu) askSettings(ctx context.Context, w *wish) (err error) {
	valid := func(set func(*sysconfig.Config, string)) func(string) (string, error) {
		return func(text string) (string, error) {
			var c sysconfig.Config
			set(&c, text)
			if err := c.Validate(); err != nil {
				return "", machine.Refusal(err.Error())
			}
			return text, nil
		}
	}
	if w.name, err = answer(ctx, m, "Name of the machine:", w.name, valid(func(c *sysconfig.Config, s string) { c.Hostname = s })); err != nil {
		return err
	}
	if w.zone == "" {
		w.zone = "UTC"
	}
	w.zone, err = answer(ctx, m, "Time zone, for example Europe/Paris:", w.zone, valid(func(c *sysconfig.Config, s string) { c.TimeZone = s }))
	return err
}

// askAccount asks for the administrator's name and password until they can be used.
func (m *Menu) askAccount(ctx context.Context) (*webapi.FirstAccount, error) {
	name := ""
	for {
		var err error
		if name, err = m.ask(ctx, "Administrator's user name:", name); err != nil {
			return nil, err
		}
		if err := m.say("The password is not shown while it is typed. It has at least 10 characters."); err != nil {
			return nil, err
		}
		once, err := m.secret(ctx, "Password:")
		if err != nil {
			return nil, err
		}
		again, err := m.secret(ctx, "The same password again:")
		if err != nil {
			return nil, err
		}
		a := webapi.FirstAccount{Username: name, Password: once, DryRun: true}
		if err = m.Machine.SetUp(ctx, a); once != again {
			err = machine.Refusal("The two passwords are not the same.")
		}
		if err == nil {
			a.DryRun = false
			return &a, nil
		}
		if err := m.say(screen.Printable(err.Error())); err != nil {
			return nil, err
		}
	}
}

// confirmErasing has what tells the disk from others typed, if there is anything on it.
func (m *Menu) confirmErasing(ctx context.Context, d api.Disk) error {
	if d.Use == api.DiskUseBlank {
		return m.confirm(ctx, fmt.Sprintf("Vigie is installed on disk %s, which is blank.", screen.Printable(d.Serial)))
	}
	word, prompt := eraseWord, "Type "+eraseWord+" and press Enter to do it; anything else goes back:"
	if d.Serial != "" {
		word = d.Serial[max(0, len(d.Serial)-serialEnd):]
		prompt = fmt.Sprintf("Type the last %d characters of its serial and press Enter to do it; anything else goes back:", len(word))
	}
	text := fmt.Sprintf("All that is on disk %s (%s) is erased: %s. This cannot be undone.", d.Serial, d.Model, d.Contents)
	if err := m.say(screen.Printable(text)); err != nil {
		return err
	}
	typed, err := m.ask(ctx, prompt, "")
	if err != nil {
		return err
	}
	if !strings.EqualFold(typed, strings.TrimSpace(word)) {
		if err := m.say("Nothing was done."); err != nil {
			return err
		}
		return errBack
	}
	return nil
}

// carryOut makes settings and account what was wished, and begins to install.
func (m *Menu) carryOut(ctx context.Context, s machine.State, w wish) error {
	if w.zone != s.System.Clock.TimeZone {
		if err := m.Machine.SetTimeZone(ctx, w.zone); err != nil {
			return err
		}
	}
	if w.name != s.System.Hostname {
		n, err := m.Machine.Network(ctx)
		if err != nil {
			return err
		}
		n.Settings.Hostname = w.name
		if err := m.Machine.SetNetwork(ctx, n); err != nil {
			return err
		}
	}
	if w.account != nil {
		if err := m.Machine.SetUp(ctx, *w.account); err != nil {
			return err
		}
	}
	return m.Machine.Install(ctx, w.disk.ID, api.InstallRequest{ConfirmSerial: w.disk.Serial, DataVolume: w.data})
}

// followInstall tells the progress until the end, and offers to restart then.
func (m *Menu) followInstall(ctx context.Context, d api.Disk) error {
	const step = 10 // percent between two lines
	begun, said, message := time.Now(), -step, ""
	for {
		op, there := operation(m.Machine.State(ctx).System, d.ID)
		switch {
		case !there:
			return m.done(ctx, machine.Refusal("The disk was pulled while it was being installed on."), "")
		case op.Status == api.OperationStatusFailed:
			return m.done(ctx, machine.Refusal(screen.Printable(op.Message)), "")
		case op.Status == api.OperationStatusDone:
			if err := m.say(fmt.Sprintf("Vigie is installed on disk %s. It took %.0f s.", screen.Printable(d.Serial), time.Since(begun).Seconds())); err != nil {
				return err
			}
			return m.power(ctx, api.PowerRequestActionReboot, "Take the medium out. Then restart the machine: it starts from the disk.", "The machine is restarting.")
		case op.Status == api.OperationStatusRunning && (op.Message != message || op.Percent >= said+step):
			said, message = op.Percent, op.Message
			if err := m.say(screen.Printable(fmt.Sprintf("%d %% %s", op.Percent, strings.TrimPrefix(op.Message, "Working: ")))); err != nil {
				return err
			}
		}
		if _, _, err := m.key(ctx, m.follow); err != nil { // what is typed meanwhile means nothing
			return err
		}
	}
}

// operation is what is being done to a disk. While the service does not answer it is not known, and the disk is there.
func operation(s *api.Status, disk string) (op api.Operation, there bool) {
	if s == nil {
		return op, true
	}
	for _, d := range s.Disks {
		if d.ID == disk {
			return d.Operation, true
		}
	}
	return op, false
}
