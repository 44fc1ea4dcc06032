package menu

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/terminaltest"
	"vigie/services/web/webapi"
)

// patientFake is a machine in rescue mode with two disks, whose volumes do as they are told.
type patientFake struct {
	fake
	hangs string     // the id of a volume that is never mounted
	late  api.Volume // one that shows when another one is mounted
	on    api.Volume // one that shows when an array runs
	dead  string     // the id of an array that cannot be started

	repair   api.Repair // what the engine says, a step further with each question
	unready  int        // questions that it does not answer before
	findings []api.RepairFinding

	setupCode string // of the accounts, which have none then

	running sync.Mutex
	ran     []string
	failing error
}

func (f *patientFake) ChangeVolume(_ context.Context, id string, r api.VolumeChange) error {
	if err := f.act(string(r.Action) + "-" + id + r.ConfirmSerial); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := *f.state.System
	s.Volumes = append([]api.Volume(nil), s.Volumes...)
	for i := range s.Volumes {
		if v := &s.Volumes[i]; v.ID == id && id != f.hangs {
			switch r.Action {
			case api.VolumeChangeActionMount:
				v.Status = api.VolumeStatusMounted
				if f.late.ID != "" {
					s.Volumes, f.late = append(s.Volumes, f.late), api.Volume{}
				}
			case api.VolumeChangeActionCheck:
				v.Operation = api.Operation{Name: api.OperationNameCheck, Status: api.OperationStatusDone, Message: "It was checked, and its file system is damaged. Have it repaired."}
				v.Check.Result = api.VolumeCheckResultDamaged
			}
		}
	}
	f.state.System = &s
	return nil
}

func (f *patientFake) StartNetwork(context.Context) error {
	f.mu.Lock()
	s := *f.state.System
	s.Interfaces = []api.Interface{{Name: "lan1", Mac: "02:00:00:00:00:01", Carrier: true, Addresses: []string{"192.0.2.7/24"}}}
	f.state.System = &s
	f.mu.Unlock()
	return f.act("network")
}

func (f *patientFake) StartArray(_ context.Context, id string, degraded bool) error {
	word := "array-" + id
	if degraded {
		word += "-degraded"
	}
	if err := f.act(word); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := *f.state.System
	s.Arrays = slices.Clone(s.Arrays)
	a := &s.Arrays[slices.IndexFunc(s.Arrays, func(a api.Array) bool { return a.ID == id })]
	switch {
	case id == f.dead:
		a.Reason = "It could not be started: input/output error."
	case degraded:
		a.Status = api.ArrayStatusDegraded
	default:
		a.Status = api.ArrayStatusRunning
	}
	if f.on.ID != "" && id != f.dead {
		s.Volumes, f.on = append(slices.Clone(s.Volumes), f.on), api.Volume{}
	}
	f.state.System = &s
	return nil
}

func (f *patientFake) StartWeb(context.Context) error {
	f.mu.Lock()
	f.state.Web = &webapi.Console{Opened: true, SetupCode: f.setupCode}
	f.mu.Unlock()
	return f.act("web")
}

func (f *patientFake) SetPassword(_ context.Context, password string) (string, error) {
	if len(password) < 8 {
		return "", machine.Refusal("The password is too short.")
	}
	return "owner", f.act("password=" + password)
}

func (f *patientFake) StartEngine(context.Context) error { return f.act("start") }

func (f *patientFake) StopEngine(context.Context) error { return f.act("stop") }

func (f *patientFake) RebuildIndex(context.Context) error {
	f.mu.Lock()
	f.repair = api.Repair{Status: api.RepairStatusRunning, Step: "The files of all volumes are looked into.", Total: 40}
	f.mu.Unlock()
	return f.act("rebuild")
}

func TestNoPasswordIsAskedForWithoutAnAdministrator(t *testing.T) {
	f, p := inRescue(t)
	f.setupCode = "K3F9-0V1B"
	p.Type("6")
	talk(p, `There is no administrator on the volumes that are mounted\.`, "", `go back`, " ", `Choice: $`, "")
	if strings.Contains(p.All(), "New password") {
		t.Error("a password is asked for")
	}
}

func (f *patientFake) Repair(context.Context) (api.Repair, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unready > 0 {
		f.unready--
		return api.Repair{}, machine.Refusal("The engine service does not answer. Wait a moment and try again.")
	}
	if f.repair.Status == api.RepairStatusRunning {
		if f.repair.Done += 10; f.repair.Done > f.repair.Total {
			f.repair = api.Repair{Status: api.RepairStatusDone, Findings: f.findings}
		}
	}
	return f.repair, nil
}

func (f *patientFake) run(_ context.Context, command ...string) error {
	f.running.Lock()
	defer f.running.Unlock()
	f.ran = append(f.ran, strings.Join(command, " "))
	return f.failing
}

func (f *patientFake) hasRun() string {
	f.running.Lock()
	defer f.running.Unlock()
	return strings.Join(f.ran, "; ")
}

func inRescue(t *testing.T) (*patientFake, *terminaltest.Person) {
	t.Helper()
	f := &patientFake{fake: fake{state: machine.State{System: &api.Status{Version: "1.0", BootMode: api.StatusBootModeRescue, StorageSettled: true,
		Interfaces: []api.Interface{{Name: "lan1", Mac: "02:00:00:00:00:01", Disabled: true}},
		Disks:      []api.Disk{{ID: "id-a", Serial: "S-A", Model: "One", SizeBytes: 4e12, Use: api.DiskUseSystem}, {ID: "id-b", Serial: "S-B", Model: "Two\x1b[31m", SizeBytes: 8e12, Use: api.DiskUseVolume}},
		Volumes: []api.Volume{{ID: "v1", Name: "Settings", Disk: "id-a", Use: api.VolumeUseState, Status: api.VolumeStatusUnmounted},
			{ID: "v2", Name: "films", Disk: "id-b", Status: api.VolumeStatusUnmounted}},
		Media: []api.Medium{{ID: "usb-1", Name: "STICK", Filesystem: "exFAT", Status: api.MediumStatusPresent}}}}}}
	p := sitBefore(t, Config{Machine: f, Rescue: &Rescue{Mender: f, Run: f.run}})
	p.Read(`Rescue mode: nothing is recorded\. Press any key`)
	p.Type("\r")
	p.Read(`Rescue mode: nothing is recorded\. The network is off`)
	p.Read(`disk S-A, 4 TB, One: system\s+disk S-B, 8 TB, Two\?\[31m: volume\s+volume Settings on S-A: unmounted`)
	p.Read(`1  Shell +8  Copy logs to a USB disk`) // two columns: with a line for each, disks and volumes are no longer on the screen
	p.Read(`Choice: $`)
	return f, p
}

// talk waits for each even text and types the odd one after it.
func talk(p *terminaltest.Person, steps ...string) {
	for n := 0; n+1 < len(steps); n += 2 {
		p.Read(steps[n])
		p.Type(steps[n+1])
	}
}

func TestRescueModeRunsItsPrograms(t *testing.T) {
	f, p := inRescue(t)
	p.Type("1")
	talk(p, `Type exit`, "", `Choice: $`, "2", `Choice: $`, "2", `go back`, " ", `Choice: $`, "3", `go back`, " ", `Choice: $`, "8", `1  STICK, exFAT`, "", `Choice: $`, "1", `go back`, " ",
		`Choice: $`, "7", `boot loader|Of which disk`, "", `Choice: $`, "1", `disk S-A is written anew`, "", `goes back: $`, "no\r", `Nothing was done`, "",
		`Choice: $`, "7", `Choice: $`, "1", `goes back: $`, "yes\r", `go back`, " ", `Choice: $`, "2", `Choice: $`, "x", `Choice: $`, "")
	want := "; /bin/vigie rescue read id-b; /bin/vigie rescue memory; /bin/vigie rescue logs usb-1; /bin/vigie rescue loader id-a"
	if got := f.hasRun(); got != want {
		t.Errorf("ran %q", got)
	}
	f.running.Lock()
	f.failing = errors.New("no such socket")
	f.running.Unlock()
	p.Type("1")
	talk(p, `That did not work: no such socket\.`, " ", `Choice: $`, "")
	if got := f.did(); got != "" {
		t.Errorf("done: %q", got)
	}
}

func TestThePasswordIsSetWithAllVolumesMounted(t *testing.T) {
	f, p := inRescue(t)
	f.late = api.Volume{ID: "v3", Name: "more", Disk: "id-b", Status: api.VolumeStatusUnmounted}
	p.Type("6")
	talk(p, `are mounted for this`, "", `not shown; Esc goes back\): $`, "brief\r", `once more: $`, "brief\r", `too short`, "", `not shown; Esc goes back\): $`, "long enough 1\r", `once more: $`, "long enough 2\r",
		`The two differ`, "", `not shown; Esc goes back\): $`, "long enough 1\r", `once more: $`, "long enough 1\r", `Done\. owner logs in`, " ", `Choice: $`, "")
	if got := f.did(); got != "mount-v1 mount-v2 mount-v3 web password=long enough 1" {
		t.Errorf("done: %q", got)
	}
	if strings.Contains(p.All(), "enough") {
		t.Error("the password is on the screen")
	}
	p.Type("5") // they are mounted: nothing is asked
	p.Read(`lan1  02:00:00:00:00:01  switched off`)
	p.Read(`Choice: $`)
}

func TestWithoutAVolumeSettingsAreChangedOnAPersonsWordOnly(t *testing.T) {
	f, p := inRescue(t)
	f.hangs = "v2"
	p.Type("6")
	talk(p, `are mounted for this`, " ", // nobody waits a minute for a disk that hangs
		`volume films on S-B: unmounted`, "", `takes\s+their\s+place`, "", `goes back: $`, "\r", `Nothing was done`, "", `Choice: $`, "9")
	talk(p, `are mounted for this`, " ", `goes back: $`, "yes\r", `All settings go`, "\x1b", `Choice: $`, "")
	if got := f.did(); strings.Contains(got, "web") || strings.Contains(got, "factory") {
		t.Errorf("done: %q", got)
	}
}

// withArrays gives the machine a whole array, one of which a disk is missing and one was away, and another machine's.
func (f *patientFake) withArrays() {
	idle := func(serial string, position int) api.ArrayDisk {
		return api.ArrayDisk{Serial: serial, Position: position, State: api.ArrayDiskStateIdle}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := *f.state.System
	s.Arrays = []api.Array{
		{ID: "a1", Name: "pair", Level: "RAID 1", Status: api.ArrayStatusStopped, Reason: "Rescue mode.", Members: []api.ArrayDisk{idle("S-C", 1), idle("S-D", 2)}},
		{ID: "a2", Name: "six", Level: "RAID 6", Status: api.ArrayStatusStopped, Reason: "Rescue mode.", Members: []api.ArrayDisk{idle("S-E", 1), {Position: 2, State: api.ArrayDiskStateMissing}, idle("S-F", 3),
			{Serial: "S-G", Position: 4, State: api.ArrayDiskStateBehind}, {Serial: "S-H", State: api.ArrayDiskStateIdle}}},
		{ID: "a3", Name: "theirs", Level: "RAID 1", Machine: "vigie-x", Status: api.ArrayStatusForeign, Reason: "It belongs to another machine.", Members: []api.ArrayDisk{idle("S-I", 1), idle("S-J", 2)}},
	}
	f.state.System = &s
	f.on = api.Volume{ID: "v3", Name: "more", Status: api.VolumeStatusUnmounted}
}

func TestArraysAreStartedBeforeVolumesAreMounted(t *testing.T) {
	f, p := inRescue(t)
	f.withArrays()
	p.Type("6")
	talk(p, `Array pair is started\.`, "", `Array six: Of its 4 disks numbers 2 and 4 are missing\. Disk S-G was\s+away,`, "", `leaves it out: $`, "yes\r", `are mounted for this`, "",
		`Esc\s+goes\s+back\): $`, "\x1b", `Choice: $`, "")
	if got := f.did(); got != "array-a1 array-a2-degraded mount-v1 mount-v2 mount-v3 web" {
		t.Errorf("done: %q", got)
	}
}

func TestAnArrayIsLeftOutOnAPersonsWordOnly(t *testing.T) {
	f, p := inRescue(t)
	f.withArrays()
	f.dead = "a1"
	p.Type("5")
	talk(p, `Array pair: It could not be started: input/output error`, "", `leaves it out: $`, "\r", `are mounted for this`, "",
		`array pair, RAID 1, 2 of 2 disks: stopped`, "", `array six, RAID 6, 2 of 4 disks: stopped\. Of its 4 disks\s+numbers\s+2\s+and\s+4\s+are\s+missing`, "", `goes back: $`, "\r", `Nothing was done`, "", `Choice: $`, "")
	if got := f.did(); got != "array-a1 mount-v1 mount-v2" {
		t.Errorf("done: %q", got)
	}
}

func TestAnArrayIsStartedFromRescueModesMenu(t *testing.T) {
	f, p := inRescue(t)
	f.withArrays()
	p.Type("\r")
	talk(p, `array pair, RAID 1, 2 of 2 disks: stopped\s+array six, RAID 6, 2 of 4 disks: stopped\s+array theirs, RAID 1, 2 of 2 disks: foreign\s+volume`, "", `Choice: $`, "4",
		`3  array pair, RAID 1, 2 of 2 disks: stopped`, "", `Choice: $`, "5", `It belongs to another machine\.`, " ", // theirs
		`Choice: $`, "4", `Choice: $`, "4", `1  Start`, "", `Choice: $`, "1", `less\s+protection,\s+or\s+none`, "", `goes back: $`, "no\r", `Nothing was done`, "",
		`Choice: $`, "4", `Choice: $`, "3", `1  Start`, "", `Choice: $`, "1", `It runs\.`, " ", `Choice: $`, "4", `3  volume more`, "", `4  array six`, "", `Choice: $`, "x", `Choice: $`, "")
	if got := f.did(); got != "array-a1" {
		t.Errorf("done: %q", got)
	}
}

func TestAVolumeIsCheckedFromRescueModesMenu(t *testing.T) {
	f, p := inRescue(t)
	p.Type("4")
	talk(p, `2  volume films on S-B: unmounted`, "", `Choice: $`, "2", `2  Repair what`, "", `Choice: $`, "2", `Have the volume checked first`, " ", `Choice: $`, "4",
		`Choice: $`, "2", `1  Check: nothing is changed`, "", `Choice: $`, "1", `checked, and its file system is damaged`, " ",
		`Choice: $`, "4", `Choice: $`, "2", `Choice: $`, "2", `lost\+found`, "", `goes back: $`, "no\r", `Choice: $`, "r", `goes back: $`, "no\r", `Choice: $`, "")
	if got := f.did(); got != "check-v2" {
		t.Errorf("done: %q", got)
	}
}

func TestRescueModesMenuWorksWithoutTheSystemService(t *testing.T) {
	f, p := inRescue(t)
	f.mu.Lock()
	f.state.System = nil
	f.mu.Unlock()
	p.Type("\r")
	talk(p, `does not answer\. The shell and the tests work all the same`, "", `Choice: $`, "2", `does not answer`, " ", `Choice: $`, "1", `Type exit`, "", `Choice: $`, "")
	if got := f.hasRun(); got != "" { // one shell, which has no command
		t.Errorf("ran %q", got)
	}
}

func TestTheIndexIsBuiltAnewByTheEngineAlone(t *testing.T) {
	f, p := inRescue(t)
	f.unready, f.repair = 2, api.Repair{Status: api.RepairStatusNone}
	f.findings = []api.RepairFinding{{Kind: api.RepairFindingKindGood, Text: "Volume films: looked into 40 files; the index was right."}, {Kind: api.RepairFindingKindBad, Text: "Volume\x1b[2J holds 1 file."}}
	p.Type("i")
	talk(p, `are mounted for this`, "", `neither changed nor deleted`, "", `goes back: $`, "no\r", `Nothing was done`, "", `Choice: $`, "i", `goes back: $`, "yes\r",
		`The files of all volumes are looked into\.\s`, "", `50 %\s`, "", `- Volume films: looked into 40 files; the index was right\.`, "", `! Volume\?\[2J holds`, "", `Done: the index is rebuilt\.`, " ", `Choice: $`, "")
	if got := f.did(); got != "mount-v1 mount-v2 start rebuild stop" {
		t.Errorf("done: %q", got)
	}
}

func TestAnIndexThatCannotBeBuiltIsSaid(t *testing.T) {
	f, p := inRescue(t)
	f.repair = api.Repair{Status: api.RepairStatusRunning, Step: "The rows of the index are read.", Total: 1000} // begun before
	p.Type("i")
	talk(p, `goes back: $`, "yes\r", `The rows of the index are read`, "")
	f.mu.Lock()
	f.repair = api.Repair{Status: api.RepairStatusFailed, Findings: []api.RepairFinding{{Kind: api.RepairFindingKindBad, Text: "It was broken off: there is no data volume."}}}
	f.mu.Unlock()
	talk(p, `! It was broken off: there is no data volume`, "", `It could not be finished\. What is right by now stays so\.`, " ", `Choice: $`, "")
	if got := f.did(); got != "mount-v1 mount-v2 start stop" {
		t.Errorf("done: %q", got)
	}
}

func TestTheNetworkIsSwitchedOnWithAndWithoutSettings(t *testing.T) {
	f, p := inRescue(t)
	p.Type("n")
	talk(p, `are mounted for this`, "", `as the\s+settings\s+say,\s+until\s+the\s+restart`, "", `firewall\s+stays\s+shut`, "", `lan1  02:00:00:00:00:01  link is up\s+Address   192\.0\.2\.7/24`, "", `go back`, " ",
		`The network is on`, "", `Choice: $`, "")
	if got := f.did(); got != "mount-v1 mount-v2 network" {
		t.Errorf("done: %q", got)
	}

	f, p = inRescue(t)
	f.mu.Lock()
	s := *f.state.System
	s.Volumes, s.StorageSettled = nil, true
	f.state.System = &s
	f.mu.Unlock()
	p.Type("n")
	talk(p, `No settings are known: each card is switched on, and asks for an address\s+by\s+DHCP`, "", `192\.0\.2\.7/24`, "", `go back`, " ", `Choice: $`, "")
	if got := f.did(); got != "network" {
		t.Errorf("done: %q", got)
	}
}
