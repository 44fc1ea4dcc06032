package engine

import (
	"testing"

	"vigie/internal/api"
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
