package hostkey

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAForgottenKeyIsTakenFromNoVolume(t *testing.T) {
	volume, old := made(t, time.UnixMilli(1000))
	r := newRig(t, t.TempDir(), time.UnixMilli(2000))
	r.Attach("a", volume)
	r.is0(t, old)
	if got := OnVolume(volume); len(got) != 1 || got[0] != old {
		t.Errorf("on the volume: %v", got)
	}
	if n, err := Erase(volume, []string{"SHA256:another"}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	r.Forget([]string{old})
	r.is0(t, "")
	r.Attach("a", volume) // its copy is still there
	r.Settle()
	r.is0(t, "")
	if n, err := Erase(volume, []string{old}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(volume, folder, file)); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	key, err := r.Key()
	if err != nil || key.Fingerprint() == old {
		t.Fatalf("%v, %v", key, err)
	}
	if got := on(t, volume, file); got != key.Fingerprint() {
		t.Errorf("the volume has %s", got)
	}
}

// is0 checks which key there is, without making one.
func (r *rig) is0(t *testing.T, want string) {
	t.Helper()
	if got := r.Fingerprint(); got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}
