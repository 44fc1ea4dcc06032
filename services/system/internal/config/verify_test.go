package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigie/internal/sysconfig"
)

func TestADamagedCopyIsNoticedAndWrittenAnew(t *testing.T) {
	r := newRig(t, t.TempDir())
	a, b := newVolume(t, nil), newVolume(t, nil)
	r.Attach("a", a)
	r.Attach("b", b)
	check := func(id string) Copy {
		t.Helper()
		r.verify(r.volumes[id])
		for _, c := range r.Copies() {
			if c.Volume == id {
				return c
			}
		}
		t.Fatal("no copy")
		return Copy{}
	}
	if c := check("a"); c.Generation != 0 || c.DamagedMs != 0 {
		t.Errorf("before anything is configured: %+v", c)
	}
	if err := r.Change(setHost("gate")); err != nil {
		t.Fatal(err)
	}
	if c := check("a"); c.Generation != 1 || c.SavedMs != 77 || c.CheckedMs != 77 || c.SizeBytes == 0 || c.DamagedMs != 0 || c.Problem != "" {
		t.Errorf("%+v", c)
	}
	for what, spoil := range map[string]func(path string) error{
		"not there":  os.Remove,
		"SHA-256":    func(path string) error { return flip(path) },
		"generation": func(path string) error { return other(path) },
	} {
		if err := spoil(filepath.Join(a, folder, file)); err != nil {
			t.Fatal(err)
		}
		if c := check("a"); c.DamagedMs != 77 || c.Damage == "" {
			t.Errorf("%s: %+v", what, c)
		}
		if d := onVolume(t, a, file); d.Generation != 1 || d.Config.Hostname != "gate" {
			t.Errorf("%s: not written anew: %+v", what, d)
		}
	}
	if c := check("b"); c.DamagedMs != 0 {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(r.log.String(), "volume=a") {
		t.Error("the log does not name it")
	}
	if err := os.RemoveAll(filepath.Join(b, folder)); err != nil {
		t.Fatal(err)
	}
	if c := check("b"); c.Problem == "" || c.Damage == "" {
		t.Errorf("what cannot be written: %+v", c)
	}
}

// flip changes a byte in the middle of a file.
func flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// other puts another document of the same generation into a file.
func other(path string) error {
	d, err := read(path)
	if err != nil {
		return err
	}
	d.Config.Hostname = "elsewhere"
	b, err := sysconfig.Encode(d)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}
