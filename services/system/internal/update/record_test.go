package update

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
)

var foreignRecords = []struct{ name, text string }{
	{"not JSON", "x"}, {"another version", `{"version":2}`}, {"something behind it", `{"version":1} {}`},
	{"a trial of no slot", `{"version":1,"trial":{"number":1,"slot":"c"}}`}, {"a trial without a number", `{"version":1,"trial":{"slot":"a"}}`},
	{"an outcome of no kind", `{"version":1,"history":[{"result":"x"}]}`}, {"a text that moves the cursor", `{"version":1,"history":[{"result":"returned","reason":"\u001b[2J"}]}`},
	{"a number that is none", `{"version":1,"seq":-1}`},
	{"one that is well", `{"version":1,"system":"s","seq":7,"plan":{"to":"2","atMs":5,"withinMs":6,"by":"ann"},"trial":{"number":1,"slot":"a","from":"1","to":"2","by":"ann","startedMs":5,"withinMs":6,"cameras":["c"],"volumes":["v"],"problem":"No."},"history":[{"atMs":1,"from":"0","to":"1","result":"confirmed"}],"later":true}`},
}

func TestAForeignRecordIsReadWithCare(t *testing.T) {
	for i, c := range foreignRecords {
		r, err := decode([]byte(c.text))
		if well := i == len(foreignRecords)-1; well != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		} else if well {
			b, err := r.encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(b)
			if diff := cmp.Diff(r, again); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range foreignRecords {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decode(text)
		if err != nil {
			return
		}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(b); err != nil {
			t.Errorf("it cannot be read again: %v", err)
		}
		if r.Trial != nil {
			_ = r.Trial.verdict(Seen{At: time.Unix(0, 0)})
		}
	})
}

// TestSettingsOfBeforeComeBackWhateverWasCutShort: after each step of a return the power goes, and the volume is mounted again.
func TestSettingsOfBeforeComeBackWhateverWasCutShort(t *testing.T) {
	for name, cut := range map[string]func(at func(string) string) error{
		"nothing was done": func(func(string) string) error { return nil },
		"links were made": func(at func(string) string) error {
			return errors.Join(os.Mkdir(at("accounts.restored"), 0o700), os.WriteFile(at("accounts.restored/half"), nil, 0o600))
		},
		"the folder is away, and was made anew": func(at func(string) string) error {
			return errors.Join(os.Rename(at("accounts"), at("accounts.replaced")), os.Mkdir(at("accounts"), 0o700))
		},
		"one database is back": func(at func(string) string) error {
			root, err := os.OpenRoot(filepath.Dir(at("")))
			if err != nil {
				return err
			}
			defer root.Close()
			return putBackDatabase(root, "accounts")
		},
		"the configuration is linked": func(at func(string) string) error {
			return os.Link(at("before/config.json"), at("machine/.config.json.before"))
		},
	} {
		volume := t.TempDir()
		at := func(name string) string { return filepath.Join(volume, "vigie", name) }
		write := func(name, text string) {
			t.Helper()
			if err := errors.Join(os.MkdirAll(filepath.Dir(at(name)), 0o700), os.RemoveAll(at(name)), os.WriteFile(at(name), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		write("accounts/1.snap", "before")
		write("accounts/aside/x", "put aside")
		write("index/1.journal", "before")
		write("machine/config.json", "before")
		write("rec/c/x.mkv", "footage")
		want := tree(t, volume)
		delete(want, "vigie/accounts/aside/x")
		if err := keep(volume, marker{"s", "b", 5}); err != nil {
			t.Fatal(err)
		}
		if m, ok, err := kept(volume); !ok || err != nil || m != (marker{"s", "b", 5}) {
			t.Fatalf("%+v %v %v", m, ok, err)
		}
		write("accounts/2.snap", "later")
		if err := errors.Join(os.Remove(at("accounts/1.snap")), os.Remove(at("index/1.journal"))); err != nil {
			t.Fatal(err)
		}
		write("index/1.journal", "later")
		write("machine/config.json", "later")
		if err := errors.Join(cut(at), putBack(volume)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, tree(t, volume)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, ok, err := kept(volume); ok || err != nil {
			t.Errorf("%s: still kept, %v", name, err)
		}
	}
}

func TestAVolumeWithoutConfigurationHasNoneAfterAReturn(t *testing.T) {
	volume := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(volume, "vigie/accounts"), 0o700), os.MkdirAll(filepath.Join(volume, "vigie/index"), 0o700), os.Mkdir(filepath.Join(volume, "vigie/machine"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := keep(volume, marker{"s", "b", 5}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(volume, configFile), nil, 0o600), putBack(volume)); err != nil {
		t.Fatal(err)
	}
	if len(tree(t, volume)) != 0 {
		t.Errorf("%v", tree(t, volume))
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerdict(t *testing.T) {
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	well := func() Seen {
		s := Seen{At: started.Add(time.Minute), Settled: true, Services: []api.Service{{Name: "engine", Status: api.ServiceStatusReady}},
			Volumes: []api.Volume{{ID: "v1", Name: "Data", Status: api.VolumeStatusMounted}, {ID: "v2", Status: api.VolumeStatusFailed}}}
		for n := range 40 {
			s.Cameras = append(s.Cameras, recorded(string(rune('A'+n))))
		}
		return s
	}
	before := trial{StartedMs: started.UnixMilli(), Volumes: []string{"v1"}}
	for _, c := range well().Cameras {
		before.Cameras = append(before.Cameras, c.ID)
	}
	off := func(s *Seen, n int) {
		for i := range n {
			s.Cameras[i].State = api.CameraState{Status: api.CameraStateStatusOffline, Reason: "It does not answer."}
		}
	}
	for name, c := range map[string]struct {
		change func(*Seen)
		want   string
	}{
		"well":                        {func(*Seen) {}, ""},
		"a volume that failed before": {func(s *Seen) { s.Volumes = s.Volumes[:1] }, ""},
		"two of forty cameras":        {func(s *Seen) { off(s, 2) }, ""},
		"three of forty":              {func(s *Seen) { off(s, 3) }, "3 of 40 cameras that were recorded before are not: Camera A is offline. It does not answer."},
		"removed":                     {func(s *Seen) { s.Cameras = nil }, ""},
		"switched off": {func(s *Seen) {
			off(s, 40)
			for i := range s.Cameras {
				s.Cameras[i].Enabled = false
			}
		}, ""},
		"not to be recorded now": {func(s *Seen) {
			for i := range s.Cameras {
				s.Cameras[i].State.Streams = []api.StreamState{{Recordings: []api.RecordingState{{}}}}
			}
		}, ""},
		"a service that nobody asked for": {func(s *Seen) {
			s.Services = append(s.Services, api.Service{Name: "shell", Status: api.ServiceStatusStopped, OnDemand: true})
		}, ""},
		"a service":                             {func(s *Seen) { s.Services[0].Status = api.ServiceStatusUnhealthy; s.Services[0].Reason = "No." }, "The service engine is unhealthy. No."},
		"no supervisor":                         {func(s *Seen) { s.Services = nil }, "The supervisor does not say how the services are."},
		"the web admin":                         {func(s *Seen) { s.Web = "connection refused" }, "The web admin does not answer: connection refused."},
		"the recorder":                          {func(s *Seen) { s.Engine = "no socket" }, "The recorder does not answer: no socket."},
		"disks":                                 {func(s *Seen) { s.Settled = false }, "The disks are still being looked at."},
		"a volume":                              {func(s *Seen) { s.Volumes[0].Status, s.Volumes[0].Reason = api.VolumeStatusReadonly, "Protected." }, "The volume Data cannot be used. Protected."},
		"a volume that is gone":                 {func(s *Seen) { s.Volumes = nil }, "The volume v1 is not there any more."},
		"the clock, by a battery's inaccuracy":  {func(s *Seen) { s.At = started.Add(-30 * time.Second) }, ""},
		"the clock, by a battery that is empty": {func(s *Seen) { s.At = started.AddDate(-6, 0, 0) }, "The clock is behind: it is 2020-03-01 12:00:00, and was 2026-03-01 12:00:00 before the restart."},
	} {
		s := well()
		c.change(&s)
		if got := before.verdict(s); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
