package menu

import (
	"testing"

	"vigie/internal/api"
	"vigie/internal/console/machine"
)

func TestAFactoryResetWantsItsWordsAndASerialForEachVolume(t *testing.T) {
	f := &fake{state: ready()}
	f.state.System.Disks = []api.Disk{{ID: "d1", Serial: "S1"}, {ID: "d2", Serial: "S2"}, {ID: "d3", Serial: "S3"}}
	f.state.System.Volumes = []api.Volume{
		{ID: "v1", Name: "Gate", Use: api.VolumeUseData, Status: api.VolumeStatusMounted, Disk: "d1"},
		{ID: "v2", Name: "Yard", Use: api.VolumeUseData, Status: api.VolumeStatusMounted, Disk: "d2"},
		{ID: "v3", Name: "Settings", Use: api.VolumeUseState, Status: api.VolumeStatusMounted, Disk: "d3"},
		{ID: "v4", Name: "Away", Use: api.VolumeUseData, Status: api.VolumeStatusFailed},
	}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type(" ")
	begin := func(gate, yard string) {
		p.Read(`Choice: $`)
		p.Type("5")
		p.Read(`Recordings stay`)
		p.Read(`Volume Gate: Enter keeps its recordings; to erase them, type its disk's serial,\s*\nS1: $`)
		p.Type(gate + "\r")
		p.Read(`Volume Yard: Enter keeps[^$]*S2: $`)
		p.Type(yard + "\r")
		p.Read(`cannot be`)
		p.Read(`anything else goes back: $`)
	}
	begin("", "")
	p.Type("yes\r")
	p.Read(`Nothing was done\.`)
	begin("S2\rS1", "") // the first is refused
	p.Type("reset\r")
	p.Read(`Nothing was done\.`)
	if got := f.did(); got != "" {
		t.Errorf("done: %q", got)
	}
	f.mu.Lock()
	f.refuse = machine.Refusal("The machine is being tried.")
	f.mu.Unlock()
	begin("", "")
	p.Type("factory reset\r")
	p.Read(`The machine is being tried\.`)
	f.mu.Lock()
	f.refuse = nil
	f.mu.Unlock()
	p.Type(" ")
	begin("", "S2")
	p.Type("Factory Reset\r")
	p.Read(`The machine is reset, and restarts\.`)
	if got := f.did(); got != "factory reset v2=S2" {
		t.Errorf("done: %q", got)
	}
}
