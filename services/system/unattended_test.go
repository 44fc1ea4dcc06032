package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigie/internal/api"
)

func TestAMachineWithDisksOfAVigieIsTaken(t *testing.T) {
	mounted := func(t *testing.T, files ...string) api.Status {
		dir := t.TempDir()
		for _, f := range files {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return api.Status{Volumes: []api.Volume{{Name: "Gate", Path: dir, Status: api.VolumeStatusMounted}}}
	}
	another := mounted(t)
	another.Volumes[0].Machine = "m-1"
	failed := mounted(t)
	failed.Volumes[0].Status = api.VolumeStatusFailed
	for _, c := range []struct {
		name string
		s    api.Status
		want string
	}{
		{"no disk", api.Status{}, ""},
		{"blank disks, and others'", api.Status{Disks: []api.Disk{{Use: api.DiskUseBlank}, {Use: api.DiskUseOther}, {Use: api.DiskUseBoot}}}, ""},
		{"a volume that was made a moment ago", mounted(t, "vigie/volume.json", "vigie/accounts/accounts.1.snap", "vigie/index/engine.1.snap"), ""},
		{"an installed one", api.Status{Disks: []api.Disk{{Serial: "S1", Use: api.DiskUseSystem}}}, "Vigie is installed on disk S1."},
		{"settings", mounted(t, "vigie/machine/config.json"), "has settings"},
		{"settings of before", mounted(t, "vigie/machine/config.replaced.json"), "has settings"},
		{"recordings alone", mounted(t, "vigie/rec/abcdefgh/20260101/1-2-c-main.mkv"), "has recordings"},
		{"another machine's", another, "another Vigie's"},
		{"one that cannot be mounted", failed, "nobody knows"},
		{"an array that runs", api.Status{Arrays: []api.Array{{Name: "a", Status: api.ArrayStatusRunning}}}, ""},
		{"an array of another machine", api.Status{Arrays: []api.Array{{Name: "a", Status: api.ArrayStatusForeign}}}, "The array a does not run"},
	} {
		if got := takenBy(c.s); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
