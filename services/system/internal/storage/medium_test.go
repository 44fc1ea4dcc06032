package storage

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/blockdev"
)

func removable(d *blockdev.Disk) { d.Removable, d.Bus = true, "usb" }

// stick is a loop device with an ext4 file system.
func (l *machine) stick() string {
	node := l.loop(64 * mib)
	if out, err := exec.Command("mkfs.ext4", "-q", "-L", "STICK", node).CombinedOutput(); err != nil {
		l.t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	return node
}

func medium1(s api.Status) api.Medium {
	if len(s.Media) != 1 {
		return api.Medium{}
	}
	return s.Media[0]
}

func mediumIs(want api.MediumStatus) func(api.Status) bool {
	return func(s api.Status) bool { return medium1(s).Status == want }
}

func TestAMediumIsMountedOnDemandAndEjected(t *testing.T) {
	l := lab(t)
	node := l.stick()
	l.plug("sdx", node, 64*mib, removable)
	var stopped []string
	l.start(func(c *Config) {
		c.PowerOff = func(node, name string) error { stopped = append(stopped, name); return nil }
		c.Health = func(string) api.DiskHealth { time.Sleep(5 * time.Millisecond); return api.DiskHealth{} } // publishing takes a while
	})
	m := medium1(l.until("it is there", mediumIs(api.MediumStatusPresent)))
	if m.ID != "id-sdx" || m.Name != "STICK" || m.Filesystem != "ext4" || m.Path != "" || m.FileLimitBytes != 0 {
		t.Errorf("before anybody asked: %+v", m)
	}
	refused := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused(l.m.MountMedium(t.Context(), "id-none"), "no such USB disk")
	for range 2 { // who asks for what is there gets it
		if err := l.m.MountMedium(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
	}
	m = medium1(l.board.Status()) // with the answer, the state says it
	st, err := os.Stat(m.Path)
	if err != nil || st.Sys().(*syscall.Stat_t).Uid != 901 || m.FreeBytes <= 0 || m.FreeBytes > m.SizeBytes {
		t.Errorf("mounted: %+v, %v, %v", m, st, err)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(table), filepath.Dir(m.Path))
	line, _, _ := strings.Cut(string(table)[max(at, 0):], "\n")
	for _, flag := range []string{"nosuid", "nodev", "noexec", "nosymfollow"} {
		if !strings.Contains(line, flag) {
			t.Errorf("mounted without %s: %s", flag, line)
		}
	}
	refused(l.ask("id-sdx", "S-sdx", ""), "mounted for exports")

	f, err := os.Create(filepath.Join(m.Path, "footage"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	refused(l.m.EjectMedium(t.Context(), m.ID), "An export is being written")
	if _, err := f.WriteString("footage"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := l.m.EjectMedium(t.Context(), m.ID); err != nil || !slices.Equal(stopped, []string{"sdx"}) {
		t.Errorf("%v, stopped %v", err, stopped)
	}
	l.until("it is ejected", mediumIs(api.MediumStatusEjected))
	refused(l.m.MountMedium(t.Context(), m.ID), "Pull it and plug it in again")

	l.pull("sdx")
	l.poke()
	l.until("it is gone", func(s api.Status) bool { return len(s.Media) == 0 })
	l.plug("sdy", node, 64*mib, removable, func(d *blockdev.Disk) { d.Seq += 1000 })
	l.poke()
	m = medium1(l.until("it is there again", mediumIs(api.MediumStatusPresent)))
	if err := l.m.MountMedium(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	m = medium1(l.until("it is mounted again", mediumIs(api.MediumStatusMounted)))
	if b, err := os.ReadFile(filepath.Join(m.Path, "footage")); err != nil || string(b) != "footage" {
		t.Errorf("%q, %v", b, err)
	}
	l.pull("sdy") // while it is mounted
	l.poke()
	l.until("it is gone", func(s api.Status) bool { return len(s.Media) == 0 })
	l.until("its mount is let go of", func(api.Status) bool { _, err := os.Stat(m.Path); return err != nil })
}

// TestADiskMayBePulledOnceItIsStopped: stopping it has it vanish, which is not the end of that.
func TestADiskMayBePulledOnceItIsStopped(t *testing.T) {
	l := lab(t)
	l.plug("sdx", l.stick(), 64*mib, removable)
	begun, ends := make(chan bool), make(chan bool)
	l.start(func(c *Config) {
		c.PowerOff = func(string, string) error { begun <- true; <-ends; return nil }
	})
	m := medium1(l.until("it is there", mediumIs(api.MediumStatusPresent)))
	if err := l.m.MountMedium(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() { told <- l.m.EjectMedium(t.Context(), m.ID) }()
	<-begun
	l.until("it is being ejected", mediumIs(api.MediumStatusEjecting))
	l.pull("sdx")
	l.poke()
	l.until("it is gone", func(s api.Status) bool { return len(s.Media) == 0 })
	select {
	case err := <-told:
		t.Errorf("it may be pulled, it was said, while it was being stopped: %v", err)
	default:
	}
	ends <- true
	if err := <-told; err != nil {
		t.Error(err)
	}
}

// TestOnlyWhatPeoplePluggedInIsAMedium: nothing that the machine or another appliance lives on.
func TestOnlyWhatPeoplePluggedInIsAMedium(t *testing.T) {
	l := lab(t)
	node := l.stick()
	l.plug("sda", node, 64*mib) // a fixed disk
	l.plug("sdb", l.loop(64*mib), 64*mib, removable)
	l.plug("sdc", node, 64*mib, removable, func(d *blockdev.Disk) { d.Optical = true })
	l.start()
	l.until("settled", settled)
	if s := l.board.Status(); len(s.Media) != 0 {
		t.Errorf("media: %+v", s.Media)
	}
	if err := l.m.MountMedium(t.Context(), "id-sda"); err == nil {
		t.Error("a fixed disk is mounted")
	}
}
