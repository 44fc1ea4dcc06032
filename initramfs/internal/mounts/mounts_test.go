package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/mountinfo"
)

func TestTableIsTight(t *testing.T) {
	seen := map[string]bool{}
	late := false
	for _, m := range Table() {
		if m.Flags&nosuid == 0 || m.Flags&noexec == 0 {
			t.Errorf("%s allows set-uid programs or programs", m.Target)
		}
		if devices := m.Type == "devtmpfs" || m.Type == "devpts"; (m.Flags&nodev == 0) != devices {
			t.Errorf("%s: devices allowed: %v", m.Target, !devices)
		}
		if m.Type == "tmpfs" && !(strings.Contains(m.Data, "size=") && strings.Contains(m.Data, "mode=")) {
			t.Errorf("%s has no size or mode: %q", m.Target, m.Data)
		}
		if seen[m.Target] || !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) != m.Target {
			t.Errorf("%s: twice, or not a clean path", m.Target)
		}
		for parent := range seen {
			if strings.HasPrefix(parent, m.Target+"/") {
				t.Errorf("%s would hide %s", m.Target, parent)
			}
		}
		if m.Early && (late || m.Optional || m.Needs != "") {
			t.Errorf("%s: early entries come first and always", m.Target)
		}
		late = late || !m.Early
		seen[m.Target] = true
	}
	for _, target := range []string{"/proc", "/sys", "/dev", "/dev/pts", "/run", "/tmp", "/volumes", "/sys/fs/cgroup", "/sys/firmware/efi/efivars"} {
		if !seen[target] {
			t.Errorf("%s is missing", target)
		}
	}
}

// TestTableIsAcceptedByTheKernel mounts every kind for real in a name space of its own.
func TestTableIsAcceptedByTheKernel(t *testing.T) {
	done := make(chan struct{})
	go func() { // its thread ends with it: it is locked to a name space of its own
		defer close(done)
		lockToPrivateMounts(t)
		root := t.TempDir()
		for _, m := range Table() {
			if m.Type == "efivarfs" || m.Type == "devtmpfs" {
				continue // needs EFI; devtmpfs is one instance for the whole machine, whose size this must not change
			}
			if err := m.Mount(root); err != nil {
				t.Error(err)
				continue
			}
			var st unix.Statfs_t
			if err := unix.Statfs(filepath.Join(root, m.Target), &st); err != nil {
				t.Error(err)
			} else if want := int64(m.Flags); st.Flags&want != want {
				t.Errorf("%s: flags %#x, want %#x", m.Target, st.Flags, want)
			}
		}
		text, err := os.ReadFile("/proc/thread-self/mountinfo")
		if err != nil {
			t.Error(err)
			return
		}
		mounted, err := mountinfo.Parse(string(text))
		if err != nil {
			t.Error(err)
		}
		targets := Below(mounted, root)
		if len(targets) != len(Table())-2 {
			t.Errorf("mounted: %q", targets)
		}
		for _, target := range targets {
			if err := unix.Unmount(target, 0); err != nil {
				t.Errorf("%s: %v", target, err)
			}
		}
	}()
	<-done
}

func TestUnmountGoesInsideOutAndSideBySide(t *testing.T) {
	mounted := []mountinfo.Mount{{Target: "/"}, {Target: "/volumes"}, {Target: "/volumes/a"}, {Target: "/volumes/a/x"}, {Target: "/volumes/b"}, {Target: "/volumesx"}}
	targets := Below(mounted, "/volumes")
	if want := []string{"/volumes/b", "/volumes/a/x", "/volumes/a", "/volumes"}; !slices.Equal(targets, want) {
		t.Errorf("targets %q", targets)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		hung := make(chan struct{})
		errs := Unmount([]string{"/v/hung", "/v/a/x", "/v/a", "/v/bad"}, 2*time.Second, func(target string) error {
			mu.Lock()
			order = append(order, target)
			mu.Unlock()
			switch target {
			case "/v/hung":
				<-hung
			case "/v/bad":
				return errors.New("i/o error")
			}
			return nil
		})
		if len(errs) != 2 || !strings.Contains(errs["/v/hung"].Error(), "not done after 2.0 s") || !strings.Contains(errs["/v/bad"].Error(), "i/o error") {
			t.Errorf("errors %v", errs)
		}
		mu.Lock()
		if slices.Index(order, "/v/a/x") > slices.Index(order, "/v/a") || len(order) != 4 {
			t.Errorf("order %q", order)
		}
		mu.Unlock()
		close(hung)
	})
}

// TestUnmountWaitsForWhatIsInUseAndDoesNotCallItDone: processes that were killed need a moment to let go; one that hangs
// never does.
func TestUnmountWaitsForWhatIsInUseAndDoesNotCallItDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		begun := time.Now()
		errs := Unmount([]string{"/v/soon", "/v/never"}, 2*time.Second, func(target string) error {
			if target == "/v/soon" {
				if tries++; tries > 3 {
					return nil
				}
			}
			return unix.EBUSY
		})
		if len(errs) != 1 || errs["/v/never"] == nil || !strings.Contains(errs["/v/never"].Error(), "still in use") {
			t.Errorf("errors %v", errs)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
