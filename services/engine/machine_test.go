package engine

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/archive"
)

func TestARestartedSystemServiceTakesNoVolumeAway(t *testing.T) {
	m := newMachine()
	mounted := []api.Volume{{ID: "a", Path: "/volumes/a", Status: api.VolumeStatusMounted}}
	for _, step := range []struct {
		what   string
		status api.Status
		want   int
	}{
		{"starting", api.Status{}, 0},
		{"settled", api.Status{StorageSettled: true, Volumes: mounted}, 1},
		{"restarted, has not looked yet", api.Status{Hostname: "x"}, 1},
		{"settled again", api.Status{StorageSettled: true, Volumes: mounted}, 1},
		{"the disk is pulled", api.Status{StorageSettled: true}, 0},
	} {
		m.set(step.status)
		if got := m.volumes(); len(got) != step.want {
			t.Errorf("%s: %d volumes, want %d", step.what, len(got), step.want)
		}
	}
	if m.set(api.Status{Hostname: "y"}); m.hostname() != "y" {
		t.Error("the rest of the word is not taken")
	}
}

// TestWhatBecomesOfEachVolume: where is recorded, what is only read, what is told as out of use, and where copies of the database go.
func TestWhatBecomesOfEachVolume(t *testing.T) {
	m := newMachine()
	m.set(api.Status{StorageSettled: true, Volumes: []api.Volume{
		{ID: "a", Path: "/volumes/a", Status: api.VolumeStatusMounted, Replaces: "z"},
		{ID: "b", Path: "/volumes/b", Status: api.VolumeStatusUnmounted, Reason: "It is being checked.", Disk: "d"},
		{ID: "c", Path: "/volumes/c", Status: api.VolumeStatusFailed, Reason: "Its disk was not there."},
		{ID: "d", Path: "/volumes/d", Status: api.VolumeStatusReadonly, Machine: "vigie-1"},
		{ID: "e", Path: "/volumes/e", Status: api.VolumeStatusMounted, Use: api.VolumeUseState},
	}})
	want := []archive.Volume{
		{ID: "a", Path: "/volumes/a", Replaces: "z"},
		{ID: "b", Unusable: "It is being checked."},
		{ID: "d", Path: "/volumes/d", ReadOnly: true, Foreign: true},
	}
	if got := m.volumes(); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	var copies []string
	for _, c := range m.copies() {
		copies = append(copies, c.ID)
	}
	if !slices.Equal(copies, []string{"a", "e"}) {
		t.Errorf("copies on %v", copies)
	}
}

func TestCamerasWaitForAnAddressWhileOneMayCome(t *testing.T) {
	link, plugged := api.Interface{Carrier: true}, api.Interface{Carrier: true, Addresses: []string{"192.0.2.1/24"}}
	for _, c := range []struct {
		what string
		list []api.Interface
		want bool
	}{
		{"nothing is known of any", nil, true},
		{"no cable", []api.Interface{{}}, true},
		{"a link without an address", []api.Interface{{}, link}, false},
		{"one of two has an address", []api.Interface{link, plugged}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			m.set(api.Status{Interfaces: c.list})
			if got := m.networked(t.Context(), networkWithin); got != c.want {
				t.Errorf("%s: %v", c.what, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		m, began := newMachine(), time.Now()
		m.set(api.Status{Interfaces: []api.Interface{link}})
		time.AfterFunc(time.Second, func() { m.set(api.Status{Interfaces: []api.Interface{plugged}}) })
		if !m.networked(t.Context(), networkWithin) || time.Since(began) != time.Second {
			t.Errorf("an address came after a second, noticed after %v", time.Since(began))
		}
	})
}
