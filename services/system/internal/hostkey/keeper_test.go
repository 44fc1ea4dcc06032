package hostkey

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
)

type rig struct {
	*Keeper
	now time.Time
	log strings.Builder
}

func newRig(t *testing.T, dir string, now time.Time) *rig {
	t.Helper()
	r := &rig{now: now}
	r.Keeper = New(dir, func() time.Time { return r.now }, slog.New(slog.NewTextHandler(io.MultiWriter(&r.log, t.Output()), nil)))
	r.Open()
	return r
}

func newVolume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (r *rig) is(t *testing.T, want string) {
	t.Helper()
	key, err := r.Key()
	if err != nil || key.Fingerprint() != want || r.Fingerprint() != want {
		t.Errorf("got %v, %v, want %s", key, err, want)
	}
}

func on(t *testing.T, volume, name string) string {
	t.Helper()
	path := filepath.Join(volume, folder, name)
	key, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", path, info, err)
	}
	return key.Fingerprint()
}

// made is a machine that has made its key and left it on a volume.
func made(t *testing.T, now time.Time) (volume, fingerprint string) {
	t.Helper()
	r, volume := newRig(t, t.TempDir(), now), newVolume(t)
	r.Attach("a", volume)
	r.Settle()
	key, err := r.Key()
	if err != nil {
		t.Fatal(err)
	}
	return volume, key.Fingerprint()
}

func TestTheKeyIsMadeOnceAndOutlivesEverything(t *testing.T) {
	dir, a, b := t.TempDir(), newVolume(t), newVolume(t)
	r := newRig(t, dir, time.UnixMilli(1000))
	r.Attach("a", a)
	if _, err := r.Key(); !errors.Is(err, ErrWaiting) || r.Fingerprint() != "" {
		t.Errorf("handed out before all disks were looked at: %v", err)
	}
	r.Settle()
	key, err := r.Key()
	if err != nil {
		t.Fatal(err)
	}
	want := key.Fingerprint()
	r.Attach("b", b)
	if on(t, a, file) != want || on(t, b, file) != want {
		t.Error("not on both volumes")
	}
	newRig(t, dir, time.UnixMilli(2000)).is(t, want) // the service was restarted
	boot := newRig(t, t.TempDir(), time.UnixMilli(3000))
	boot.Attach("b", b)
	boot.Settle()
	boot.is(t, want)
	if strings.Contains(r.log.String(), "PRIVATE") || !strings.Contains(key.PEM(), "OPENSSH PRIVATE KEY") {
		t.Errorf("log %s", r.log.String())
	}
}

func TestWithoutVolumesTheKeyIsInMemoryUntilOneComes(t *testing.T) {
	r := newRig(t, t.TempDir(), time.UnixMilli(1000))
	r.Settle()
	key, err := r.Key()
	if err != nil {
		t.Fatal(err)
	}
	late := newVolume(t)
	r.Attach("late", late)
	if on(t, late, file) != key.Fingerprint() {
		t.Error("not on the volume that came")
	}
}

func TestOfSeveralKeysTheOldestIsTheMachinesAtBootAndItsOwnLater(t *testing.T) {
	older, first := made(t, time.UnixMilli(1000))
	newer, second := made(t, time.UnixMilli(2000))
	torn := newVolume(t)
	if err := os.WriteFile(filepath.Join(torn, folder, file), []byte(`{"format":"vigie-ssh-host-k`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, t.TempDir(), time.UnixMilli(3000))
	r.Attach("newer", newer)
	r.Attach("torn", torn)
	r.Attach("older", older)
	r.Settle()
	r.is(t, first)
	for _, v := range []string{older, newer, torn} {
		if on(t, v, file) != first {
			t.Errorf("%s has another", v)
		}
	}
	if !strings.Contains(r.log.String(), "volume=torn") {
		t.Error("the torn copy is not named")
	}
	_ = second

	oldest, third := made(t, time.UnixMilli(500))
	r.Attach("oldest", oldest)
	r.is(t, first)
	if on(t, oldest, file) != first || on(t, oldest, replaced) != third {
		t.Error("a disk that came later was not brought up to date, or what it brought is lost")
	}
}

func TestAHangingDiskHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), time.Now())
		good := newVolume(t)
		r.Attach("good", good)
		r.Attach("hangs", newVolume(t))
		r.mu.Lock()
		stuck := r.volumes["hangs"]
		r.mu.Unlock()
		release := make(chan struct{})
		stuck.writing <- struct{}{} // as a write that never returns would
		go func() { <-release; <-stuck.writing }()
		r.Settle()
		began := time.Now()
		key, err := r.Key()
		if err != nil || time.Since(began) != patience || on(t, good, file) != key.Fingerprint() {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		r.Detach("hangs")
		close(release)
	})
}

func FuzzDecode(f *testing.F) {
	k, err := generate(time.UnixMilli(5))
	if err != nil {
		f.Fatal(err)
	}
	b, err := k.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"vigie-ssh-host-key","createdMs":1,"sha256":"","key":""}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := decode(b)
		if err != nil {
			return
		}
		again, err := k.encode()
		if err != nil {
			t.Fatal(err)
		}
		if o, err := decode(again); err != nil || *o != *k {
			t.Errorf("%q became %+v, %v", b, o, err)
		}
	})
}
