//go:build whole

package machine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/installer/layout"
	"vigie/internal/api"
	"vigie/tools/lab"
)

// mends starts the installed machine in rescue mode from the medium, whoever stands there has pressed Esc, after the boot loader of
// the disk DATA0 was destroyed: a shell, tests of a disk and of the memory, the boot loader, a volume's file system, the network, which is switched on, the index,
// the logs to a USB stick, the administrator's password. It restarts, with its settings, its past and the new password, and starts
// from the disk again: in rescue mode at first, where it is reset.
func (b *bench) mends(t *testing.T, past map[string]api.Segment) {
	t.Helper()
	disk := filepath.Join(filepath.Dir(b.ConsoleLog()), "data0.raw")
	destroyLoader(t, disk)
	b.FromDisk, b.Firmware = false, vm.BIOS
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	p := b.rescue(ctx, t)

	p.steps(`Rescue mode: nothing is recorded\. The network is off`, "", `Choice: $`, "1", `# $`, "echo R$((6*7)) $(id -u) $(ip -o link show up | grep -vc ' lo:') $(ps | grep -c '[v]igie engine')E; vigie rescue memory 16; exit\r")
	p.read(`R42 0 0 0E`) // root; no card is up; there is no engine
	p.read(`Testing 16\.8 MB of the memory[^$]*No fault in 16\.8 MB of memory`)

	p.steps(`Choice: $`, "2")
	p.steps(`Choice: $`, p.read(`(\S)  disk DATA1,`)[1])
	p.steps(`All of it was read: [^\n]*\n[^\n]*Everything could be read\.\s[^$]*Press a key`, " ")

	p.steps(`Choice: $`, "3", `Ctrl-C gives up`, "", `\d+ %, pattern 1 of 6 \(zeros\), 0 faults`, "\x03", `Given up after \d+s; 0 faults so far\.[^$]*Press a key`, " ")

	p.steps(`Choice: $`, "7")
	p.steps(`Choice: $`, p.read(`(\S)  disk DATA0,`)[1], `goes back: $`, "yes\r", `was written anew[^$]*Press a key`, " ")

	p.volumeOn("DATA0")
	p.steps(`1  Check: nothing is changed`, "", `Choice: $`, "1", `It was checked, and nothing is wrong\.[^$]*Press a key`, " ")
	p.volumeOn("DATA0")
	p.steps(`Choice: $`, "2", `The last check found nothing to repair\.\s+Press a key`, " ")

	address := lab.MachineAt(0).Addr.String()
	p.steps(`Choice: $`, "5", `are mounted for this`, "", `Set an address by hand`, "", `Choice: $`, "1", `Address, for example [^\n]*: $`, address+"/24\r", `none\): $`, lab.Host().String()+"\r", `several with spaces\): $`, "\r",
		`This will be done:`, "", `It counts from the restart on, and here once`, "", `goes back: $`, "yes\r", `Done\.\s+Press a key`, " ",
		`Choice: $`, "3", `This will be done:`, "", `goes back: $`, "yes\r", `Done\.[^$]*Press a key`, " ", `Choice: $`, "x")

	host := lab.Host().String()
	p.steps(`Choice: $`, "n", `as the\s+settings\s+say`, "", `Address\s+`+regexp.QuoteMeta(address)+`/`, "", `Press a key`, " ", `The network is on`, "", `Choice: $`, "1",
		`# $`, "ssh -y root@"+host+"; vigie rescue capture $(ls /sys/class/net | grep -v lo | head -n 1) /tmp/x.pcap & sleep 1; ping -c 3 "+host+"; kill -INT $!; wait; exit\r")
	for _, line := range []string{`root@` + regexp.QuoteMeta(host) + `:22 [^\n]*Connection refused`, `3 packets received`, `\d+ packets are in the file; 0 came too fast`} { // SSH is there, and nobody who answers
		p.read(line)
	}

	p.steps(`Choice: $`, "i", `neither\s+changed nor deleted`, "", `goes back: $`, "yes\r", `looked\s+into\s+\d+\s+files?;\s+the\s+index\s+was\s+right`, "", `Done: the index is rebuilt[^$]*Press a key`, " ")

	stick := filepath.Join(t.TempDir(), "logs.img")
	run(t, "truncate", "-s", "128M", stick)
	run(t, "mkfs.vfat", "-F", "32", "-n", "LOGS", stick)
	if err := b.VM.PlugStick(ctx, "logs", stick, 0); err != nil {
		t.Fatal(err)
	}
	p.steps(`Choice: $`, "8")
	for p.read(`(Plug in a USB disk)[^$]*Press a key|1  LOGS, FAT`)[1] != "" { // the menu shows what there is when it is opened
		p.steps("", " ", `Choice: $`, "8")
	}
	p.steps(`Choice: $`, "1", `Done: they are in the folder "Vigie logs [^$]*Press a key`, " ")
	if err := b.VM.PullStick(ctx, "logs"); err != nil {
		t.Fatal(err)
	}
	logsOn(t, stick)

	p.steps(`Choice: $`, "6", `New password [^\n]*: $`, "short\r", `once more: $`, "short\r", `New password [^\n]*: $`, password+" mended\r",
		`once more: $`, password+" mended\r", `Done\. `+owner+` logs in`, " ", `Choice: $`, "r", `goes back: $`, "yes\r", `The machine is restarting`, "")
	for _, line := range []string{`administrator is set`, `\n`} {
		p.read(line)
	}
	b.back(ctx, t)
	b.remembers(t, past)
	b.powerOff(t)

	b.FromDisk = true
	p = b.rescue(ctx, t)
	p.steps(`Choice: $`, "9", `are mounted for this`, "", `All settings go, on every disk`, "", `Enter keeps its recordings[^$]*: $`, "\r", `Enter keeps its recordings[^$]*: $`, "\r", `All settings are erased; all recordings stay\.`, "",
		`goes back: $`, "factory reset\r", `The machine is reset, and restarts\.`, "")
	for _, line := range []string{`first set-up: enter code`, `\n`} {
		p.read(line)
	}
	b.connect(ctx, t)
	if err := b.Login(t.Context(), owner, password+" mended"); err == nil || b.greeting.SetupCode == "" {
		t.Errorf("after the reset the password is good, or the code %q", b.greeting.SetupCode)
	}
	b.makeOwner(t)
	b.remembers(t, past)
	b.powerOff(t)
}

// standing is who stands at the machine's serial line.
type standing struct {
	t      *testing.T
	ctx    context.Context
	serial *vm.Console
}

func (p standing) read(pattern string) []string {
	p.t.Helper()
	got, err := p.serial.Expect(p.ctx, regexp.MustCompile(pattern))
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// steps are what is waited for, and what is typed.
func (p standing) steps(all ...string) {
	p.t.Helper()
	for n := 0; n+1 < len(all); n += 2 {
		p.read(all[n])
		if err := p.serial.Send(all[n+1]); err != nil {
			p.t.Fatal(err)
		}
	}
}

// volumeOn chooses the data volume on a disk from the list of volumes. One whose partitions have just been read anew may be without it for a
// moment.
func (p standing) volumeOn(disk string) {
	p.t.Helper()
	for {
		p.steps(`Choice: $`, "4")
		list := p.read(`Which volume\?([^$]*)Choice: $`)[1]
		chosen := regexp.MustCompile(`(\S)  volume Data \S+ on ` + disk + `:`).FindStringSubmatch(list)
		key := "x"
		if chosen != nil {
			key = chosen[1]
		}
		if err := p.serial.Send(key); err != nil {
			p.t.Fatal(err)
		}
		if chosen != nil {
			return
		}
	}
}

// rescue switches the machine on and has it start in rescue mode, until its menu is there.
func (b *bench) rescue(ctx context.Context, t *testing.T) standing {
	t.Helper()
	if err := b.SwitchOn(ctx); err != nil {
		t.Fatal(err)
	}
	p, start := standing{t, ctx, b.VM.Console()}, time.Now()
	p.steps(`Esc: other ways to start`, "\x1b", `start in rescue mode`, "\x1b", `Rescue mode: nothing is recorded\. Press any key`, "\r")
	t.Logf("from power-on to rescue mode's menu, with ten seconds of questions or more: %.1f s", time.Since(start).Seconds())
	return p
}

// past is each camera's first segment.
func (b *bench) past(t *testing.T) map[string]api.Segment {
	t.Helper()
	all := map[string]api.Segment{}
	for own, id := range b.cameras {
		line, err := b.timeline(t.Context(), id)
		if err != nil || len(line.Segments) == 0 || line.Segments[0].Open {
			t.Fatalf("%s: %+v, %v", own, line.Segments, err)
		}
		all[id] = line.Segments[0]
	}
	return all
}

// remembers checks that the timeline has it still.
func (b *bench) remembers(t *testing.T, past map[string]api.Segment) {
	t.Helper()
	for id, want := range past {
		var line api.Timeline
		b.until(t, said, "the timeline has what was recorded first", func(ctx context.Context) (bool, error) {
			var err error
			line, err = b.timeline(ctx, id)
			return met(err == nil && len(line.Segments) > 0 && line.Segments[0] == want, err, line.Segments)
		})
	}
}

// logsOn checks what there is on a stick to which the logs were copied.
func logsOn(t *testing.T, stick string) {
	t.Helper()
	dir := t.TempDir()
	run(t, "mcopy", "-s", "-n", "-i", stick, "::", dir)
	for name, line := range map[string]string{"report.json": `"bootMode": "rescue"`, "kernel.log": "Linux version", "init.log": "level=", "system.log": "level=", "engine.log": "repair of the database has ended"} {
		found, err := filepath.Glob(filepath.Join(dir, "Vigie logs *", name))
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %q, %v", name, found, err)
			continue
		}
		if text, err := os.ReadFile(found[0]); err != nil || !strings.Contains(string(text), line) {
			t.Errorf("%s has no %q (%v): %.200s", name, line, err, text)
		}
	}
}

// back is the machine with the settings of before, and the new password.
func (b *bench) back(ctx context.Context, t *testing.T) {
	t.Helper()
	b.connect(ctx, t)
	if err := b.Login(t.Context(), owner, password); err == nil {
		t.Error("the old password is still good")
	}
	if err := b.Login(t.Context(), owner, password+" mended"); err != nil {
		t.Fatal(err)
	}
	if list, err := b.Client.Cameras(t.Context()); err != nil || len(list) != len(b.cameras) || len(list) == 0 {
		t.Errorf("cameras %+v, %v", list, err)
	}
	b.recording(t)
}

// destroyLoader overwrites what BIOS and UEFI start: the MBR's code, GRUB, the beginning of the EFI partition with the file system's
// tables.
func destroyLoader(t *testing.T, disk string) {
	t.Helper()
	f, table := openSystem(t, disk)
	defer f.Close()
	noise := bytes.Repeat([]byte{0xa5}, 1<<20)
	bios, _ := table.Part(layout.BIOS)
	efi, _ := table.Part(layout.EFI)
	for at, size := range map[int64]int64{0: 440, bios.Start: 1 << 20, efi.Start: 1 << 20} {
		if _, err := f.WriteAt(noise[:size], at); err != nil {
			t.Fatal(err)
		}
	}
}
