package menu

import (
	"context"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
)

func (f *fake) Update(context.Context) (api.Update, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.update
	if len(f.writing) > 0 {
		u.Writing = f.writing[0]
		if len(f.writing) > 1 {
			f.writing = f.writing[1:]
		}
	}
	return u, nil
}

func (f *fake) FindUpdates(_ context.Context, medium string) ([]api.UpdateOffer, error) {
	return f.offers, f.act("look:" + medium)
}

func (f *fake) CopyUpdate(_ context.Context, offer string) error   { return f.act("copy:" + offer) }
func (f *fake) TryUpdate(_ context.Context, version string) error  { return f.act("start:" + version) }
func (f *fake) Eject(_ context.Context, medium string) (err error) { return f.act("eject:" + medium) }

// installed is a machine with two versions, and a USB disk with one that is newer than both.
func installed(writing ...api.UpdateWriting) *fake {
	f := &fake{state: ready(), writing: writing}
	f.state.System.BootMode = api.StatusBootModeInstalled
	f.state.System.Media = []api.Medium{{ID: "u0", Name: "gone", Status: api.MediumStatusEjected}, {ID: "u1", Name: "STICK", Filesystem: "exFAT", Status: api.MediumStatusPresent}}
	f.update = api.Update{Possible: true, Slots: []api.UpdateSlot{{ID: "a", Running: true, Version: "1.1"}, {ID: "b", Version: "1.0", Relation: api.UpdateSlotRelationOlder}},
		History: []api.UpdateOutcome{{From: "1.0", To: "1.1", Result: api.UpdateOutcomeResultConfirmed}}}
	f.offers = []api.UpdateOffer{{ID: "o1", Version: "1.2", File: "vigie-1.2.img", Bytes: 52e6, Notes: "Faster.\nAnd a line more.", Relation: api.UpdateOfferRelationNewer, Warning: "It needs a minute longer."}}
	return f
}

// awaits waits for what the machine was asked for.
func (f *fake) awaits(t *testing.T, want string) {
	t.Helper()
	got := f.did()
	for end := time.Now().Add(10 * time.Second); got != want && time.Now().Before(end); got = f.did() {
		time.Sleep(time.Millisecond)
	}
	if got != want {
		t.Errorf("done %q, want %q", got, want)
	}
}

func TestAnUpdateIsTakenFromAUSBDisk(t *testing.T) {
	running := func(percent int) api.UpdateWriting {
		return api.UpdateWriting{Version: "1.2", Status: api.UpdateWritingStatusRunning, Percent: percent}
	}
	f := installed(api.UpdateWriting{}, running(0), running(4), running(51), api.UpdateWriting{Version: "1.2", Status: api.UpdateWritingStatusDone, Percent: 100})
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type(" ")
	p.Read(`6  Versions and updates`)
	p.Read(`Choice: $`)
	p.Type("6")
	p.Read(`This machine runs version 1\.1\.`)
	p.Read(`other slot is version 1\.0 \(older\)`)
	p.Read(`Version 1\.1 has taken the place of 1\.0, and works\.`)
	p.Read(`2  Start version 1\.0`)
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`1  STICK, exFAT`)
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`1  1\.2, in vigie-1\.2\.img`)
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`(?s)Version 1\.2, signed, 52.*It needs a minute.*Faster\.\r\nAnd a line more\.`)
	p.Read(`goes back: $`)
	f.awaits(t, "look:u1")
	p.Type("yes\r")
	p.Read(`0 % is written\.`)
	p.Read(`51 % is written\.`)
	p.Read(`Version 1\.2 is written, and was read back whole\.`)
	p.Read(`can be pulled\.`)
	p.Read(`(?s)restarts into version 1\.2.*goes back: $`)
	f.awaits(t, "look:u1 copy:o1 eject:u1")
	p.Type("yes\r")
	p.Read(`The machine is restarting`)
	f.awaits(t, "look:u1 copy:o1 eject:u1 start:1.2")
}

func TestTheOtherVersionIsStartedFromTheConsole(t *testing.T) {
	f := installed()
	p := sit(t, f, true)
	p.Read(Hint)
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("6")
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`(?s)restarts into version 1\.0.*goes back: $`)
	p.Type("yes\r")
	p.Read(`The machine is restarting`)
	f.awaits(t, "start:1.0")
}

func TestAnUpdateThatIsRefusedOrFailsIsTold(t *testing.T) {
	f := installed(api.UpdateWriting{}, api.UpdateWriting{Version: "1.2", Status: api.UpdateWritingStatusFailed, Message: "The slot does not give back what was written."})
	f.refuse = machine.Refusal("vigie-1.2.img: It is not signed by anybody whom this machine trusts.")
	p := sit(t, f, false)
	look := func() {
		p.Read(`Choice: $`)
		p.Type("6")
		p.Read(`Choice: $`)
		p.Type("1")
		p.Read(`Choice: $`)
		p.Type("1")
	}
	p.Read(Hint)
	p.Type(" ")
	look()
	p.Read(`not signed by anybody`)
	p.Read(`Press a key`)
	f.mu.Lock()
	f.refuse = nil
	f.mu.Unlock()
	p.Type(" ")
	look()
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`does not give back`)
	f.awaits(t, "look:u1 copy:o1")
}

func TestOnlyAnInstalledMachineHasVersions(t *testing.T) {
	f := installed()
	f.state.System.BootMode = api.StatusBootModeLive
	m := New(Config{Machine: f})
	if m.updatable(t.Context()) {
		t.Error("a machine in live mode is updated")
	}
	f.state.System.BootMode = api.StatusBootModeInstalled
	if !m.updatable(t.Context()) {
		t.Error("an installed one is not")
	}
	if m.Remote = true; m.updatable(t.Context()) {
		t.Error("it is updated from elsewhere")
	}
}
