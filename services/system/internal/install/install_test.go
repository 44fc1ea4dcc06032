package install

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

const version = "1.2.3"

// machine is a root with what the image build puts there, and a slot with its image.
func machine(t *testing.T) (i *Installer, slot string, trusted []ed25519.PublicKey) {
	t.Helper()
	root := t.TempDir()
	text, err := systemimage.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := systemimage.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	trusted = []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	pem, err := systemimage.EncodeTrusted(trusted...)
	if err != nil {
		t.Fatal(err)
	}
	boot := make([]byte, 512)
	copy(boot, "boot code")
	boot[510], boot[511] = 0x55, 0xaa
	stages := filepath.Join(root, loader.StagesFolder)
	for name, b := range map[string][]byte{
		filepath.Join(root, systemimage.TrustedFile): pem, filepath.Join(stages, loader.BootStage): boot,
		filepath.Join(stages, loader.CoreStage): bytes.Repeat([]byte{9}, 40_000),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	block, err := loader.Block()
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	if err := os.WriteFile(filepath.Join(scratch, "block"), block, 0o644); err != nil {
		t.Fatal(err)
	}
	efi := filepath.Join(stages, loader.EFIStage)
	run(t, "mkfs.vfat", "-F", "32", "-s", "1", "-C", efi, fmt.Sprint(layout.EFIBytes>>10))
	run(t, "mmd", "-i", efi, "::/boot", "::/boot/grub")
	for _, file := range []string{loader.CountFile, loader.Slots0File, loader.Slots1File} {
		run(t, "mcopy", "-i", efi, filepath.Join(scratch, "block"), "::"+file)
	}
	if err := os.Mkdir(filepath.Join(scratch, "s"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scratch, "s", loader.Kernel), bytes.Repeat([]byte("kernel "), 300_000), 0o644); err != nil {
		t.Fatal(err)
	}
	slot = filepath.Join(scratch, "system.img")
	run(t, "mksquashfs", filepath.Join(scratch, "s"), slot, "-noI", "-noD", "-noF", "-noX", "-quiet", "-no-progress")
	f, err := os.OpenFile(slot, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	seal, err := systemimage.Seal(f, size, systemimage.Manifest{Version: version, BuiltS: 5, Kernel: "6.12"}, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(seal); err != nil {
		t.Fatal(err)
	}
	return New(Config{Root: root, Scratch: t.TempDir(), Version: version, Log: slog.New(slog.DiscardHandler)}), slot, trusted
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// loop is a disk of the given size.
func loop(t *testing.T, bytes int64) Target {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(bytes), f.Close()); err != nil {
		t.Fatal(err)
	}
	return Target{Node: attach(t, file, 0, bytes), Bytes: bytes, Part: partitions(t, file, bytes)}
}

func attach(t *testing.T, file string, start, size int64) string {
	t.Helper()
	node := run(t, "losetup", "--find", "--show", "--offset", fmt.Sprint(start), "--sizelimit", fmt.Sprint(size), file)
	t.Cleanup(func() { run(t, "losetup", "--detach", node) })
	return node
}

// partitions makes each partition a device of its own: the kernel of the machine that tests run on need not know GPT.
func partitions(t *testing.T, file string, size int64) func(number int) string {
	return func(number int) string {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		table, err := layout.Read(f, size)
		if err != nil {
			t.Fatal(err)
		}
		p := table.Parts[number-1]
		return attach(t, file, p.Start, p.Size)
	}
}

func TestInstalledDiskIsWholeAndStartsOnlyAtTheEnd(t *testing.T) {
	i, slot, trusted := machine(t)
	target := loop(t, layout.MinBytes+400<<20)
	target.Data = true
	var steps []int
	activate, err := i.Install(t.Context(), target, []Source{{Node: "/dev/none", Slot: true}, {Node: slot, Slot: true}}, func(s Step) {
		steps = append(steps, s.Percent)
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(steps); n++ {
		if steps[n] < steps[n-1] {
			t.Errorf("progress %v", steps)
			break
		}
	}
	disk, err := os.Open(target.Node)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	table, err := layout.Read(disk, target.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sector := func(at int64) []byte {
		b := make([]byte, 512)
		if err := unix.IoctlSetInt(int(disk.Fd()), unix.BLKFLSBUF, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := disk.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		return b
	}
	efi, _ := table.Part(layout.EFI)
	if bytes.HasPrefix(sector(0), []byte("boot code")) || sector(efi.Start)[510] == 0x55 {
		t.Error("something starts from the disk before it was told to")
	}
	if err := activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sector(0), []byte("boot code")) || sector(efi.Start)[510] != 0x55 {
		t.Error("nothing starts from the disk")
	}
	slots, err := installer.Slots(io.NewSectionReader(disk, efi.Start, efi.Size))
	if err != nil || slots.A != loader.Confirmed || slots.B != loader.Confirmed || slots.System != table.Disk.String() {
		t.Errorf("%+v, %v", slots, err)
	}
	for _, role := range []layout.Role{layout.SlotA, layout.SlotB} {
		p, _ := table.Part(role)
		image, err := systemimage.Open(io.NewSectionReader(disk, p.Start, p.Size), p.Size, trusted)
		if err == nil {
			err = image.Verify(image.Reader(), nil)
		}
		if err != nil || image.Version != version {
			t.Errorf("slot %s: %v", role, err)
		}
	}
	found, err := probe.Probe(disk, target.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for label, role := range map[string]layout.Role{volume.StateLabel: layout.State, volume.Label: layout.Data} {
		p, _ := table.Part(role)
		c, part, ok := found.Find(func(c probe.Content) bool { return c.Kind == "xfs" && c.Label == label })
		if !ok || part.Start != p.Start || c.UUID != p.ID.String() {
			t.Errorf("%s: %+v %+v", label, c, part)
		}
	}
}

// TestASystemDiskIsOpenedByItsIDAndTakesAnotherVersion on a real device, whose cache is let go of before anything is believed.
func TestASystemDiskIsOpenedByItsIDAndTakesAnotherVersion(t *testing.T) {
	i, slot, trusted := machine(t)
	target := loop(t, layout.MinBytes)
	activate, err := i.Install(t.Context(), target, []Source{{Node: slot, Slot: true}}, func(Step) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(target.Node)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := layout.Read(f, target.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenSystem(target, "01020304-0506-4708-8900-000000000001"); !errors.Is(err, layout.ErrNoSystem) {
		t.Errorf("by another id: %v", err)
	}
	blank := loop(t, layout.MinBytes)
	if _, _, err := OpenSystem(blank, table.Disk.String()); !errors.Is(err, layout.ErrNoSystem) {
		t.Errorf("a blank disk: %v", err)
	}
	d, closer, err := OpenSystem(target, table.Disk.String())
	if err != nil {
		t.Fatal(err)
	}
	states, err := d.Slots()
	if err == nil {
		states, err = states.Clear("a")
	}
	if err == nil {
		err = d.SetSlots(states)
	}
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.Open(slot)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		t.Fatal(err)
	}
	image, err := systemimage.Open(source, info.Size(), trusted)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.FillSlot(t.Context(), layout.SlotB, image, source, nil); err != nil {
		t.Fatal(err)
	}
	if states, err = states.Try("a"); err == nil {
		err = errors.Join(d.SetSlots(states), closer.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	again, closer, err := OpenSystem(target, table.Disk.String())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	got, err := again.Slots()
	if err != nil || got != states || got.OnTrial() != "b" {
		t.Errorf("%+v, %v", got, err)
	}
	if found, err := again.Image(layout.SlotB, trusted); err != nil || found.Verify(found.Reader(), nil) != nil {
		t.Errorf("slot b: %v", err)
	}
}

func TestNothingIsWrittenWithoutAnImageToInstall(t *testing.T) {
	i, slot, _ := machine(t)
	_, theirs, _ := machine(t)
	later := New(i.cfg)
	later.cfg.Version = "1.2.4"
	target := loop(t, layout.MinBytes)
	if err := os.WriteFile(target.Node, []byte("precious"), 0); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(t.TempDir(), "torn")
	b, err := os.ReadFile(slot)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, b[:len(b)-5000], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, sources := range map[string][]Source{"none": nil, "gone": {{Node: "/dev/none"}}, "another's key": {{Node: theirs, Slot: true}}, "torn": {{Node: torn, Slot: true}}} {
		if _, err := i.Install(t.Context(), target, sources, func(Step) {}); !errors.Is(err, ErrNoSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := later.Install(t.Context(), target, []Source{{Node: slot, Slot: true}}, func(Step) {}); !errors.Is(err, ErrNoSource) {
		t.Errorf("of another version: %v", err)
	}
	small := target
	small.Bytes -= layout.Sector
	if _, err := i.Install(t.Context(), small, []Source{{Node: slot, Slot: true}}, func(Step) {}); err == nil {
		t.Error("a disk that is too small was taken")
	}
	swapped := target
	swapped.Seq = 1 << 40
	if _, err := i.Install(t.Context(), swapped, []Source{{Node: slot, Slot: true}}, func(Step) {}); !errors.Is(err, volume.ErrSwapped) {
		t.Errorf("another disk: %v", err)
	}
	got := make([]byte, 8)
	f, err := os.Open(target.Node)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(got); err != nil || string(got) != "precious" {
		t.Errorf("the disk begins with %q, %v", got, err)
	}
}

// TestTheBootLoaderIsWrittenAnew on disks whose boot loader is damaged, each in another way.
func TestTheBootLoaderIsWrittenAnew(t *testing.T) {
	i, slot, _ := machine(t)
	target := loop(t, layout.MinBytes+400<<20)
	target.Data = true
	activate, err := i.Install(t.Context(), target, []Source{{Node: slot, Slot: true}}, func(Step) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := open(target, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	disk, err := installer.Open(d, target.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	table, err := layout.Read(d, target.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	before, err := disk.Slots()
	if err != nil {
		t.Fatal(err)
	}
	on, err := before.Try("a") // slot B is on trial: that is to stay so
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.SetSlots(on); err != nil {
		t.Fatal(err)
	}
	read := func(at, size int64) []byte {
		b := make([]byte, size)
		if _, err := d.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		return b
	}
	efi, _ := table.Part(layout.EFI)
	bios, _ := table.Part(layout.BIOS)
	slotA, _ := table.Part(layout.SlotA)
	state, _ := table.Part(layout.State)
	good := map[int64][]byte{0: read(0, 34*layout.Sector), bios.Start: read(bios.Start, bios.Size), efi.Start: read(efi.Start, efi.Size)}
	kept := map[int64][]byte{slotA.Start: read(slotA.Start, 4<<20), state.Start: read(state.Start, 4<<20)}
	noise := bytes.Repeat([]byte{0xa5}, 1<<20)
	for _, c := range []struct {
		name  string
		at    int64
		bytes int64
		known bool
	}{
		{"nothing", 0, 0, true},
		{"the MBR's code", 0, 440, true},
		{"MBR and partition table", 0, 34 * layout.Sector, true},
		{"GRUB for BIOS", bios.Start, 32 << 10, true},
		{"the EFI partition", efi.Start, 1 << 20, false},
	} {
		if _, err := d.WriteAt(noise[:c.bytes], c.at); err != nil {
			t.Fatal(err)
		}
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
		slots, known, err := i.MendLoader(t.Context(), target)
		if err != nil || known != c.known {
			t.Errorf("%s: %v, known %v", c.name, err, known)
			continue
		}
		want := on
		if !known {
			want = loader.Slots{Generation: 1, System: before.System, First: "a", A: loader.Confirmed, B: loader.Confirmed}
		}
		written, err := disk.Slots()
		if err != nil || slots != want || written != want {
			t.Errorf("%s: states %+v, on the disk %+v, want %+v (%v)", c.name, slots, written, want, err)
		}
		for at, b := range good {
			if c.known && !bytes.Equal(read(at, int64(len(b))), b) {
				t.Errorf("%s: what lies at %d is not what it was", c.name, at)
			}
		}
		for at, b := range kept {
			if !bytes.Equal(read(at, int64(len(b))), b) {
				t.Errorf("%s: what lies at %d was touched", c.name, at)
			}
		}
	}
	// Nothing to start, and no system disk at all: nothing is written.
	for _, at := range []int64{slotA.Start, slotA.Start + layout.SlotBytes, efi.Start} {
		if _, err := d.WriteAt(noise, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := i.MendLoader(t.Context(), target); !errors.Is(err, ErrNoVersion) {
		t.Errorf("a disk without a version: %v", err)
	}
	if !bytes.Equal(read(efi.Start, 1<<20), noise) {
		t.Error("something was written all the same")
	}
	blank := loop(t, layout.MinBytes)
	if _, _, err := i.MendLoader(t.Context(), blank); !errors.Is(err, layout.ErrNoSystem) {
		t.Errorf("a blank disk: %v", err)
	}
}
