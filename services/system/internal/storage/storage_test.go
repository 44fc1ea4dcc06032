package storage

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/xfstest"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/diskbook"
)

const mib = 1 << 20

// machine is a lab: disks are loop devices, or whatever else a node can be.
type machine struct {
	t     *testing.T
	root  string
	board *board.Board
	m     *Manager

	mu       sync.Mutex
	disks    []blockdev.Disk
	nodes    map[string]string
	seq      uint64
	attached map[string]bool
	said     strings.Builder
	events   chan blockdev.Event
	patience time.Duration // with a disk that does not answer
	book     *diskbook.Book
}

func lab(t *testing.T) *machine {
	l := &machine{t: t, root: t.TempDir(), nodes: map[string]string{}, attached: map[string]bool{}, events: make(chan blockdev.Event), patience: 10 * time.Second,
		book: diskbook.New(filepath.Join(t.TempDir(), "disks.json"), time.Now)}
	return l
}

// loop attaches a sparse file as a block device.
func (l *machine) loop(size int64) string {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		l.t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", path).Output()
	if err != nil {
		l.t.Fatalf("losetup: %v", err)
	}
	node := strings.TrimSpace(string(out))
	l.t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", node).Run(); err != nil {
			l.t.Errorf("detach %s: %v", node, err)
		}
	})
	return node
}

// plug adds a disk; its name is also its serial.
func (l *machine) plug(name, node string, size int64, change ...func(*blockdev.Disk)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	seq := l.seq // of a node that is no disk
	if b, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(node), "diskseq")); err == nil {
		if seq, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err != nil {
			l.t.Fatal(err)
		}
	}
	d := blockdev.Disk{Name: name, Seq: seq, ID: "id-" + name, Model: "Lab", Serial: "S-" + name, Slot: "bay 3", SizeBytes: size}
	for _, c := range change {
		c(&d)
	}
	l.disks = append(l.disks, d)
	l.nodes[name] = node
}

func (l *machine) pull(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disks = slices.DeleteFunc(l.disks, func(d blockdev.Disk) bool { return d.Name == name })
}

func (l *machine) poke() { l.events <- blockdev.Event{Action: "add", Name: "x"} }

// start runs the service until the test ends, or until the returned function is called.
func (l *machine) start(change ...func(*Config)) (stop func()) {
	l.t.Helper()
	l.board = board.New(time.Now(), api.Status{})
	cfg := Config{
		Root: l.root, BootLabel: "VIGIE", Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Console: console.New(&l.said),
		List: func() ([]blockdev.Disk, error) { l.mu.Lock(); defer l.mu.Unlock(); return slices.Clone(l.disks), nil },
		Node: func(name string) string { l.mu.Lock(); defer l.mu.Unlock(); return l.nodes[name] },
		Attach: func(id, path string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if _, err := os.Stat(filepath.Join(path, "vigie/volume.json")); err != nil {
				l.t.Errorf("attached too early: %v", err)
			}
			l.attached[id] = true
		},
		Book:   l.book,
		Arrays: Arrays{Root: l.t.TempDir(), Mark: "vigie", Ours: []string{"vigie"}, Ask: noRaid, LastCheck: neverChecked, NoteCheck: func(string, diskbook.Check) {}},
		Tell: func(id, serial string, severity diskbook.Severity, text string) {
			l.book.Tell(diskbook.Event{Disk: id, Serial: serial, Severity: severity, Text: text})
		},
		Seen: func([]blockdev.Disk) {}, Health: func(string) api.DiskHealth { return api.DiskHealth{} },
		Settled: func() {}, PowerOff: func(string, string) error { return nil },
		Detach: func(id string) { l.mu.Lock(); defer l.mu.Unlock(); delete(l.attached, id) },
	}
	for _, c := range change {
		c(&cfg)
	}
	l.m = New(cfg, l.board)
	l.m.pace = pace{tick: 5 * time.Millisecond, rescan: time.Hour, check: 20 * time.Millisecond, patience: l.patience, lone: 30 * time.Second,
		quiet: 50 * time.Millisecond, quietNone: 50 * time.Millisecond, retryMount: 50 * time.Millisecond, leave: time.Second}
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.m.Run(ctx, l.events) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(func() {
		stop()
		entries, _ := os.ReadDir(l.root)
		for _, e := range entries {
			_ = exec.Command("umount", "-l", filepath.Join(l.root, e.Name())).Run()
		}
	})
	return stop
}

// until waits for the board to show what is wanted.
func (l *machine) until(what string, ok func(api.Status) bool) api.Status {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	for s := l.board.Status(); ; s = l.board.Wait(ctx, s.Revision) {
		if ok(s) {
			return s
		}
		if ctx.Err() != nil {
			l.t.Fatalf("never %s: %+v %+v\n%s", what, s.Disks, s.Volumes, l.said.String())
		}
	}
}

func disk1(s api.Status, name string) api.Disk {
	for _, d := range s.Disks {
		if d.Serial == "S-"+name {
			return d
		}
	}
	return api.Disk{}
}

func settled(s api.Status) bool { return s.StorageSettled }

func mountedOn(name string) func(api.Status) bool {
	return func(s api.Status) bool {
		return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusMounted && s.Volumes[0].Disk == "id-"+name && disk1(s, name).Operation.Status != api.OperationStatusRunning
	}
}

func (l *machine) ask(disk, serial, name string) error {
	return l.m.Format(l.t.Context(), disk, api.FormatRequest{ConfirmSerial: serial, Name: name})
}

func TestADiskBecomesAVolumeOnTheAdminsWordOnly(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	stop := l.start()
	s := l.until("settled", settled)
	if d := disk1(s, "sda"); d.Use != api.DiskUseBlank || d.Contents != "nothing" || len(s.Volumes) != 0 {
		t.Fatalf("before anybody asked: %+v %+v", d, s.Volumes)
	}
	for _, c := range []struct{ disk, serial, name, want string }{
		{"id-none", "S-sda", "", "no such disk"},
		{"id-sda", "S-sdb", "", "Nothing was changed"},
		{"id-sda", "", "", "Nothing was changed"},
		{"id-sda", "S-sda", "a\x1b", "printable"},
	} {
		if err := l.ask(c.disk, c.serial, c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := l.ask("id-sda", "S-sda", "Gate"); err != nil {
		t.Fatal(err)
	}
	s = l.until("mounted", mountedOn("sda"))
	v := s.Volumes[0]
	if d := disk1(s, "sda"); v.Name != "Gate" || v.Path != filepath.Join(l.root, v.ID) || v.FreeBytes <= 0 || d.Volume != v.ID || d.Use != api.DiskUseVolume || d.Operation.Status != api.OperationStatusDone {
		t.Errorf("got %+v %+v", v, d)
	}
	if err := l.ask("id-sda", "S-sda", ""); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a mounted volume: %v", err)
	}

	t.Run("a restarted service finds it mounted", func(t *testing.T) {
		stop()
		if _, err := os.Stat(filepath.Join(v.Path, "vigie/volume.json")); err != nil {
			t.Fatalf("the service took the volume along: %v", err)
		}
		l.start()
		if again := l.until("mounted again", mountedOn("sda")).Volumes[0]; again.ID != v.ID || again.Name != "Gate" {
			t.Errorf("got %+v", again)
		}
	})
	t.Run("pulled and put back elsewhere", func(t *testing.T) {
		node := l.nodes["sda"]
		l.pull("sda")
		l.poke()
		s := l.until("lost", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusFailed })
		if !strings.Contains(s.Volumes[0].Reason, "removed") || len(s.Disks) != 0 {
			t.Errorf("got %+v", s)
		}
		l.mu.Lock()
		still := l.attached[v.ID]
		l.mu.Unlock()
		if still {
			t.Error("still attached")
		}
		l.plug("sdb", node, 320*mib)
		l.poke()
		if again := l.until("back", mountedOn("sdb")).Volumes[0]; again.ID != v.ID || again.Name != "Gate" {
			t.Errorf("got %+v", again)
		}
		said := l.said.String()
		for _, want := range []string{"disk S-sda: Lab, 335.5 MB, bay 3, blank\n", "volume Gate: mounted at ", "disk S-sda: gone (Lab)"} {
			if strings.Count(said, want) == 0 {
				t.Errorf("the console lacks %q:\n%s", want, said)
			}
		}
	})
}

func TestAWriteProtectedDiskIsSaidAndNotWrittenTo(t *testing.T) {
	l := lab(t)
	node := l.loop(320 * mib)
	l.plug("sda", node, 320*mib)
	t.Cleanup(func() { // or it would stay so for whoever gets the loop device next
		if out, err := exec.Command("blockdev", "--setrw", node).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	stop := l.start(func(c *Config) { c.FormatBlank = true })
	v := l.until("mounted", mountedOn("sda")).Volumes[0]
	stop()
	for _, command := range [][]string{{"umount", v.Path}, {"blockdev", "--setro", node}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", command, err, out)
		}
	}
	l.pull("sda")
	delete(l.attached, v.ID) // with the first service
	l.plug("sda", node, 320*mib, func(d *blockdev.Disk) { d.ReadOnly = true })
	l.start()
	s := l.until("said", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusReadonly })
	if got := s.Volumes[0]; got.ID != v.ID || got.Name != v.Name || !strings.Contains(got.Reason, "write-protected") || got.FreeBytes <= 0 {
		t.Errorf("got %+v", got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attached[v.ID] {
		t.Error("it is to be written to")
	}
}

// TestAFileSystemThatTheKernelShutDownIsMountedAnew: a disk failed for a moment, and is well again.
func TestAFileSystemThatTheKernelShutDownIsMountedAnew(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	l.start(func(c *Config) { c.FormatBlank = true })
	v := l.until("mounted", mountedOn("sda")).Volumes[0]
	held, err := os.Open(v.Path) // as the engine has files open on it
	if err != nil {
		t.Fatal(err)
	}
	xfstest.GoDown(t, v.Path, xfstest.LogLost)
	s := l.until("said", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusFailed })
	if why := s.Volumes[0].Reason; !strings.Contains(why, "shut the file system down") || s.Volumes[0].Disk != "id-sda" {
		t.Errorf("said %+v", s.Volumes[0])
	}
	l.mu.Lock()
	still := l.attached[v.ID]
	l.mu.Unlock()
	if still {
		t.Error("still attached")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	l.until("mounted anew", mountedOn("sda"))
	if err := os.WriteFile(filepath.Join(v.Path, "x"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
}

// TestADiskThatTookAnothersPlaceIsNotFormatted: the one that the administrator named was pulled, and the kernel gave its
// name to the next one before anybody had looked.
func TestADiskThatTookAnothersPlaceIsNotFormatted(t *testing.T) {
	l := lab(t)
	node := l.loop(320 * mib)
	l.plug("sda", node, 320*mib, func(d *blockdev.Disk) { d.Seq-- })
	l.start()
	l.until("blank", func(s api.Status) bool { return len(s.Disks) == 1 && s.Disks[0].Use == api.DiskUseBlank })
	if out, err := exec.Command("mkfs.ext4", "-q", "-L", "films", node).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := l.ask("id-sda", "S-sda", ""); err != nil {
		t.Fatal(err)
	}
	s := l.until("refused", func(s api.Status) bool {
		return s.Disks[0].Operation.Status == api.OperationStatusFailed && s.Disks[0].Use == api.DiskUseOther && strings.Contains(s.Disks[0].Contents, "films")
	})
	if m := s.Disks[0].Operation.Message; !strings.Contains(m, "Another disk") {
		t.Errorf("said %q", m)
	}
}

func TestTheBootOptionTakesBlankFixedDisksOnly(t *testing.T) {
	l := lab(t)
	removable := func(d *blockdev.Disk) { d.Removable = true }
	l.plug("sda", l.loop(320*mib), 320*mib)
	l.plug("sdb", l.loop(320*mib), 320*mib, removable)
	full := l.loop(320 * mib)
	if out, err := exec.Command("mkfs.ext4", "-q", "-L", "films", full).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	l.plug("sdc", full, 320*mib)
	l.plug("sdd", l.loop(16*mib), 16*mib)
	l.start(func(c *Config) { c.FormatBlank = true })
	s := l.until("settled", settled)
	if !mountedOn("sda")(s) {
		t.Errorf("settled without its volume: %+v", s.Volumes)
	}
	if b, c, d := disk1(s, "sdb"), disk1(s, "sdc"), disk1(s, "sdd"); b.Use != api.DiskUseBlank || d.Use != api.DiskUseBlank || c.Use != api.DiskUseOther || c.Contents != `ext4 file system "films"` {
		t.Errorf("got %+v %+v %+v", b, c, d)
	}
	if err := l.ask("id-sdd", "S-sdd", ""); err == nil || !strings.Contains(err.Error(), "300 MiB") {
		t.Errorf("too small: %v", err)
	}
	// The administrator may give what the boot option may not.
	if err := l.ask("id-sdc", "S-sdc", ""); err != nil {
		t.Fatal(err)
	}
	l.until("two volumes", func(s api.Status) bool {
		return len(s.Volumes) == 2 && s.Volumes[0].Status == api.VolumeStatusMounted && s.Volumes[1].Status == api.VolumeStatusMounted
	})
}

func TestADiskThatHangsStopsNobody(t *testing.T) {
	l := lab(t)
	fifo := filepath.Join(t.TempDir(), "hangs") // its open blocks, as a dying disk's does
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	l.patience = time.Second
	l.plug("sda", fifo, 320*mib)
	l.plug("sdb", l.loop(320*mib), 320*mib)
	l.start(func(c *Config) { c.FormatBlank = true })
	l.until("the other mounted", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusMounted })
	s := l.until("settled", settled)
	l.until("said", func(s api.Status) bool { return disk1(s, "sda").Contents == "does not answer" })
	if disk1(s, "sda").Use != api.DiskUseOther {
		t.Errorf("got %+v", disk1(s, "sda"))
	}
	// It comes to itself: the read returns.
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l.until("an answer", func(s api.Status) bool { return strings.HasPrefix(disk1(s, "sda").Contents, "cannot be read") })
}

// TestAMachineWaitsForItsOnlyVolume: what is on it says that the machine is not new. A second volume says so too.
func TestAMachineWaitsForItsOnlyVolume(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	stop := l.start(func(c *Config) { c.FormatBlank = true })
	slow := l.until("mounted", func(s api.Status) bool { return len(s.Volumes) == 1 && s.Volumes[0].Status == api.VolumeStatusMounted }).Volumes
	stop()

	l.patience = 100 * time.Millisecond
	taken := make(chan struct{})
	attach := func(c *Config) {
		c.Attach = func(id, _ string) {
			if id == slow[0].ID {
				<-taken
			}
		}
	}
	l.start(attach)
	l.until("said", func(s api.Status) bool {
		return len(s.Volumes) == 1 && strings.Contains(s.Volumes[0].Reason, "unusually long")
	})
	l.plug("sdb", l.loop(320*mib), 320*mib)
	l.poke()
	s := l.until("a blank disk", func(s api.Status) bool { return disk1(s, "sdb").Use == api.DiskUseBlank })
	if settled(s) {
		t.Error("storage settles without the only volume, which is still being mounted")
	}
	if err := l.ask("id-sdb", "S-sdb", ""); err != nil {
		t.Fatal(err)
	}
	s = l.until("settled", settled)
	if mounted := named(s, slow[0].ID).Status == api.VolumeStatusMounted; mounted {
		t.Errorf("%+v", s.Volumes)
	}
	close(taken)
	l.until("both", func(s api.Status) bool {
		return len(s.Volumes) == 2 && s.Volumes[0].Status == api.VolumeStatusMounted && s.Volumes[1].Status == api.VolumeStatusMounted
	})
}

func TestTheBootMediumIsLeftAlone(t *testing.T) {
	l := lab(t)
	node := l.loop(320 * mib)
	f, err := os.OpenFile(node, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for off, text := range map[int64]string{32 << 10: "\x01CD001\x01", 32<<10 + 40: fmt.Sprintf("%-32s", "VIGIE")} {
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l.plug("sda", node, 320*mib)
	l.plug("sr0", "/dev/none", 1*mib, func(d *blockdev.Disk) { d.Optical = true })
	l.start(func(c *Config) { c.FormatBlank = true })
	s := l.until("looked at", func(s api.Status) bool { return disk1(s, "sda").Use == api.DiskUseBoot })
	if len(s.Disks) != 1 || len(s.Volumes) != 0 {
		t.Errorf("got %+v %+v", s.Disks, s.Volumes)
	}
	if err := l.ask("id-sda", "S-sda", ""); err == nil || !strings.Contains(err.Error(), "started from") {
		t.Errorf("got %v", err)
	}
}

func TestAVolumeThatIsNotOursIsRefused(t *testing.T) {
	l := lab(t)
	node := l.loop(320 * mib)
	if out, err := exec.Command("mkfs.xfs", "-q", "-L", "vigie", node).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", node, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	l.plug("sda", node, 320*mib)
	l.start()
	s := l.until("refused", func(s api.Status) bool { return strings.Contains(disk1(s, "sda").Contents, "not a Vigie volume") })
	if len(s.Volumes) != 0 || disk1(s, "sda").Use != api.DiskUseOther {
		t.Errorf("got %+v", s)
	}
	if entries, err := os.ReadDir(l.root); err != nil || len(entries) != 0 {
		t.Errorf("left in the volumes' folder: %v, %v", entries, err)
	}
}

func TestObserveChangesNothingButItsOwnFolders(t *testing.T) {
	l := lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	dir := filepath.Join(t.TempDir(), "demo")
	l.start(func(c *Config) { c.Observe, c.FormatBlank, c.Dirs = true, true, []string{dir, "/proc/none"} })
	s := l.until("looked at", func(s api.Status) bool { return s.StorageSettled && disk1(s, "sda").Use == api.DiskUseBlank })
	if len(s.Volumes) != 2 {
		t.Fatalf("got %+v", s.Volumes)
	}
	for _, v := range s.Volumes {
		if ok := v.Path == dir; ok != (v.Status == api.VolumeStatusMounted) || ok == (v.Reason != "") {
			t.Errorf("got %+v", v)
		}
	}
	for _, name := range []string{"volume.json", "rec", "index", "accounts", "machine"} {
		if _, err := os.Stat(filepath.Join(dir, "vigie", name)); err != nil {
			t.Error(err)
		}
	}
	if err := l.ask("id-sda", "S-sda", ""); err == nil || !strings.Contains(err.Error(), "observes") {
		t.Errorf("got %v", err)
	}
}

// TestADiskThatSomethingUsesIsNotFormatted: what uses it is said, and nobody is told the kernel's name of a disk.
func TestADiskThatSomethingUsesIsNotFormatted(t *testing.T) {
	l := lab(t)
	uses := func(kind blockdev.UserKind, name string) func(*blockdev.Disk) {
		return func(d *blockdev.Disk) { d.Users = append(d.Users, blockdev.User{Kind: kind, Name: name}) }
	}
	l.plug("sda", l.loop(320*mib), 320*mib, uses(blockdev.Swap, ""), uses(blockdev.Mounted, "/boot"))
	l.plug("sdb", l.loop(320*mib), 320*mib, uses(blockdev.Holder, "md127"))
	member := l.loop(320 * mib)
	if err := os.WriteFile(member, mirrorMember(), 0); err != nil {
		t.Fatal(err)
	}
	l.plug("sdc", member, 320*mib)
	l.start()
	s := l.until("settled", settled)
	if d := disk1(s, "sda"); d.Use != api.DiskUseBusy || !slices.Equal(d.UsedBy, []string{"mounted at /boot", "swap space"}) || d.Slot != "bay 3" {
		t.Errorf("got %+v", d)
	}
	if d := disk1(s, "sdb"); d.Use != api.DiskUseBusy || !slices.Equal(d.UsedBy, []string{"an array that runs"}) {
		t.Errorf("got %+v", d)
	}
	d := disk1(s, "sdc")
	if d.Use != api.DiskUseArray || len(d.Found) != 1 || d.Found[0].Member.Position != 2 || d.Found[0].Member.Machine != "box" || d.Found[0].Member.Level != "RAID 1" {
		t.Errorf("got %+v", d)
	}
	for _, name := range []string{"sda", "sdb"} {
		if err := l.ask("id-"+name, "S-"+name, ""); err == nil || !strings.Contains(err.Error(), "in use") || strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Idle, and so the administrator's to give.
	if err := l.ask("id-sdc", "S-sdc", ""); err != nil {
		t.Error(err)
	}
	l.until("a volume", mountedOn("sdc"))
}

// mirrorMember is the begin of a disk that is the second one of a mirror (metadata 1.2; see package probe).
func mirrorMember() []byte {
	b := make([]byte, 8192)
	for off, v := range map[int]string{0: "\xfc\x4e\x2b\xa9\x01", 16: "0123456789abcdef", 32: "box:films", 72: "\x01", 92: "\x02", 144: "\x08", 160: "\x01", 220: "\x02", 256: "\x00\x00\x01\x00"} {
		copy(b[4096+off:], v)
	}
	return b
}
