// Package unattended installs a machine by an answer file, with nobody there: a JSON document that says what a person would be asked
// (installer/ANSWERS.md). It lies on a medium that was there when the machine started, or comes as a boot option.
//
// It is used in live mode only, and only on a machine that nobody has set up and that has no disk of a Vigie with settings: who
// plugs a stick into a recorder must not own it afterwards. Otherwise it is refused, and says why. All of it is judged before
// anything is changed; what is wrong is said with its line, and the machine goes on as if there were no answer file. Judging,
// settings, account and installation are those that the web admin has: this package only asks for them.
//
// The document comes from anybody, and has a password in it, which goes to the accounts and nowhere else: not to the console, the
// log, or an error.
package unattended

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/strictjson"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/console"
	"vigie/services/web/webapi"
)

// File is one answer file.
type File struct {
	From   string // in words
	Text   []byte
	Logged bool  // the kernel's log has it too
	Err    error // it could not be read
}

// refusal is why an answer file is not used: a sentence for people.
type refusal string

func (r refusal) Error() string { return string(r) }

// Machine is what there is to ask. What it refuses is an *answer.Problem or an *ask.Error.
type Machine interface {
	Status() api.Status
	Wait(ctx context.Context, after int64) api.Status
	// Files are those that were there when the machine started. It is asked once, when the disks have been looked at.
	Files(ctx context.Context) []File
	// Taken says in a sentence why the machine is not one to be installed unattended; "": it is.
	Taken(ctx context.Context) (string, error)
	// Judge says what is worth a warning about settings, or refuses them. Configure puts them in force.
	Judge(ctx context.Context, hostname string, n sysconfig.Network) (warnings []string, err error)
	Configure(ctx context.Context, hostname string, n sysconfig.Network, zone string) error
	SetUp(ctx context.Context, a webapi.FirstAccount) error
	Installation(ctx context.Context) (api.Installation, error)
	Install(ctx context.Context, disk string, r api.InstallRequest) error
	Power(ctx context.Context, action api.PowerRequestAction) error
}

// Installer does what an answer file says. Make it with New.
type Installer struct {
	machine Machine
	console *console.Console
	log     *slog.Logger
}

// New returns an Installer.
func New(m Machine, c *console.Console, log *slog.Logger) *Installer { return &Installer{m, c, log} }

// Run looks for an answer file once the disks of the machine's start have been dealt with, and does what it says.
func (i *Installer) Run(ctx context.Context) error {
	for s := i.machine.Status(); !s.StorageSettled; s = i.machine.Wait(ctx, s.Revision) {
		if ctx.Err() != nil {
			return nil
		}
	}
	files := i.machine.Files(ctx)
	if len(files) == 0 {
		return nil
	}
	if err := i.use(ctx, files); err != nil && ctx.Err() == nil {
		var from []string
		for _, f := range files {
			from = append(from, f.From)
		}
		i.log.Warn("answer file", "from", strings.Join(from, ", "), "err", err)
		i.say("not used (%s): %v", strings.Join(from, ", "), err)
	}
	return nil
}

func (i *Installer) say(format string, args ...any) {
	i.console.Say("answer", "answer file: %s", fmt.Sprintf(format, args...))
}

// use does what the one file says, or returns why not.
func (i *Installer) use(ctx context.Context, files []File) error {
	if i.machine.Status().BootMode != api.StatusBootModeLive {
		return refusal("The machine was started from its own disk. It is for one that was started from the installation medium.")
	}
	if why, err := i.machine.Taken(ctx); err != nil || why != "" {
		if err != nil {
			why = "It cannot be found out whether the machine has been set up: " + err.Error()
		}
		return refusal(why)
	}
	if len(files) > 1 {
		return refusal("There are several. Leave one of them.")
	}
	f := files[0]
	if f.Err != nil {
		return f.Err
	}
	a, err := Parse(f.Text)
	if err != nil {
		return err
	}
	if f.Logged && a.Administrator.Password != "" {
		return a.at("administrator.password", "The kernel's log shows its command line, and so this password. Give a passwordHash there.")
	}
	account := webapi.FirstAccount{Username: a.Administrator.Username, Password: a.Administrator.Password, PasswordHash: a.Administrator.PasswordHash}
	network, disk, err := i.judge(ctx, a, account)
	if err != nil {
		return err
	}
	i.log.Info("answer file", "from", f.From, "disk", disk.Serial, "user", account.Username)
	i.say("used, from %s", f.From)
	if err := i.machine.Configure(ctx, a.Hostname, network, a.TimeZone); err != nil {
		return placed(a, "network", err)
	}
	if err := i.machine.SetUp(ctx, account); err != nil {
		return placed(a, "administrator", err)
	}
	return i.install(ctx, a, disk)
}

// judge holds everything against the machine, and changes nothing.
func (i *Installer) judge(ctx context.Context, a *Answers, account webapi.FirstAccount) (n sysconfig.Network, disk api.Disk, err error) {
	account.DryRun = true
	if err := i.machine.SetUp(ctx, account); err != nil {
		return n, disk, placed(a, "administrator", err)
	}
	if n, err = a.networkFor(i.machine.Status().Interfaces); err != nil {
		return n, disk, err
	}
	warnings, err := i.machine.Judge(ctx, a.Hostname, n)
	if err != nil {
		return n, disk, placed(a, "network", err)
	}
	for _, w := range warnings {
		i.say("%s", w)
	}
	offered, err := i.machine.Installation(ctx)
	if err != nil {
		return n, disk, err
	}
	disks := i.machine.Status().Disks
	if disk, err = a.choose(disks, offered); err != nil {
		return n, disk, err
	}
	// A kernel that came by the network runs without the medium, from which the system is copied.
	if !slices.ContainsFunc(disks, func(d api.Disk) bool { return d.Use == api.DiskUseBoot }) {
		return n, disk, refusal("The installation medium is not there, from which the system is copied. Put vigie.iso in, as a CD or a USB stick, and start the machine again.")
	}
	return n, disk, nil
}

// install installs on the disk, tells how far it is, and ends as the document says.
func (i *Installer) install(ctx context.Context, a *Answers, disk api.Disk) error {
	begun := time.Now()
	if err := i.machine.Install(ctx, disk.ID, api.InstallRequest{ConfirmSerial: disk.Serial, DataVolume: a.DataVolume}); err != nil {
		return placed(a, "disk", err)
	}
	i.say("installing on disk %s (%s)", disk.Serial, disk.Model)
	if err := i.follow(ctx, disk.ID); err != nil {
		return err
	}
	i.log.Info("answer file", "result", "installed", "disk", disk.Serial, "seconds", time.Since(begun).Seconds())
	i.say("installed on disk %s in %.0f s", disk.Serial, time.Since(begun).Seconds())
	switch a.AtEnd {
	case Restart:
		i.say("the machine restarts: take the medium out")
		return i.machine.Power(ctx, api.PowerRequestActionReboot)
	case PowerOff:
		i.say("the machine switches off: take the medium out")
		return i.machine.Power(ctx, api.PowerRequestActionPoweroff)
	}
	i.say("take the medium out, and restart the machine when it suits")
	return nil
}

// follow tells the progress of the installation on a disk until its end.
func (i *Installer) follow(ctx context.Context, disk string) error {
	const step = 10 // percent between two lines
	said, message := -step, ""
	for s := i.machine.Status(); ctx.Err() == nil; s = i.machine.Wait(ctx, s.Revision) {
		var op *api.Operation
		for n := range s.Disks {
			if s.Disks[n].ID == disk {
				op = &s.Disks[n].Operation
			}
		}
		switch {
		case op == nil:
			return refusal("The disk was pulled while it was being installed on.")
		case op.Status == api.OperationStatusFailed:
			return refusal(op.Message)
		case op.Status == api.OperationStatusDone:
			return nil
		case op.Status == api.OperationStatusRunning && (op.Message != message || op.Percent >= said+step):
			said, message = op.Percent, op.Message
			i.say("%d %%: %s", op.Percent, strings.TrimSuffix(strings.TrimPrefix(op.Message, "Working: "), "."))
		}
	}
	return ctx.Err()
}

// placed gives a refusal the line of what was refused, which is in a section of the document.
func placed(a *Answers, section string, err error) error {
	var inside *answer.Problem
	var outside *ask.Error
	var detail api.Error
	switch {
	case errors.As(err, &inside):
		detail = inside.Detail
	case errors.As(err, &outside):
		detail = outside.Detail
	default:
		return err
	}
	path := section
	switch field := strings.TrimPrefix(detail.Field, "settings."); {
	case field == "hostname", field == "timeZone":
		path = field
	case field != "":
		path = section + "." + field
	}
	return &strictjson.Problem{Line: a.lines.Of(path), Reason: detail.Message}
}
