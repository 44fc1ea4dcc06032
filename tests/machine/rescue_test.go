//go:build whole

package machine

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/installer/layout"
)

// mends starts the installed machine in rescue mode from the medium, whoever stands there has pressed Esc, after the boot loader of
// the disk DATA0 was destroyed: a shell, a read test, the boot loader, the administrator's password. It restarts, with its settings
// and the new password, and then starts from the disk again.
func (b *bench) mends(t *testing.T) {
	t.Helper()
	disk := filepath.Join(filepath.Dir(b.ConsoleLog()), "data0.raw")
	destroyLoader(t, disk)
	b.FromDisk, b.Firmware = false, vm.BIOS
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	if err := b.SwitchOn(ctx); err != nil {
		t.Fatal(err)
	}
	serial := b.VM.Console()
	read := func(pattern string) []string {
		t.Helper()
		got, err := serial.Expect(ctx, regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	steps := func(all ...string) { // what is waited for, what is typed
		t.Helper()
		for n := 0; n+1 < len(all); n += 2 {
			read(all[n])
			if err := serial.Send(all[n+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	start := time.Now()
	steps(`Esc: other ways to start`, "\x1b", `start in rescue mode`, "\x1b", `Rescue mode: nothing is recorded\. Press any key`, "\r")
	t.Logf("from power-on to rescue mode's menu, with ten seconds of questions: %.1f s", time.Since(start).Seconds())

	steps(`Rescue mode: nothing is recorded\. The network is off`, "", `Choice: $`, "1", `# $`, "echo R$((6*7)) $(id -u) $(ip -o link show up | grep -vc ' lo:') $(ps | grep -c '[v]igie engine')E; exit\r")
	read(`R42 0 0 0E`) // root; no card is up; there is no engine

	steps(`Choice: $`, "2")
	steps(`Choice: $`, read(`(\S)  disk DATA1,`)[1])
	steps(`All of it was read: [^\n]*\n[^\n]*Everything could be read\.\s[^$]*Press a key`, " ")

	steps(`Choice: $`, "7")
	steps(`Choice: $`, read(`(\S)  disk DATA0,`)[1], `goes back: $`, "yes\r", `was written anew[^$]*Press a key`, " ")

	steps(`Choice: $`, "6", `are mounted for this`, "", `New password [^\n]*: $`, "short\r", `once more: $`, "short\r", `New password [^\n]*: $`, password+" mended\r",
		`once more: $`, password+" mended\r", `Done\. `+owner+` logs in`, " ", `Choice: $`, "r", `goes back: $`, "yes\r", `The machine is restarting`, "")
	for _, line := range []string{`administrator is set`, `\n`} {
		read(line)
	}
	b.back(ctx, t)
	b.powerOff(t)

	b.FromDisk = true
	b.boot(t)
	b.back(ctx, t)
	b.powerOff(t)
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
