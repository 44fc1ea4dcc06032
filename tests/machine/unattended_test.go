//go:build whole

package machine

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/lab"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// answered is an answer file for a machine of the lab.
const answered = `{
  "version": 1,
  "disk": {"only": true},
  "dataVolume": true,
  "hostname": "yard",
  "timeZone": "Europe/Lisbon",
  "network": {"interfaces": [{"id": "first", "ipv4": {"method": "static", "addresses": ["%s/24"], "gateway": "%s"}}]},
  "administrator": {"username": "%s", "password": "%s"},
  "atEnd": "poweroff"
}
`

// stick makes a USB stick with an answer file.
func stick(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vigie-answer.json")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return fatWith(t, "VIGIEANSWER", file)
}

// disc makes a CD with an answer file.
func disc(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	file, image := filepath.Join(dir, "vigie-answer.json"), filepath.Join(dir, "answer.iso")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "VIGIE-ANSWER", "-o", image, file)
	return image
}

// fatWith makes a USB stick with a file, as FAT.
func fatWith(t *testing.T, label, file string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "stick.img")
	run(t, "truncate", "-s", "128M", image)
	run(t, "mkfs.vfat", "-F", "32", "-n", label, image)
	run(t, "mcopy", "-i", image, file, "::")
	return image
}

// reads waits for what the machine writes to its serial line.
func (b *bench) reads(t *testing.T, limit time.Duration, pattern string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	got, err := b.VM.Console().Expect(ctx, regexp.MustCompile(pattern))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// tells waits until the machine has written something to its serial line since it was switched on, and returns its groups.
func (b *bench) tells(t *testing.T, limit time.Duration, pattern string) (groups []string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	b.until(t, limit, "the console says "+pattern, func(context.Context) (bool, error) {
		groups = re.FindStringSubmatch(b.VM.Console().Text())
		return groups != nil, nil
	})
	return groups
}

// TestMachineInstallsItselfByAnAnswerFile starts from a CD, with an answer file on a second one, and a blank disk. It switches itself off when
// it is installed, and the disk starts.
func TestMachineInstallsItselfByAnAnswerFile(t *testing.T) {
	b := openAsIs(t, site.Config{Firmware: vm.UEFI, Medium: vm.CD, DiskBytes: []int64{4 << 30}, Cameras: []rtspcam.Config{}})
	text := fmt.Sprintf(answered, lab.MachineAt(0).Addr, lab.Host(), owner, password)
	b.Disc = disc(t, text)
	b.boot(t)
	b.tells(t, time.Minute, `answer file: used, from the CD in QEMU DVD-ROM`)
	b.installsItself(t)
	b.FromDisk, b.Disc = true, ""
	if err := b.SwitchOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.reads(t, time.Minute, `Starting slot a`)
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
}

// installsItself waits until the machine has installed itself on its first disk and is off.
func (b *bench) installsItself(t *testing.T) {
	t.Helper()
	took := b.tells(t, 4*time.Minute, `answer file: installed on disk DATA0 in (\d+) s`)[1]
	t.Logf("installing with nobody there took %s s", took)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.VM.Wait(ctx); err != nil {
		t.Fatalf("it does not switch itself off: %v", err)
	}
	b.toldNobody(t)
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
}

// TestMachineInstallsItselfByABootOption starts as one does that is given its kernel by the network, with the answers on the kernel's command line, and the
// CD beside it. It switches itself off when it is installed, starts from the disk, and is what was answered; a stick with the file,
// which is there now, is refused.
func TestMachineInstallsItselfByABootOption(t *testing.T) {
	build, err := filepath.Abs("../../build")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(answered, lab.MachineAt(0).Addr, lab.Host(), owner, "")
	text = strings.Replace(text, `"password": ""`, hashed, 1)
	b := openAsIs(t, site.Config{Firmware: vm.UEFI, Kernel: filepath.Join(build, "vmlinuz"), Initrd: filepath.Join(build, "initrd.img"),
		Line: "vigie.answer=" + base64.StdEncoding.EncodeToString([]byte(text)), DiskBytes: []int64{4 << 30}, Cameras: []rtspcam.Config{}})
	b.Disc = filepath.Join(build, "vigie.iso")
	b.boot(t)
	b.tells(t, time.Minute, `answer file: used, from boot option vigie\.answer`)
	b.installsItself(t)

	b.FromDisk, b.Disc, b.Stick = true, "", stick(t, text)
	b.boot(t)
	b.tells(t, time.Minute, `answer file: not used \(disk STICK[^)]*\): The machine was started from its own disk`)
	if b.greeting.SetupCode != "" {
		t.Error("the installed machine waits to be set up")
	}
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.BootMode != api.StatusBootModeInstalled || s.Hostname != "yard" || s.Clock.TimeZone != "Europe/Lisbon" || len(s.Volumes) != 2 {
		t.Errorf("it is %s, called %s, in %s, with %d volumes", s.BootMode, s.Hostname, s.Clock.TimeZone, len(s.Volumes))
	}
	if i := s.Interfaces[0]; i.Dhcp.Status != api.DhcpStatusOff || len(i.Addresses) == 0 || i.Addresses[0] != lab.MachineAt(0).Addr.String()+"/24" {
		t.Errorf("its first interface is %+v", i)
	}
	b.toldNobody(t)
	for _, path := range []string{"/status", "/services/system/log", "/services/web/log", "/installation"} {
		answer, err := b.Do(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || strings.Contains(string(text), password) {
			t.Errorf("%s: %s (%v)", path, answer.Status, err)
		}
	}
	b.powerOff(t)
}

// hashed is the hash of the password, made as ANSWERS.md says.
const hashed = `"passwordHash": "$argon2id$v=19$m=32768,t=3,p=1$OTNiODYxOWQyODgzMjQ5Yg$7ACkj1RjDtEZyciwska/nCTx+KWrtfVOLzrzQqgYgNM"`

// toldNobody checks that the password is not on the console.
func (b *bench) toldNobody(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(b.ConsoleLog())
	if err != nil || len(text) == 0 || strings.Contains(string(text), password) {
		t.Errorf("the console tells the password (%v)", err)
	}
}

// greetsOnScreen switches a machine without a serial port on, and off when GRUB has come to its greeting: GRUB must say nothing of
// what is not there.
func greetsOnScreen(t *testing.T, cfg vm.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg.Dir, cfg.Accel, cfg.NoSerial = t.TempDir(), accel(), true
	m, err := vm.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for {
		screen, err := m.Screen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, shown, found := strings.Cut(screen, "GRUB"); found && strings.Contains(shown, "Vigie (Esc: other ways to start)") {
			if strings.Contains(shown, "error") {
				t.Errorf("without a serial port the screen shows\n%s", screen)
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestMachineIsInstalledAtItsSerialLine starts from a CD, with a stick whose answer file has a mistake: the machine says where, and goes
// on. It is installed by who types on the serial line, and starts from the disk. Without a serial port neither the CD nor the disk says
// that there is none.
func TestMachineIsInstalledAtItsSerialLine(t *testing.T) {
	b := openAsIs(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, DiskBytes: []int64{4 << 30}, Cameras: []rtspcam.Config{}})
	text := fmt.Sprintf(answered, lab.MachineAt(0).Addr, lab.Host(), owner, password)
	b.Stick = stick(t, strings.Replace(text, "Europe/Lisbon", "Lisboa", 1))
	b.boot(t)
	b.tells(t, time.Minute, `answer file: not used \(disk STICK[^)]*\): line 6: "Lisboa" is no time zone`)
	if b.greeting.SetupCode == "" {
		t.Error("the machine does not wait to be set up")
	}
	type step struct{ until, keys string }
	dialog := func(steps ...step) {
		t.Helper()
		for _, s := range steps {
			b.reads(t, time.Minute, s.until)
			if err := b.VM.Console().Send(s.keys); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.tells(t, time.Minute, `Press any key for the menu`)
	dialog(step{``, "\r"}, step{`I  Install on a disk`, ""}, step{`Choice: $`, "i"},
		step{`-  [^\n]*serial STICK`, ""}, step{`Vigie was started from this disk`, ""}, step{`1  [^\n]*serial DATA0, 4\.3 GB: nothing`, ""}, step{`Choice: $`, "1"},
		step{`data volume\? yes$`, "\r"}, step{`Name of the machine: \S*$`, "\x15yard\r"}, step{`Paris: UTC$`, "\x15Europe/Lisbon\r"},
		step{`user name: $`, owner + "\r"}, step{`Password: $`, password + "\r"}, step{`again: $`, password + "\r"}, step{`which is blank`, ""}, step{`back: $`, "yes\r"})
	took := b.reads(t, 4*time.Minute, `Vigie is installed on disk DATA0\. It took (\d+) s`)[1]
	t.Logf("installing at the serial line took %s s", took)
	dialog(step{`Take the medium out`, ""}, step{`back: $`, "no\r"})
	b.toldNobody(t)
	b.powerOff(t)
	greetsOnScreen(t, vm.Config{Image: "../../build/vigie.iso"})
	greetsOnScreen(t, vm.Config{FromDisk: true, Disks: []vm.Disk{{ID: "data0", Path: filepath.Join(filepath.Dir(b.ConsoleLog()), "data0.raw"), Format: "raw"}}})

	b.FromDisk, b.Stick = true, ""
	b.boot(t)
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	s, err := b.Status(t.Context())
	if err != nil || s.BootMode != api.StatusBootModeInstalled || s.Hostname != "yard" || s.Clock.TimeZone != "Europe/Lisbon" || len(s.Volumes) != 2 {
		t.Errorf("it is %s, called %s, in %s, with %d volumes (%v)", s.BootMode, s.Hostname, s.Clock.TimeZone, len(s.Volumes), err)
	}

	// Another version comes by a USB stick, and is written and started at the serial line too.
	const version = "2099.1.1"
	image := variant(t, version, "1h", "")
	if err := b.VM.PlugStick(t.Context(), "update", fatWith(t, "UPDATE", image.Name()), 0); err != nil {
		t.Fatal(err)
	}
	b.until(t, time.Minute, "the stick is seen", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		return len(s.Media) == 1, err
	})
	dialog(step{`Press any key for the menu`, "\r"}, step{`6  Versions and updates`, ""}, step{`Choice: $`, "6"}, step{`This machine runs version`, ""}, step{`Choice: $`, "1"},
		step{`1  UPDATE, `, ""}, step{`Choice: $`, "1"}, step{`1  2099\.1\.1, in 2099\.1\.1\.img`, ""}, step{`Choice: $`, "1"},
		step{`Version 2099\.1\.1, signed`, ""}, step{`back: $`, "yes\r"}, step{`was read back whole`, ""}, step{`can be pulled`, ""},
		step{`restarts into version`, ""}, step{`back: $`, "yes\r"}, step{`Slot b is on trial, start 1 of 3`, ""}, step{`administrator is set`, ""})
	b.connect(t.Context(), t)
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	if running, _, u := b.slots(t); running.Version != version || u.Trial.Version != version {
		t.Errorf("it runs %+v; %+v", running, u)
	}

	// It works; whoever stands there goes back to the version of before all the same.
	b.reads(t, 2*time.Minute, `update: version 2099\.1\.1 works, and is confirmed`)
	_, before, _ := b.slots(t)
	dialog(step{``, "\r"}, step{`6  Versions and updates`, ""}, step{`Choice: $`, "6"}, step{`This machine runs version 2099\.1\.1\.\s+In its other slot is version`, ""},
		step{`2  Start version \S+, which is in the other slot`, ""}, step{`Choice: $`, "2"}, step{`comes back to the version of\s+now`, ""}, step{`back: $`, "yes\r"}, step{`Slot a is on trial, start 1 of 3`, ""}, step{`administrator is set`, ""})
	b.connect(t.Context(), t)
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	if running, other, u := b.slots(t); running.Version != before.Version || other.Version != version || u.Trial.Version != before.Version {
		t.Errorf("it runs %+v, beside it is %+v; %+v", running, other, u)
	}
	b.powerOff(t)
}
