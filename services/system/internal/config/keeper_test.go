package config

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/sysconfig"
)

type rig struct {
	*Keeper
	applied []sysconfig.Config
	log     strings.Builder
}

func newRig(t *testing.T, dir string) *rig {
	t.Helper()
	r := &rig{}
	r.Keeper = New(dir, func(c sysconfig.Config) { r.applied = append(r.applied, c) }, func() time.Time { return time.UnixMilli(77) },
		slog.New(slog.NewTextHandler(io.MultiWriter(&r.log, t.Output()), nil)))
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	return r
}

func newVolume(t *testing.T, doc *sysconfig.Document) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	if doc != nil {
		b, err := sysconfig.Encode(*doc)
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, b)
	}
	return dir
}

func put(t *testing.T, volume string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(volume, folder, file), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func document(generation int64, hostname string) *sysconfig.Document {
	return &sysconfig.Document{Generation: generation, Config: sysconfig.Config{Hostname: hostname, NTPServers: []string{}}}
}

func (r *rig) host(t *testing.T, want string) {
	t.Helper()
	if got := r.Config().Hostname; got != want || r.applied[len(r.applied)-1].Hostname != want {
		t.Errorf("hostname %q, applied %+v, want %q", got, r.applied, want)
	}
}

func onVolume(t *testing.T, dir, name string) sysconfig.Document {
	t.Helper()
	d, err := read(filepath.Join(dir, folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func setHost(name string) func(*sysconfig.Config) {
	return func(c *sysconfig.Config) { c.Hostname = name }
}

func TestTheNewestCopyOfAnyVolumeIsTakenAtBoot(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.host(t, "")
	old, newest, torn, blank := newVolume(t, document(3, "old")), newVolume(t, document(9, "newest")), newVolume(t, nil), newVolume(t, nil)
	put(t, torn, []byte(`{"format":"vigie-machine","version":1,"sha`))
	r.Attach("old", old)
	r.host(t, "old")
	r.Attach("torn", torn)
	r.Attach("newest", newest)
	r.Attach("blank", blank)
	r.host(t, "newest")
	for _, dir := range []string{old, newest, torn, blank} {
		if d := onVolume(t, dir, file); d.Generation != 9 || d.Config.Hostname != "newest" {
			t.Errorf("%s has %+v", dir, d)
		}
	}
	if !strings.Contains(r.log.String(), "passed over") || !strings.Contains(r.log.String(), "volume=torn") {
		t.Errorf("the torn copy is not named: %s", r.log.String())
	}
}

func TestALateDiskFromElsewhereDoesNotTakeOver(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.Settle()
	first := newVolume(t, document(5, "here"))
	r.Attach("first", first) // nothing was configured yet: taken even now
	r.host(t, "here")
	foreign := newVolume(t, document(50, "elsewhere"))
	r.Attach("foreign", foreign)
	r.host(t, "here")
	if d := onVolume(t, foreign, file); d.Config.Hostname != "here" {
		t.Errorf("not brought up to date: %+v", d)
	}
	if d := onVolume(t, foreign, replaced); d.Config.Hostname != "elsewhere" {
		t.Errorf("what it brought is lost: %+v", d)
	}
}

func TestChangeIsOnEveryVolumeAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir)
	a, b, gone := newVolume(t, nil), newVolume(t, nil), newVolume(t, nil)
	r.Attach("a", a)
	r.Attach("b", b)
	r.Attach("gone", gone)
	r.Detach("gone")
	if err := r.Change(setHost("gate")); err != nil {
		t.Fatal(err)
	}
	r.host(t, "gate")
	if x, y := onVolume(t, a, file), onVolume(t, b, file); x.Generation != 1 || x.SavedMs != 77 || y.Config.Hostname != "gate" {
		t.Errorf("got %+v %+v", x, y)
	}
	if _, err := read(filepath.Join(gone, folder, file)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a detached volume was written to: %v", err)
	}
	var field *sysconfig.FieldError
	if err := r.Change(setHost("a b")); !errors.As(err, &field) || field.Field != "hostname" {
		t.Errorf("got %v", err)
	}
	r.host(t, "gate")
	newRig(t, dir).host(t, "gate")
}

func TestChangeFailsWhenNoVolumeTakesIt(t *testing.T) {
	r := newRig(t, t.TempDir())
	bad, good := newVolume(t, nil), newVolume(t, nil)
	r.Attach("bad", bad)
	if err := os.RemoveAll(filepath.Join(bad, folder)); err != nil {
		t.Fatal(err)
	}
	if err := r.Change(setHost("x")); err == nil {
		t.Error("no error")
	}
	r.host(t, "")
	r.Attach("good", good)
	if err := r.Change(setHost("x")); err != nil {
		t.Errorf("one volume is enough: %v", err)
	}
	if d := onVolume(t, good, file); d.Generation != 1 {
		t.Errorf("got %+v", d)
	}
}

func TestAHangingDiskHoldsUpNeitherChangeNorTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		good := newVolume(t, nil)
		r.Attach("good", good)
		r.Attach("hangs", newVolume(t, nil))
		r.mu.Lock()
		stuck := r.volumes["hangs"]
		r.mu.Unlock()
		release := make(chan struct{})
		stuck.writing <- struct{}{} // as a write that never returns would
		go func() { <-release; <-stuck.writing }()
		began := time.Now()
		if err := r.Change(setHost("gate")); err != nil || time.Since(began) != patience {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		r.host(t, "gate")
		if d := onVolume(t, good, file); d.Config.Hostname != "gate" {
			t.Errorf("got %+v", d)
		}
		began = time.Now()
		r.Settle()
		r.Detach("hangs")
		if time.Since(began) != 0 {
			t.Errorf("waited %v for a dead disk", time.Since(began))
		}
		close(release)
	})
}
