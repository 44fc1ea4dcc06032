package menu

import (
	"context"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/terminaltest"
	"vigie/services/web/webapi"
)

const typedPassword = "correct horse battery"

func (f *fake) SetUp(_ context.Context, a webapi.FirstAccount) error {
	if len(a.Password) < 10 {
		return machine.Refusal("The password is too short.")
	}
	if a.DryRun {
		return nil
	}
	return f.act("account:" + a.Username + ":" + a.Password)
}

func (f *fake) SetTimeZone(_ context.Context, zone string) error { return f.act("zone:" + zone) }

func (f *fake) Installation(context.Context) (api.Installation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.installation, nil
}

// Install lets the operation of the disk go through its steps as the state is asked for.
func (f *fake) Install(_ context.Context, disk string, r api.InstallRequest) error {
	what := "install:" + disk + ":" + r.ConfirmSerial
	if r.DataVolume {
		what += ":data"
	}
	if err := f.act(what); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.installing, f.steps = disk, []api.Operation{{Status: api.OperationStatusRunning, Message: "Working: copying the system.", Percent: 2},
		{Status: api.OperationStatusRunning, Message: "Working: copying the system.", Percent: 3}, {Status: api.OperationStatusRunning, Message: "Working: making file systems.", Percent: 85}, f.ends}
	return nil
}

// live is a machine that was started from the medium and that nobody has set up.
func live() *fake {
	f := &fake{state: ready(), ends: api.Operation{Status: api.OperationStatusDone, Message: "Vigie is installed on this disk.", Percent: 100}}
	f.state.System.BootMode = api.StatusBootModeLive
	f.state.System.Disks = []api.Disk{
		{ID: "cd", Serial: "MEDIUM", Model: "DVD", Use: api.DiskUseBoot, Contents: "ISO 9660", SizeBytes: 60e6},
		{ID: "d1", Serial: "WD-12345678", Model: "WDC Red", Use: api.DiskUseOther, Contents: "NTFS file system", SizeBytes: 4e12},
		{ID: "d2", Serial: "SSD-1", Model: "Flash", Use: api.DiskUseBlank, Contents: "nothing", SizeBytes: 3e9},
		{ID: "d3", Serial: "R-1", Model: "Member", Use: api.DiskUseArray, Contents: "a part of an array", SizeBytes: 4e12},
	}
	f.installation = api.Installation{MinBytes: 27e8, Disks: []api.InstallDisk{{Disk: "cd", Reason: "Vigie was started from this disk."},
		{Disk: "d1", Offered: true}, {Disk: "d2", Offered: true}, {Disk: "d3", Reason: "The disk is a part of an array."}}}
	f.network.Settings.Hostname = "gate"
	return f
}

// begin opens the installation's dialog.
func begin(p *terminaltest.Person, title string) {
	p.Read(Hint)
	p.Type(" ")
	p.Read(`I  ` + title)
	p.Read(`Choice: $`)
	p.Type("i")
}

func TestAMachineIsInstalledAtTheConsole(t *testing.T) {
	for _, onScreen := range []bool{false, true} {
		f := live()
		p := sit(t, f, onScreen)
		begin(p, "Install on a disk")
		p.Read(`What is on the disk is erased`)
		p.Read(`-  DVD, serial MEDIUM, 60 MB: ISO 9660\. Vigie was started from this disk\.`)
		p.Read(`1  WDC Red, serial WD-12345678, 4 TB: NTFS file system`)
		p.Read(`2  Flash, serial SSD-1, 3 GB: nothing`)
		p.Read(`-  Member, serial R-1, 4 TB: a part of an array\. The disk is a part of an\r\n   array\.`)
		p.Read(`Choice: $`)
		p.Type("n") // the network first
		p.Read(`Set an address by hand`)
		p.Read(`Choice: $`)
		p.Type("x")
		p.Read(`Choice: $`)
		p.Type("1")
		p.Read(`the rest of the disk, 4\.0 TB, become a data volume\? yes$`)
		p.Type("\x15perhaps\r")
		p.Read(`Type yes or no`)
		p.Read(`volume\? $`)
		p.Type("yes\r")
		p.Read(`Name of the machine: gate$`)
		p.Type("\x15front door\r")
		p.Read(`"front door" is no host name`)
		p.Read(`Name of the machine: $`)
		p.Type("yard\r")
		p.Read(`Europe/Paris: UTC$`)
		p.Type("\x15Europe/Lisbon\r")
		p.Read(`user name: $`)
		p.Type("owner\r")
		for _, typed := range [][2]string{{"short", "short"}, {typedPassword, typedPassword + "!"}} {
			p.Read(`Password: $`)
			p.Type(typed[0] + "\r")
			p.Read(`again: $`)
			p.Type(typed[1] + "\r")
			p.Read(`is too short\.|are not the same\.`)
			p.Read(`user name: owner$`)
			p.Type("\r")
		}
		p.Read(`Password: $`)
		p.Type(typedPassword + "x\x7f\r")
		p.Read(`again: $`)
		p.Type(typedPassword + "\r")
		p.Read(`(?s)disk WD-12345678 \(WDC Red\) is erased: NTFS file system.*last 4 characters[^$]*back: $`)
		if got := f.did(); got != "" {
			t.Fatalf("before it was confirmed: %q", got)
		}
		p.Type("5678\r")
		p.Read(`2 % copying the system\.`)
		p.Read(`85 % making file systems\.`)
		p.Read(`Vigie is installed on disk WD-12345678\. It took \d+ s\.`)
		p.Read(`Take the medium out`)
		p.Read(`goes back: $`)
		p.Type("yes\r")
		p.Read(`The machine is restarting`)
		want := "zone:Europe/Lisbon network account:owner:" + typedPassword + " install:d1:WD-12345678:data reboot"
		got := f.did()
		for end := time.Now().Add(10 * time.Second); got != want && time.Now().Before(end); got = f.did() {
			time.Sleep(time.Millisecond)
		}
		if n, _ := f.Network(t.Context()); got != want || n.Settings.Hostname != "yard" {
			t.Errorf("done %q, want %q; it is called %s", got, want, n.Settings.Hostname)
		}
		if strings.Contains(p.All(), "horse") {
			t.Error("the password is shown")
		}
	}
}

func TestABlankDiskWantsYesAndAnotherTheEndOfItsSerial(t *testing.T) {
	f := live()
	f.state.Web.SetupCode = "" // there is an administrator already
	p := sit(t, f, false)
	begin(p, "Install on a disk")
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`no room for a data volume`)
	p.Read(`machine: gate$`)
	p.Type("\r")
	p.Read(`Paris: UTC$`)
	p.Type("\x15UTC\r")
	p.Read(`which is blank`)
	p.Read(`back: $`)
	p.Type("no\r")
	p.Read(`Nothing was done\.`)
	p.Read(`Choice: $`)
	p.Type("i")
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`volume\? yes$`)
	p.Type("\x15no\r")
	p.Read(`machine: gate$`)
	p.Type("\r")
	p.Read(`Paris: UTC$`)
	p.Type("\r")
	p.Read(`last 4 characters[^$]*back: $`)
	p.Type("yes\r")
	p.Read(`Nothing was done\.`)
	if got := f.did(); got != "" {
		t.Errorf("done %q", got)
	}
}

func TestAFailedInstallationIsSaid(t *testing.T) {
	f := live()
	f.state.Web.SetupCode, f.state.System.Clock.TimeZone = "", "UTC"
	f.ends = api.Operation{Status: api.OperationStatusFailed, Message: "It failed: input/output error."}
	p := sit(t, f, false)
	begin(p, "Install on a disk")
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`machine: gate$`)
	p.Type("\r")
	p.Read(`Paris: UTC$`)
	p.Type("\r")
	p.Read(`back: $`)
	p.Type("yes\r")
	p.Read(`It failed: input/output error\.`)
	p.Type(" ")
	p.Read(`Choice: $`)
	if got := f.did(); got != "install:d2:SSD-1" {
		t.Errorf("done %q", got)
	}
}

func TestARecorderThatWasTakenUpIsRestored(t *testing.T) {
	f := live()
	f.state.Web.SetupCode = ""
	now := time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	f.state.System.Clock.NowMs, f.state.System.StartedMs = now.UnixMilli(), now.Add(-time.Minute).UnixMilli()
	f.state.Web.Cameras = &webapi.Cameras{Total: 4}
	f.state.Web.Past = &webapi.Past{OldestMs: now.AddDate(0, 0, -12).UnixMilli(), CopyMs: now.Add(-time.Hour).UnixMilli()}
	p := sit(t, f, false)
	begin(p, "Restore this recorder on a disk")
	p.Read(`recorder gate from its disks: 4 cameras,\s+recordings of 12 days, the newest snapshot of its index of 2026-05-20 11:00\s+UTC`)
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`which is blank`) // neither name, nor zone, nor account is asked for
	p.Read(`back: $`)
	p.Type("yes\r")
	p.Read(`Vigie is installed on disk SSD-1`)
	p.Read(`back: $`)
	p.Type("no\r")
	p.Read(`Choice: $`)
	if got := f.did(); got != "install:d2:SSD-1" {
		t.Errorf("done %q", got)
	}
}

func TestOnlyWhoStandsAtALiveMachineIsOfferedToInstallIt(t *testing.T) {
	f := live()
	for name, c := range map[string]struct {
		mode   api.StatusBootMode
		remote bool
	}{"installed": {api.StatusBootModeInstalled, false}, "from elsewhere": {api.StatusBootModeLive, true}} {
		f.state.System.BootMode = c.mode
		if got := New(Config{Machine: f, Remote: c.remote}).installable(t.Context()); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
