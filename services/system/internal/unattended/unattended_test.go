package unattended

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"vigie/installer/layout"
	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/console"
	"vigie/services/web/webapi"
)

// fake is a machine that notes what it is asked to do.
type fake struct {
	*board.Board
	disks   []api.Disk
	files   []File
	taken   string
	refuse  map[string]error // by what is asked
	refused map[string]string
	fails   string // why the installation does
	alone   bool   // the medium that it was started from is not there
	done    []string
	network sysconfig.Network
	coming  [][]api.Disk // the disks at each step of an installation that is still to come
}

func (f *fake) act(what string) error {
	if err := f.refuse[what]; err != nil {
		return err
	}
	f.done = append(f.done, what)
	return nil
}

func (f *fake) Files(context.Context) []File                            { return f.files }
func (f *fake) Taken(context.Context) (string, error)                   { return f.taken, f.refuse["taken"] }
func (f *fake) Power(_ context.Context, a api.PowerRequestAction) error { return f.act(string(a)) }

func (f *fake) Judge(context.Context, string, sysconfig.Network) ([]string, error) {
	return []string{"10.0.0.9 has the address already."}, f.refuse["judge"]
}

func (f *fake) Configure(_ context.Context, hostname string, n sysconfig.Network, zone string) error {
	f.network = n
	return f.act("configure " + hostname + " " + zone)
}

func (f *fake) SetUp(_ context.Context, a webapi.FirstAccount) error {
	if a.DryRun {
		return f.refuse["account"]
	}
	return f.act("account " + a.Username + " " + a.Password + a.PasswordHash)
}

func (f *fake) Installation(context.Context) (api.Installation, error) {
	out := api.Installation{MinBytes: layout.MinBytes}
	for _, d := range f.disks {
		out.Disks = append(out.Disks, api.InstallDisk{Disk: d.ID, Offered: f.refused[d.Serial] == "", Reason: f.refused[d.Serial]})
	}
	return out, nil
}

func (f *fake) Install(_ context.Context, disk string, r api.InstallRequest) error {
	what := "install " + disk + " " + r.ConfirmSerial
	if r.DataVolume {
		what += " data"
	}
	if err := f.act(what); err != nil {
		return err
	}
	steps := []api.Operation{{Status: api.OperationStatusRunning, Message: "Working: copying the system.", Percent: 2}, {Status: api.OperationStatusRunning, Message: "Working: copying the system.", Percent: 5},
		{Status: api.OperationStatusRunning, Message: "Working: making file systems.", Percent: 85}, {Status: api.OperationStatusDone, Message: "Done.", Percent: 100}}
	if f.fails != "" {
		steps[3] = api.Operation{Status: api.OperationStatusFailed, Message: f.fails}
	}
	for _, op := range steps {
		disks := append([]api.Disk{medium}, f.disks...)
		for i := range disks {
			if disks[i].ID == disk {
				disks[i].Operation = op
			}
		}
		f.coming = append(f.coming, disks)
	}
	return nil
}

// Wait has an installation take its next step once the one before has been seen, so that each is.
func (f *fake) Wait(ctx context.Context, after int64) api.Status {
	if len(f.coming) > 0 && f.Status().Revision == after {
		f.SetDisks(f.coming[0])
		f.coming = f.coming[1:]
	}
	return f.Board.Wait(ctx, after)
}

// medium is what the machine was started from.
var medium = api.Disk{ID: "medium", Serial: "DVD", Model: "Lab", Use: api.DiskUseBoot, Removable: true}

func disk(serial string, use api.DiskUse, change ...func(*api.Disk)) api.Disk {
	d := api.Disk{ID: "id-" + serial, Serial: serial, Model: "Lab", Use: use, SizeBytes: 8 << 30}
	for _, c := range change {
		c(&d)
	}
	return d
}

// run has an Installer deal with a machine, and returns what it said and logged.
func run(t *testing.T, f *fake) (said, logged string) {
	t.Helper()
	f.Board = board.New(time.Now(), api.Status{BootMode: api.StatusBootModeLive})
	f.SetDisks(append(f.disks, medium))
	f.SetInterfaces([]api.Interface{{ID: "52:54:00:00:00:01", Kind: api.InterfaceKindEthernet}, {ID: "52:54:00:00:00:02", Kind: api.InterfaceKindEthernet}})
	f.SettleStorage()
	return runAs(t, f)
}

func runAs(t *testing.T, f *fake) (said, logged string) {
	var out, log bytes.Buffer
	if err := New(f, console.New(&out), slog.New(slog.NewTextHandler(&log, nil))).Run(t.Context()); err != nil {
		t.Error(err)
	}
	return out.String(), log.String()
}

func answers(change ...string) []File {
	return []File{{From: "disk STICK", Text: []byte(strings.NewReplacer(change...).Replace(whole))}}
}

func TestAnInstallationEndsAsTheFileSays(t *testing.T) {
	for _, c := range []struct{ end, done, said string }{
		{Restart, "reboot", "the machine restarts: take the medium out"},
		{PowerOff, "poweroff", "the machine switches off: take the medium out"},
		{Stay, "", "take the medium out, and restart"},
	} {
		f := &fake{files: answers(`"restart"`, `"`+c.end+`"`), disks: []api.Disk{disk("S0", api.DiskUseBlank), disk("S1", api.DiskUseOther)}}
		said, logged := run(t, f)
		want := strings.TrimSpace("configure gate Europe/Paris|account owner correct horse battery|install id-S1 S1 data|" + c.done)
		if got := strings.Join(f.done, "|"); got != strings.TrimSuffix(want, "|") {
			t.Errorf("%s: done %s, want %s", c.end, got, want)
		}
		for _, line := range []string{"10.0.0.9 has the address already.", "used, from disk STICK", "installing on disk S1 (Lab)", "2 %: copying the system\n", "85 %: making file systems\n", "installed on disk S1 in ", c.said} {
			if !strings.Contains(said, "answer file: ") || !strings.Contains(said, line) {
				t.Errorf("%s: %q is missing in\n%s", c.end, line, said)
			}
		}
		if strings.Contains(said+logged, "horse") {
			t.Errorf("the password is told:\n%s%s", said, logged)
		}
		if f.network.Interfaces[0].ID != "52:54:00:00:00:01" || f.network.VLANs[0].Parent != "52:54:00:00:00:01" {
			t.Errorf("the first card is %+v", f.network)
		}
	}
}

func TestNothingIsDoneWhereAnswersAreRefused(t *testing.T) {
	blank, other := disk("S1", api.DiskUseBlank), disk("S1", api.DiskUseOther)
	small := func(d *api.Disk) { d.SizeBytes = layout.MinBytes + 1 }
	stick := func(d *api.Disk) { d.Removable = true }
	only := []string{`"serial": "S1"`, `"only": true`}
	field := func(field, text string) error { return answer.Field(field, "bad", text) }
	for _, c := range []struct {
		name  string
		f     fake
		mode  api.StatusBootMode
		wants string
	}{
		{"set up already", fake{files: answers(), taken: "The machine has an administrator already.", disks: []api.Disk{blank}}, "", "disk STICK): The machine has an administrator already."},
		{"nobody knows", fake{files: answers(), refuse: map[string]error{"taken": errors.New("no answer")}, disks: []api.Disk{blank}}, "", "cannot be found out"},
		{"installed", fake{files: answers(), disks: []api.Disk{blank}}, api.StatusBootModeInstalled, "started from its own disk"},
		{"several", fake{files: append(answers(), answers()...), disks: []api.Disk{blank}}, "", "There are several"},
		{"unreadable", fake{files: []File{{From: "disk STICK", Err: errors.New("input/output error")}}, disks: []api.Disk{blank}}, "", "(disk STICK): input/output error"},
		{"a line", fake{files: answers(`"version": 1`, `"version": 7`), disks: []api.Disk{blank}}, "", "line 2: "},
		{"a password in the kernel's log", fake{files: []File{{Logged: true, Text: []byte(whole)}}, disks: []api.Disk{blank}}, "", "line 12: The kernel's log"},
		{"the account", fake{files: answers(), disks: []api.Disk{blank}, refuse: map[string]error{"account": &ask.Error{Status: http.StatusBadRequest, Detail: api.Error{Field: "password", Message: "The password is too short."}}}}, "", "line 12: The password is too short."},
		{"the network", fake{files: answers(), disks: []api.Disk{blank}, refuse: map[string]error{"judge": field("settings.interfaces[1].ipv4", "No.")}}, "", "line 9: No."},
		{"a card", fake{files: answers("52:54:00:00:00:02", "52:54:00:00:00:03"), disks: []api.Disk{blank}}, "", "line 9: This machine has no network card 52:54:00:00:00:03. It has 52:54:00:00:00:01, 52:54:00:00:00:02."},
		{"the first card again", fake{files: answers("52:54:00:00:00:02", "52:54:00:00:00:01"), disks: []api.Disk{blank}}, "", "line 9: The network card 52:54:00:00:00:01 is the first one"},
		{"no such disk", fake{files: answers(), disks: []api.Disk{disk("S2", api.DiskUseBlank)}}, "", "line 3: There is no disk with this serial. There are: S2 (Lab)."},
		{"the serial twice", fake{files: answers(), disks: []api.Disk{blank, blank}}, "", "line 3: Several disks"},
		{"not offered", fake{files: answers(), disks: []api.Disk{other}, refused: map[string]string{"S1": "The disk is a part of an array."}}, "", "line 3: The disk is a part of an array."},
		{"too small for a data volume", fake{files: answers(), disks: []api.Disk{disk("S1", api.DiskUseBlank, small)}}, "", "with a data volume"},
		{"no blank one", fake{files: answers(only...), disks: []api.Disk{other}}, "", "line 3: No disk is blank. Give the serial of the one that is to be erased: S1 (Lab)."},
		{"two blank ones", fake{files: answers(only...), disks: []api.Disk{blank, disk("S2", api.DiskUseBlank)}}, "", "line 3: 2 disks are blank"},
		{"a blank stick", fake{files: answers(only...), disks: []api.Disk{disk("S1", api.DiskUseBlank, stick)}}, "", "line 3: There is no disk to install on."},
		{"a kernel without its medium", fake{files: answers(), disks: []api.Disk{blank}, alone: true}, "", "Put vigie.iso in, as a CD or a USB stick"},
	} {
		f := c.f
		f.Board = board.New(time.Now(), api.Status{BootMode: api.StatusBootModeLive})
		if c.mode != "" {
			f.Board = board.New(time.Now(), api.Status{BootMode: c.mode})
		}
		f.SetDisks(append(f.disks, medium))
		if f.alone {
			f.SetDisks(f.disks)
		}
		f.SetInterfaces([]api.Interface{{ID: "52:54:00:00:00:01", Kind: api.InterfaceKindEthernet}, {ID: "52:54:00:00:00:02", Kind: api.InterfaceKindEthernet}})
		f.SettleStorage()
		said, logged := runAs(t, &f)
		if len(f.done) > 0 || !strings.Contains(said, "answer file: not used (") || !strings.Contains(said, c.wants) {
			t.Errorf("%s: did %q, said %q, want %q", c.name, f.done, said, c.wants)
		}
		if !strings.Contains(logged, "answer file") || strings.Contains(said+logged, "horse") {
			t.Errorf("%s: logged %q", c.name, logged)
		}
	}
}

func TestTheOnlyBlankDiskIsFoundBesideOthers(t *testing.T) {
	f := &fake{files: answers(`"serial": "S1"`, `"only": true`, `true,`+"\n"+`"hostname"`, `false,`+"\n"+`"hostname"`),
		disks: []api.Disk{disk("S0", api.DiskUseOther), disk("S1", api.DiskUseBlank), disk("S2", api.DiskUseBlank)}, refused: map[string]string{"S2": "Too small."}}
	run(t, f)
	if got := strings.Join(f.done, "|"); !strings.Contains(got, "install id-S1 S1|") {
		t.Errorf("done %s", got)
	}
}

func TestAFailureIsSaidAndTheMachineGoesOn(t *testing.T) {
	f := &fake{files: answers(), disks: []api.Disk{disk("S1", api.DiskUseBlank)}, fails: "It failed: input/output error."}
	said, _ := run(t, f)
	if got := strings.Join(f.done, "|"); strings.Contains(got, "reboot") || !strings.Contains(said, "input/output error") {
		t.Errorf("done %s, said %s", got, said)
	}
	f = &fake{disks: []api.Disk{disk("S1", api.DiskUseBlank)}}
	if said, logged := run(t, f); said != "" || logged != "" || f.done != nil {
		t.Errorf("without an answer file: said %q, logged %q, did %q", said, logged, f.done)
	}
}
